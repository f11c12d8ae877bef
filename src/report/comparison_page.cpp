#include "report/comparison_page.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "report/comparison_figures.hpp"
#include "report/html_page.hpp"
#include "util/format.hpp"

namespace reluscope {

namespace {

/// Settings of a table, and runs; more are left out, and that is said.
constexpr std::size_t kMostSettings = 300;
constexpr std::size_t kMostRuns = 600;

std::string answer_html(const ComparisonPage& page) {
  const Recommendation& advice = page.figures.recommendation;
  // A sentence begins with a capital, the name of an activation does not.
  const bool is_name = page.figures.shown.size() > 1 && !advice.keeps && advice.choice.has_value();
  const std::string sentence = is_name ? advice.sentence : first_letter_large(advice.sentence);
  std::string html = "<p class=verdict>" + html_escape(sentence) + "</p>\n";
  if (!advice.notes.empty()) {
    html += "<ul class=notes>\n";
    for (const std::string& note : advice.notes) html += "<li>" + html_escape(note) + "</li>\n";
    html += "</ul>\n";
  }
  return html;
}

/// "activation", or "what is varied".
std::string differences_html(const ComparisonPage& page) {
  std::vector<std::vector<std::string>> rows;
  std::string last;
  std::size_t at = 0;
  for (const Comparison& row : page.figures.rows) {
    const Metric& metric = metric_called(row.metric);
    at = row.metric == last ? at + 1 : 0;
    rows.push_back({at == 0 ? title_of(row) : "", row.variant, row.runs > 0 ? metric.text(row.median) : "",
                    row.difference.count > 0 ? difference_text(row.difference, metric.scale) : "", judgement(row),
                    std::to_string(row.runs), row.failed > 0 ? std::to_string(row.failed) : ""});
    last = row.metric;
  }
  return table_html({"figure", page.figures.heading, "median", "paired difference [95 %]", "", "runs", "failed"}, rows);
}

// ---- heat maps of two things that are varied

/// Relative luminance (WCAG 2.1).
double luminance(const std::array<int, 3>& color) {
  constexpr std::array<double, 3> kWeights = {0.2126, 0.7152, 0.0722};
  double sum = 0.0;
  for (std::size_t channel = 0; channel < 3; ++channel) {
    const double value = color[channel] / 255.0;
    sum += kWeights[channel] * (value <= 0.03928 ? value / 12.92 : std::pow((value + 0.055) / 1.055, 2.4));
  }
  return sum;
}

/// From pale to dark; text on it is black or white, whichever can be read better.
std::string shade_style(double share) {
  constexpr std::array<std::array<double, 3>, 3> kStops = {{{247, 245, 233}, {240, 170, 95}, {122, 24, 24}}};
  constexpr double kBlackFrom = 0.179;  // contrast with black is that with white here
  const double place = std::clamp(share, 0.0, 1.0) * 2.0;
  const std::size_t below = place < 1.0 ? 0 : 1;
  std::array<int, 3> color{};
  for (std::size_t channel = 0; channel < 3; ++channel)
    color[channel] = static_cast<int>(
        std::lround(kStops[below][channel] +
                    (place - static_cast<double>(below)) * (kStops[below + 1][channel] - kStops[below][channel])));
  return "background:rgb(" + std::to_string(color[0]) + "," + std::to_string(color[1]) + "," +
         std::to_string(color[2]) + ");color:" + (luminance(color) < kBlackFrom ? "#fff" : "#000");
}

/// A table of colours and numbers: the first thing down, the second across. Dark is worse.
std::string heat_html(const ComparisonPage& page, const Metric& metric) {
  std::vector<std::string> down, across;
  for (const Variant& variant : page.runs.variants) {
    if (std::find(down.begin(), down.end(), variant.settings[0]) == down.end()) down.push_back(variant.settings[0]);
    if (std::find(across.begin(), across.end(), variant.settings[1]) == across.end())
      across.push_back(variant.settings[1]);
  }
  double least = std::numeric_limits<double>::infinity();
  double greatest = -least;
  for (std::size_t variant = 0; variant < page.runs.variants.size(); ++variant)
    if (const double value = median_of(page.runs, metric, variant); std::isfinite(value)) {
      least = std::min(least, value);
      greatest = std::max(greatest, value);
    }
  if (!(least <= greatest)) return "";
  std::string html = "<figure class=chart id=\"heat-" + metric.name + "\"><h3>" +
                     html_escape(first_letter_large(title_of(page.runs, metric))) +
                     "</h3>\n<div class=scroll><table class=heat>"
                     "<thead><tr><th scope=col>" +
                     html_escape(page.keys[0] + " \\ " + page.keys[1]) + "</th>";
  for (const std::string& value : across) html += "<th scope=col>" + html_escape(value) + "</th>";
  html += "</tr></thead><tbody>\n";
  for (const std::string& row : down) {
    html += "<tr><th scope=row>" + html_escape(row) + "</th>";
    for (const std::string& column : across) {
      std::string cell = "<td></td>";
      for (std::size_t variant = 0; variant < page.runs.variants.size(); ++variant) {
        const std::vector<std::string>& settings = page.runs.variants[variant].settings;
        if (settings[0] != row || settings[1] != column) continue;
        const double value = median_of(page.runs, metric, variant);
        const std::int64_t failed = failures_of(page.runs, variant);
        std::string text = metric.text(value);
        if (failed > 0)
          text += (text.empty() ? "" : " ") + std::string("(") + std::to_string(failed) + " of " +
                  std::to_string(page.runs.trials[variant].size()) + " failed)";
        const double share = greatest > least ? (value - least) / (greatest - least) : 0.0;
        cell = "<td" +
               (std::isfinite(value)
                    ? " style=\"" + shade_style(metric.better == Better::larger ? 1.0 - share : share) + "\""
                    : std::string(" class=failed")) +
               ">" + html_escape(text) + "</td>";
      }
      html += cell;
    }
    html += "</tr>\n";
  }
  return html + "</tbody></table></div>\n<figcaption>Median over " + std::to_string(page.runs.seeds.size()) +
         (page.runs.seeds.size() == 1 ? " seed" : " seeds") + "; dark is worse.</figcaption></figure>\n";
}

// ---- all settings, all runs

std::string settings_html(const ComparisonPage& page) {
  std::vector<std::string> head = page.keys;
  head.insert(head.end(), {"runs", "failed"});
  std::vector<const Metric*> metrics;
  for (const Metric& metric : metric_table()) {
    bool any = false;
    for (std::size_t variant = 0; variant < page.runs.variants.size() && !any; ++variant)
      any = !std::isnan(median_of(page.runs, metric, variant));
    if (!any || !metric.decides) continue;
    metrics.push_back(&metric);
    head.push_back(title_of(page.runs, metric));
  }
  std::vector<std::vector<std::string>> rows;
  for (std::size_t variant = 0; variant < page.runs.variants.size() && variant < kMostSettings; ++variant) {
    std::vector<std::string>& row = rows.emplace_back(page.runs.variants[variant].settings);
    const std::int64_t failed = failures_of(page.runs, variant);
    row.push_back(std::to_string(page.runs.trials[variant].size()));
    row.push_back(failed > 0 ? std::to_string(failed) : "");
    for (const Metric* metric : metrics) row.push_back(median_and_range(page.runs, *metric, variant));
  }
  std::string html = table_html(head, rows);
  if (page.runs.variants.size() > kMostSettings)
    html += "<p>The first " + std::to_string(kMostSettings) + " of " + std::to_string(page.runs.variants.size()) +
            " settings.</p>\n";
  return html;
}

std::string runs_html(const ComparisonPage& page) {
  std::vector<std::string> head = page.keys;
  head.insert(head.end(), {"seed", "status", "steps", "loss", "accuracy, %", "dead, %", "findings"});
  std::vector<std::vector<std::string>> rows;
  std::size_t all = 0;
  for (std::size_t variant = 0; variant < page.runs.variants.size(); ++variant)
    for (std::size_t seed = 0; seed < page.runs.trials[variant].size(); ++seed) {
      if (++all > kMostRuns) continue;
      const TrialRecord& record = page.runs.trials[variant][seed].record;
      std::vector<std::string>& row = rows.emplace_back(page.runs.variants[variant].settings);
      const auto number = [](double value, double scale) {
        return std::isnan(value) ? "" : format_short(scale * value);
      };
      row.push_back(std::to_string(page.runs.seeds[seed]));
      row.push_back(record.status + (record.failure ? ": " + *record.failure : ""));
      row.push_back(std::to_string(record.steps));
      row.push_back(number(record.judged_loss(), 1.0));
      row.push_back(number(record.judged_accuracy(), 100.0));
      row.push_back(number(record.dead_fraction.value_or(kNaN), 100.0));
      row.push_back(record.findings.value_or(""));
    }
  std::string html = "<details><summary>Every run</summary>" + table_html(head, rows);
  if (all > kMostRuns)
    html += "<p>The first " + std::to_string(kMostRuns) + " of " + std::to_string(all) + " runs.</p>";
  return html + "</details>\n";
}

}  // namespace

HtmlReport comparison_page(const ComparisonPage& page) {
  std::vector<Figure> measured = variant_figures(page);
  std::vector<Figure> factors = factor_figures(page);
  std::vector<Figure> explained = explaining_figures(page);
  std::vector<Figure*> all;
  for (std::vector<Figure>* figures : {&factors, &measured, &explained})
    for (Figure& figure : *figures) all.push_back(&figure);
  std::vector<DrawnChart> drawn;
  HtmlReport report;
  report.without_charts = draw_figures(all, drawn);
  std::string body;
  if (!report.without_charts.empty())
    body += "<p class=absent>This page has the numbers and no charts: " + html_escape(report.without_charts) + "</p>\n";
  body += answer_html(page);
  std::size_t next = 0;
  const auto section = [&](const std::string& title, const std::vector<Figure>& figures, const std::string& before) {
    if (figures.empty() && before.empty()) return;
    body += "<section><h2>" + title + "</h2>\n<div class=grid>\n" + before;
    for (const Figure& figure : figures) body += figure_html(figure, drawn[next++]);
    body += "</div></section>\n";
  };
  std::string heat;
  if (page.keys.size() == 2) {
    heat = heat_html(page, metric_called(page.figures.recommendation.by));
    if (page.figures.recommendation.by != "dead") heat += heat_html(page, metric_called("dead"));
  }
  section("Setting by setting", factors, heat);
  section("What was measured", measured, "");
  section("Why units die: φ, and where the network's own pre-activations lie", explained, "");
  body +=
      "<section><h2>The numbers</h2>\n<p>Medians over the seeds; the difference is the median of the differences "
      "within pairs of one seed, against " +
      html_escape(page.figures.rows.empty() ? "" : page.figures.rows.front().variant) +
      ", with its 95 % bootstrap interval.</p>\n" + differences_html(page);
  if (page.runs.variants.size() > page.figures.shown.size()) body += "<h3>Every setting</h3>\n" + settings_html(page);
  body += runs_html(page) + "</section>\n";
  report.page = html_page("reluscope: " + html_escape(page.title), body);
  return report;
}

}  // namespace reluscope
