#include "report/html_report.hpp"

#include <algorithm>
#include <map>

#include "report/html_page.hpp"
#include "report/run_figures.hpp"
#include "report/run_groups.hpp"
#include "report/run_head.hpp"
#include "util/format.hpp"

namespace reluscope {

namespace {

using Json = nlohmann::ordered_json;

/// A row for each run: what varies, and how it ended.
std::string side_by_side_html(const std::vector<ReportRun>& runs, const RunLabels& labels) {
  std::vector<std::string> head = {"run"};
  head.insert(head.end(), labels.keys.begin(), labels.keys.end());
  head.insert(head.end(), {"seed", "status", "verdict", "test loss", "test accuracy"});
  std::vector<std::vector<std::string>> rows;
  for (std::size_t run = 0; run < runs.size(); ++run) {
    std::vector<std::string>& row = rows.emplace_back();
    row.push_back(runs[run].name);
    row.insert(row.end(), labels.values[run].begin(), labels.values[run].end());
    const Json& test = member(runs[run].summary, "test");
    row.insert(row.end(), {text_of(runs[run].manifest, "seed"), text_of(runs[run].summary, "status"),
                           text_of(runs[run].summary, "verdict"), loss_of(test), accuracy_of(test)});
  }
  return table_html(head, rows);
}

/// What the page says where it has no charts.
std::string without_charts_html(const std::string& why) {
  return why.empty() ? "" : "<p class=absent>This page has the numbers and no charts: " + html_escape(why) + "</p>\n";
}

/// The first screen, then the charts, then what stands behind it all.
HtmlReport one_run(const ReportRun& run) {
  std::vector<Figure> measured = run_figures(run);
  std::vector<Figure> explained = run_explanations(run);
  std::vector<Figure*> figures;
  for (std::vector<Figure>* some : {&measured, &explained})
    for (Figure& figure : *some) figures.push_back(&figure);
  std::vector<DrawnChart> drawn;
  HtmlReport report;
  report.without_charts = draw_figures(figures, drawn);
  std::string beside;
  std::string charts;
  std::size_t next = 0;
  for (const Figure& figure : measured) {
    std::string& place = beside.empty() ? beside : charts;  // dead units come first, where there was a census
    place += figure_html(figure, drawn[next++]);
  }
  std::string body = without_charts_html(report.without_charts) + first_screen_html(run, beside);
  if (!charts.empty())
    body += "<section><h2>What was measured</h2>\n<div class=grid>\n" + charts + "</div></section>\n";
  if (!explained.empty()) {
    body += "<section><h2>Why units die, and cannot come back</h2>\n<div class=grid>\n";
    for (const Figure& figure : explained) body += figure_html(figure, drawn[next++]);
    body += "</div></section>\n";
  }
  body += census_html(run) + glossary_html() + origin_html(run);
  report.page = html_page("reluscope: " + html_escape(run.name), body);
  return report;
}

/// Side by side, then what each run has to say, then chart by chart the runs beside each other.
HtmlReport several_runs(std::vector<ReportRun> given) {
  const std::vector<ReportRun> runs = in_order(std::move(given));
  const RunLabels labels = label_runs(runs);
  std::vector<std::vector<Figure>> all;
  for (const ReportRun& run : runs) all.push_back(run_figures(run));
  share_axes(all);
  std::vector<Figure> compared = comparison_figures(runs, labels);
  // One gnuplot for all charts; ids tell the runs apart.
  std::vector<Figure*> figures;
  for (std::size_t run = 0; run < all.size(); ++run)
    for (Figure& figure : all[run]) {
      figure.chart.id += "-" + std::to_string(run + 1);
      figures.push_back(&figure);
    }
  for (Figure& figure : compared) figures.push_back(&figure);
  std::vector<DrawnChart> drawn;
  HtmlReport report;
  report.without_charts = draw_figures(figures, drawn);
  std::string body = without_charts_html(report.without_charts) + "<section><h2>Side by side</h2>\n" +
                     side_by_side_html(runs, labels) + "<div class=grid>\n";
  std::size_t next = figures.size() - compared.size();
  for (const Figure& figure : compared) body += figure_html(figure, drawn[next++]);
  body += "</div></section>\n";
  std::map<std::string, std::string> by_chart;
  std::vector<std::string> order;
  next = 0;
  for (std::size_t run = 0; run < runs.size(); ++run) {
    const std::string seed = text_of(runs[run].manifest, "seed");
    const std::string head = labels.names[run] + (seed.empty() ? "" : ", seed " + seed);
    body += "<section><h2>" + html_escape(head) + "</h2>\n" + first_screen_html(runs[run], "") +
            census_html(runs[run]) + origin_html(runs[run]) + "</section>\n";
    for (Figure& figure : all[run]) {
      const std::string kind = figure.chart.title;
      if (!by_chart.contains(kind)) order.push_back(kind);
      figure.chart.title = head;
      by_chart[kind] += figure_html(figure, drawn[next++]);
    }
  }
  for (const std::string& kind : order)
    body += "<section><h2>" + html_escape(kind) + "</h2>\n<div class=grid>\n" + by_chart[kind] + "</div></section>\n";
  report.page = html_page("reluscope: " + std::to_string(runs.size()) + " runs", body + glossary_html());
  return report;
}

}  // namespace

HtmlReport html_report(std::vector<ReportRun> runs) {
  return runs.size() == 1 ? one_run(runs.front()) : several_runs(std::move(runs));
}

}  // namespace reluscope
