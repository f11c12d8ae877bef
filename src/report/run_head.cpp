#include "report/run_head.hpp"

#include <algorithm>
#include <array>
#include <filesystem>
#include <map>
#include <optional>

#include "diagnose/layers.hpp"
#include "report/figure.hpp"
#include "report/findings_text.hpp"
#include "util/format.hpp"

namespace reluscope {

namespace {

using Json = nlohmann::ordered_json;

/// Findings on the first screen; the others are behind one click.
constexpr std::size_t kFindingsShown = 2;
/// Dead units in the list.
constexpr std::size_t kDeadListed = 500;
/// Layers of the network that the line of facts spells out.
constexpr std::size_t kLayersSpelled = 8;

/// What the data are called: the file, the directory of IDX files, or the generator.
std::string data_name(const Json& data) {
  const std::string kind = text_of(data, "kind");
  for (const char* key : {"file", "features"})
    if (const Json& file = member(data, key); file.is_string()) {
      std::filesystem::path name = std::filesystem::path(file.get<std::string>()).filename();
      while (name.has_extension()) name = name.stem();
      return name.string();
    }
  if (const Json& directory = member(data, "directory"); kind == "idx" && directory.is_string())
    return std::filesystem::path(directory.get<std::string>()).filename().string();
  return kind;
}

/// "64-64-64-10 relu": inputs, units of the layers, and the activation of the hidden ones.
std::string network_text(const ReportRun& run) {
  std::vector<std::string> sizes;
  if (const std::string inputs = text_of(member(run.manifest, "data"), "features"); !inputs.empty())
    sizes.push_back(inputs);
  std::string activation;
  const std::set<std::int64_t> outputs = output_layers(run.tables);
  for (const auto& [number, rows] : by_layer(run.tables.layers.rows)) {
    sizes.push_back(is_measured(*rows.front(), &LayerRecord::units) ? std::to_string(rows.front()->units) : "?");
    if (outputs.contains(number)) continue;
    if (activation.empty()) activation = rows.front()->activation;
    if (activation != rows.front()->activation) activation = "mixed";
  }
  if (sizes.size() > kLayersSpelled) {
    const std::string middle = "… " + std::to_string(sizes.size() - 4) + " more …";
    sizes = {sizes[0], sizes[1], middle, sizes[sizes.size() - 2], sizes.back()};
  }
  return joined(sizes, "-") + (activation.empty() ? "" : " " + activation);
}

/// A word of ours that not everybody knows.
struct Term {
  const char* word;
  const char* meaning;
};
constexpr std::array kTerms = {
    Term{"dead", "φ' = 0 for every training sample: no gradient reaches the unit's own weights."},
    Term{"born dead", "Dead before the first update, in weights that an initialiser drew."},
    Term{"inherited", "Dead before the first update, in weights that came from a file."},
    Term{"locked", "Dead, and proved to stay so until the end of this run: no step that is left can bring it back."},
    Term{"dead on domain",
         "Dead for every input within the range of the training data, not for its samples alone: shown by interval "
         "bounds."},
    Term{"saturated", "φ' is next to 0 for every sample that was looked at: the unit hardly learns."},
    Term{"dormant", "Its mean |a| is next to nothing beside its layer's (Sokar et al. 2023)."},
    Term{"effective rank", "How many directions the layer's activations use (Roy and Vetterli 2007)."}};

std::string anchor_of(const Term& term) {
  std::string anchor = std::string("term-") + term.word;
  std::replace(anchor.begin(), anchor.end(), ' ', '-');
  return anchor;
}

void replace_first(std::string& text, const std::string& from, const std::string& to) {
  if (const std::size_t at = text.find(from); at != std::string::npos) text.replace(at, from.size(), to);
}

/// The words in the head of a table lead to what they mean.
std::string with_term_links(std::string html) {
  for (const Term& term : kTerms)
    replace_first(html, std::string(">") + term.word + "</th>",
                  "><a href=\"#" + anchor_of(term) + "\">" + term.word + "</a></th>");
  return html;
}

/// A finding's sentence, escaped: the word that it stands or falls with leads to what it means.
std::string sentence_html(const std::string& sentence) {
  std::string html = html_escape(sentence);
  replace_first(html, " locked", " <a href=\"#term-locked\">locked</a>");
  return html;
}

std::string finding_html(const Finding& finding) {
  const std::string severity(severity_name(finding.severity));
  std::string html = "<li class=" + severity + "><b>" + severity + "</b> <code>" + html_escape(finding.rule) +
                     "</code> " + sentence_html(finding.sentence);
  if (!finding.symptom_of.empty())
    html += " <small>Follows from <code>" + html_escape(finding.symptom_of) + "</code>.</small>";
  return html + "</li>\n";
}

/// Causes first, as the diagnosis has them; and what to try against the first of them.
std::string findings_html(const Diagnosis& diagnosis) {
  std::string first;
  std::string more;
  std::string next;
  std::size_t shown = 0;
  for (const Finding& finding : diagnosis.findings) {
    const bool front = shown < kFindingsShown && finding.symptom_of.empty() && finding.severity != Severity::info;
    (front ? first : more) += finding_html(finding);
    shown += front ? 1 : 0;
    if (front && next.empty()) next = next_step(finding);
  }
  std::string html = first.empty() ? std::string("<p>") + (more.empty() ? "No findings" : "No warnings") + ".</p>\n"
                                   : "<ul class=findings>\n" + first + "</ul>\n";
  if (!next.empty())
    html += "<p class=next><b>What to do:</b> try <code>" + html_escape(next.substr(0, next.find(" ("))) + "</code>" +
            html_escape(next.find(" (") == std::string::npos ? "" : next.substr(next.find(" ("))) +
            ", or let <code>reluscope prescribe</code> find the change that cures.</p>\n";
  if (!more.empty())
    html += "<details><summary>" + std::string(first.empty() ? "What is worth knowing" : "More findings") +
            "</summary><ul class=findings>\n" + more + "</ul></details>\n";
  return html;
}

/// Every unit that is dead at the end: since when, of what, and whether it can come back.
std::string dead_units_html(const ReportRun& run) {
  std::vector<std::vector<std::string>> rows;
  std::size_t count = 0;
  const std::set<std::int64_t> outputs = output_layers(run.tables);
  const auto text = [](const std::optional<std::int64_t>& step) { return step ? std::to_string(*step) : ""; };
  for (const UnitRecord& unit : run.tables.units.rows) {
    if (unit.state != "dead" || outputs.contains(unit.layer)) continue;
    if (++count > kDeadListed) continue;
    const bool at_start = unit.born_dead || unit.inherited;
    rows.push_back({unit.name, std::to_string(unit.unit), at_start ? "0" : text(unit.died_by), unit.cause.value_or(""),
                    unit.locked.value_or("")});
  }
  if (count == 0) return "";
  std::string html = "<details><summary>The " + std::to_string(count) + " dead units, with cause and step</summary>" +
                     table_html({"layer", "unit", "dead by step", "cause", "locked"}, rows);
  if (count > kDeadListed) html += "<p>The first " + std::to_string(kDeadListed) + ".</p>";
  return html + "</details>\n";
}

/// "Test accuracy 89.69 %, loss 0.5366; training 93.60 %, 0.302."
std::string figures_html(const ReportRun& run) {
  std::string text;
  for (const char* part : {"test", "train"}) {
    const Json& evaluation = member(run.summary, part);
    if (loss_of(evaluation).empty()) continue;
    text += std::string(text.empty() ? "" : " · ") + (part == std::string("test") ? "test" : "training") + " loss " +
            loss_of(evaluation);
    if (const std::string accuracy = accuracy_of(evaluation); !accuracy.empty()) text += ", accuracy " + accuracy;
  }
  return text.empty() ? "" : "<p class=figures>" + html_escape(text) + "</p>\n";
}

}  // namespace

std::string accuracy_of(const Json& evaluation) {
  if (!evaluation.is_object() || !evaluation.contains("accuracy") || !evaluation["accuracy"].is_number()) return "";
  return format_fixed(100.0 * evaluation["accuracy"].get<double>(), 2) + " %";
}

std::string loss_of(const Json& evaluation) {
  if (!evaluation.is_object() || !evaluation.contains("loss") || !evaluation["loss"].is_number()) return "";
  return format_short(evaluation["loss"].get<double>());
}

std::string facts_of(const ReportRun& run) {
  std::vector<std::string> facts;
  const Json& config = member(run.manifest, "config");
  if (const std::string data = data_name(member(config, "data")); !data.empty()) facts.push_back(data);
  if (const std::string network = network_text(run); !network.empty()) facts.push_back(network);
  const Json& optimizer = member(member(config, "train"), "optimizer");
  if (const std::string name = text_of(optimizer, "name"); !name.empty())
    facts.push_back(name + " " + text_of(optimizer, "lr"));
  if (const std::string seed = text_of(run.manifest, "seed"); !seed.empty()) facts.push_back("seed " + seed);
  if (const std::string steps = text_of(run.summary, "steps"); !steps.empty()) facts.push_back(steps + " steps");
  return joined(facts, " · ");
}

std::string first_screen_html(const ReportRun& run, const std::string& beside) {
  std::string html = "<div class=first><div>\n<p class=facts>" + html_escape(facts_of(run)) +
                     "</p>\n<p class=verdict>" + html_escape(text_of(run.summary, "verdict")) + "</p>\n" +
                     findings_html(run.diagnosis) + figures_html(run) + dead_units_html(run) + "</div>\n";
  return html + beside + "</div>\n";
}

std::string census_html(const ReportRun& run) {
  std::string html;
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
    html = "<section><h2>The last census</h2>\n" +
           with_term_links(table_html({"layer", "units", "dead", "dead %", "most dead", "born dead", "inherited",
                                       "locked", "dead on domain", "saturated", "dormant", "effective rank"},
                                      rows)) +
           "</section>\n";
  return html;
}

std::string glossary_html() {
  std::string html = "<details id=terms><summary>What the words mean</summary><dl>\n";
  for (const Term& term : kTerms)
    html += "<dt id=\"" + anchor_of(term) + "\">" + term.word + "</dt><dd>" + html_escape(term.meaning) + "</dd>\n";
  return html + "</dl></details>\n";
}

std::string origin_html(const ReportRun& run) {
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
    if (config.is_null()) return html;
    html += "<details><summary>The config, every default filled in</summary><pre>" +
            html_escape(config.dump(2, ' ', false, Json::error_handler_t::replace)) + "</pre></details>\n";
  }
  return html;
}

}  // namespace reluscope
