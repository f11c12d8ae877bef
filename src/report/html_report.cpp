#include "report/html_report.hpp"

#include <algorithm>
#include <map>

#include "diagnose/layers.hpp"
#include "report/html_page.hpp"
#include "report/run_figures.hpp"
#include "report/run_groups.hpp"
#include "util/format.hpp"

namespace reluscope {

namespace {

using Json = nlohmann::ordered_json;

/// Findings of one rule that are shown at once.
constexpr int kFindingsOfRule = 3;

std::string findings_html(const ReportRun& run) {
  std::string html;
  std::string more;
  std::map<std::pair<std::string, Severity>, int> shown;
  for (const Finding& finding : run.diagnosis.findings) {
    const std::string severity(severity_name(finding.severity));
    std::string& place = ++shown[{finding.rule, finding.severity}] <= kFindingsOfRule ? html : more;
    place += "<li class=" + severity + "><b>" + severity + "</b> <code>" + html_escape(finding.rule) + "</code> " +
             html_escape(finding.sentence);
    if (!finding.symptom_of.empty()) {
      place += " <small>Follows from <code>" + html_escape(finding.symptom_of) + "</code>.</small>";
    } else if (!finding.remedies.empty() && finding.severity > Severity::info) {
      place += " <small>May help: ";
      for (std::size_t at = 0; at < finding.remedies.size(); ++at)
        place += (at > 0 ? ", " : "") + html_escape(finding.remedies[at]);
      place += "</small>";
    }
    place += "</li>\n";
  }
  if (html.empty()) return "<p>No findings.</p>\n";
  html = "<ul class=findings>\n" + html + "</ul>\n";
  if (more.empty()) return html;
  return html + "<details><summary>The same rules at other layers</summary><ul class=findings>\n" + more +
         "</ul></details>\n";
}

std::string percent_of(const Json& evaluation) {
  if (!evaluation.is_object() || !evaluation.contains("accuracy") || !evaluation["accuracy"].is_number()) return "";
  return format_fixed(100.0 * evaluation["accuracy"].get<double>(), 2) + " %";
}

std::string loss_of(const Json& evaluation) {
  if (!evaluation.is_object() || !evaluation.contains("loss") || !evaluation["loss"].is_number()) return "";
  return format_short(evaluation["loss"].get<double>());
}

/// Verdict, final figures, findings, and the last census.
std::string head_html(const ReportRun& run) {
  std::string html = "<p class=verdict>" + html_escape(text_of(run.summary, "verdict")) + "</p>\n";
  const Json& train = member(run.summary, "train");
  const Json& test = member(run.summary, "test");
  html += table_html({"", "loss", "accuracy"},
                     {{"training", loss_of(train), percent_of(train)}, {"test", loss_of(test), percent_of(test)}});
  html += "<h3>Findings</h3>\n" + findings_html(run);
  std::vector<std::vector<std::string>> rows;
  const auto count = [](const std::optional<std::int64_t>& value) { return value ? std::to_string(*value) : ""; };
  for (const auto& [number, layer] : by_layer(run.tables.census.rows)) {
    const CensusRecord& last = *layer.back();
    std::optional<std::int64_t> peak;
    std::string rank;
    for (const CensusRecord* row : layer) {
      if (is_measured(*row, &CensusRecord::dead)) peak = std::max(peak.value_or(0), row->dead);
      if (row->effective_rank) rank = format_short(*row->effective_rank);
    }
    const std::optional<double> share = dead_share(last);
    rows.push_back({last.name, count(measured(last, &CensusRecord::units)), count(measured(last, &CensusRecord::dead)),
                    share ? format_fixed(100.0 * *share, 1) : "", count(peak),
                    count(measured(last, &CensusRecord::born_dead)), count(measured(last, &CensusRecord::inherited)),
                    count(measured(last, &CensusRecord::locked)), count(measured(last, &CensusRecord::dead_on_domain)),
                    count(last.saturated), count(last.dormant), rank});
  }
  if (!rows.empty())
    html += "<h3>The last census</h3>\n" +
            table_html({"layer", "units", "dead", "dead %", "most dead", "born dead", "inherited", "locked",
                        "dead on domain", "saturated", "dormant", "effective rank"},
                       rows);
  return html;
}

std::string tail_html(const ReportRun& run) {
  std::string html;
  if (run.manifest.is_object()) {
    std::vector<std::vector<std::string>> rows;
    for (const char* key : {"version", "schema_version", "status", "seed", "started", "host", "threads"})
      rows.push_back({key, text_of(run.manifest, key)});
    for (const char* section : {"build", "data", "timings"})
      for (const auto& [key, value] : member(run.manifest, section).items())
        rows.push_back({std::string(section) + "." + key, value.is_string() ? value.get<std::string>() : value.dump()});
    html += "<details><summary>How it was made</summary>" + table_html({"", ""}, rows) + "</details>\n";
    const Json& config = member(run.manifest, "config");
    html += "<details><summary>The config, every default filled in</summary><pre>" +
            html_escape(config.dump(2, ' ', false, Json::error_handler_t::replace)) + "</pre></details>\n";
  }
  return html;
}

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
                           text_of(runs[run].summary, "verdict"), loss_of(test), percent_of(test)});
  }
  return table_html(head, rows);
}

}  // namespace

HtmlReport html_report(std::vector<ReportRun> given) {
  const std::vector<ReportRun> runs = in_order(std::move(given));
  const RunLabels labels = label_runs(runs);
  std::vector<std::vector<Figure>> all;
  for (const ReportRun& run : runs) all.push_back(run_figures(run));
  if (runs.size() > 1) share_axes(all);
  std::vector<Figure> compared = runs.size() > 1 ? comparison_figures(runs, labels) : std::vector<Figure>();

  // One gnuplot for all charts; ids tell the runs apart.
  std::vector<Figure*> figures;
  for (std::size_t run = 0; run < all.size(); ++run)
    for (Figure& figure : all[run]) {
      if (runs.size() > 1) figure.chart.id += "-" + std::to_string(run + 1);
      figures.push_back(&figure);
    }
  for (Figure& figure : compared) figures.push_back(&figure);
  std::vector<Figure> explained = runs.size() == 1 ? run_explanations(runs.front()) : std::vector<Figure>();
  for (Figure& figure : explained) figures.push_back(&figure);
  std::vector<DrawnChart> drawn;
  HtmlReport report;
  report.without_charts = draw_figures(figures, drawn);

  std::string body;
  if (!report.without_charts.empty())
    body += "<p class=absent>This page has the numbers and no charts: " + html_escape(report.without_charts) + "</p>\n";
  std::size_t next = figures.size() - compared.size() - explained.size();
  if (runs.size() > 1) {
    body += "<section><h2>Side by side</h2>\n" + side_by_side_html(runs, labels) + "<div class=grid>\n";
    for (const Figure& figure : compared) body += figure_html(figure, drawn[next++]);
    body += "</div></section>\n";
  }
  // One run: its charts after its head. Several: chart by chart, the runs beside each other.
  std::vector<std::string> heads;
  for (const ReportRun& run : runs) {
    const std::string seed = text_of(run.manifest, "seed");
    heads.push_back(labels.names[heads.size()] + (runs.size() > 1 && !seed.empty() ? ", seed " + seed : ""));
  }
  std::map<std::string, std::string> by_chart;
  std::vector<std::string> order;
  next = 0;
  for (std::size_t run = 0; run < runs.size(); ++run)
    for (Figure& figure : all[run]) {
      const std::string kind = figure.chart.title;
      if (!by_chart.contains(kind)) order.push_back(kind);
      if (runs.size() > 1) figure.chart.title = heads[run];
      by_chart[kind] += figure_html(figure, drawn[next++]);
    }
  for (std::size_t run = 0; run < runs.size(); ++run) {
    body += "<section><h2>" + html_escape(heads[run]) + "</h2>\n" + head_html(runs[run]);
    if (runs.size() == 1) {
      body += "<div class=grid>\n";
      for (const std::string& kind : order) body += by_chart[kind];
      body += "</div>\n";
      if (!explained.empty()) body += "<h2>Why units die, and cannot come back</h2>\n<div class=grid>\n";
      next = figures.size() - explained.size();
      for (const Figure& figure : explained) body += figure_html(figure, drawn[next++]);
      if (!explained.empty()) body += "</div>\n";
    }
    body += tail_html(runs[run]) + "</section>\n";
  }
  if (runs.size() > 1)
    for (const std::string& kind : order)
      body += "<section><h2>" + html_escape(kind) + "</h2>\n<div class=grid>\n" + by_chart[kind] + "</div></section>\n";
  std::string title = runs.size() == 1 ? runs.front().name : std::to_string(runs.size()) + " runs";
  report.page = html_page("reluscope: " + html_escape(title), body);
  return report;
}

}  // namespace reluscope
