#include "report/prescribe_report.hpp"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "trials/recommend.hpp"
#include "util/format.hpp"
#include "util/json_file.hpp"

namespace reluscope {

namespace {

using Json = nlohmann::ordered_json;

std::string objective_name(Objective objective) { return objective == Objective::accuracy ? "accuracy" : "loss"; }

std::string objective_title(const Prescription& prescription) {
  return prescription.objective == Objective::accuracy ? "accuracy, %" : "loss";
}

/// "-" where no run has the figure: all failed, or there is no hidden unit.
std::string figure_text(double value, int decimals) { return std::isnan(value) ? "-" : format_fixed(value, decimals); }

std::string objective_text(const Course& course, Objective objective) {
  const double value = course.median_objective(objective);
  if (!std::isfinite(value)) return "failed";
  return objective == Objective::accuracy ? format_fixed(100.0 * value, 2) : format_short(value);
}

std::string name_of(const Course& course) {
  return course.treatment.remedies.empty() ? "as it is" : course.treatment.name();
}

std::string cured_text(const Course& course, const std::vector<std::string>& findings) {
  return std::to_string(runs_cured(course, findings)) + " of " + std::to_string(course.trials.size());
}

std::size_t widest_line(std::string_view table) {
  std::size_t widest = 0;
  while (!table.empty()) {
    const std::size_t end = std::min(table.find('\n'), table.size() - 1);
    widest = std::max(widest, code_points(table.substr(0, end)));
    table.remove_prefix(end + 1);
  }
  return widest;
}

/// A table of names and figures, at most `width` columns wide: columns at its end go, at least `kept` stay; then names
/// are cut.
std::string fitted_table(std::vector<std::string> header, std::vector<std::vector<std::string>> rows, std::size_t kept,
                         TableStyle style, std::size_t width) {
  std::string table = format_table(header, rows, 1, style);
  if (style == TableStyle::markdown) return table;
  while (widest_line(table) > width && header.size() > kept) {
    header.pop_back();
    for (auto& row : rows) row.pop_back();
    table = format_table(header, rows, 1, style);
  }
  constexpr std::size_t kShortestName = 12;
  std::size_t longest = code_points(header[0]);
  for (const auto& row : rows) longest = std::max(longest, code_points(row[0]));
  const std::size_t excess = widest_line(table) - std::min(width, widest_line(table));
  if (excess == 0) return table;
  const std::size_t room = std::max(kShortestName, longest - std::min(longest, excess));
  const auto cut = [room](std::string& name) {
    if (code_points(name) > room) name = first_characters(name, room - 1) + "…";
  };
  cut(header[0]);
  for (auto& row : rows) cut(row[0]);
  return format_table(header, rows, 1, style);
}

Json course_document(const Course& course, const Prescription& prescription) {
  return {{"remedies", course.treatment.remedies},
          {"changes", course.treatment.changes},
          {"seeds", course.trials.size()},
          {"share_of_steps", course.share},
          {"stopped_early", course.stopped_early()},
          {"objective", number_or_null(course.median_objective(prescription.objective))},
          {"dead_fraction", number_or_null(course.median_dead())},
          {"cured", runs_cured(course, prescription.findings)},
          {"steps_per_second", number_or_null(course.steps_per_second())}};
}

Json arm_document(const Arm& arm, const Prescription& prescription) {
  Json document = course_document(arm.course, prescription);
  document["gain"] = {{"median", number_or_null(arm.gain.value)},
                      {"low", number_or_null(arm.gain.low)},
                      {"high", number_or_null(arm.gain.high)}};
  document["verdict"] = verdict_name(arm.verdict);
  return document;
}

}  // namespace

std::string screening_table(const Prescription& prescription, TableStyle style, std::size_t width) {
  std::vector<std::vector<std::string>> rows;
  for (const Course& course : prescription.screening)
    rows.push_back({name_of(course), std::to_string(course.trials.size()), format_fixed(100.0 * course.share, 0),
                    objective_text(course, prescription.objective), cured_text(course, prescription.findings),
                    figure_text(100.0 * course.median_dead(), 1), figure_text(course.steps_per_second(), 0)});
  return fitted_table({"screening, " + prescription.data + " data", "seeds", "steps, %", objective_title(prescription),
                       "cured", "dead %", "steps/s"},
                      std::move(rows), 5, style, width);
}

std::string confirmation_table(const Prescription& prescription, TableStyle style, std::size_t width) {
  const double scale = prescription.objective == Objective::accuracy ? 100.0 : 1.0;
  std::vector<std::vector<std::string>> rows;
  const auto gain_of = [scale](const Estimate& gain) -> std::string {
    if (gain.count == 0) return "both failed";
    if (!std::isfinite(gain.value)) return gain.value > 0.0 ? "as it is: failed" : "failed";
    return difference_text(gain, scale);
  };
  const auto add = [&](const std::string& name, const Arm& arm, bool reference) {
    rows.push_back({name, objective_text(arm.course, prescription.objective), reference ? "" : gain_of(arm.gain),
                    cured_text(arm.course, prescription.findings), figure_text(100.0 * arm.course.median_dead(), 1),
                    figure_text(arm.course.steps_per_second(), 0)});
  };
  const Confirmation& confirmation = prescription.confirmation;
  add("a new seed alone", confirmation.original, true);
  for (const Arm& arm : confirmation.confirmed) add(name_of(arm.course), arm, false);
  add("a random change", confirmation.control, false);
  return fitted_table({std::to_string(confirmation.seeds) + " fresh seeds, " + prescription.data,
                       objective_title(prescription), "gain, paired [95 %]", "cured", "dead %", "steps/s"},
                      std::move(rows), 4, style, width);
}

std::string prescription_json(const Prescription& prescription, const Change& change) {
  const auto text_or_null = [](const std::string& text) { return text.empty() ? Json(nullptr) : Json(text); };
  Json document;
  document["verdict"] = verdict_name(prescription.verdict);
  document["sentence"] = sentence_of(prescription);
  document["reason"] = text_or_null(reason_of(prescription));
  document["objective"] = objective_name(prescription.objective);
  document["objective_data"] = prescription.data;
  document["seed"] = prescription.seed;
  document["findings"] = prescription.findings;
  document["budget"] = prescription.budget;
  document["left_out"] = prescription.left_out;
  document["unconfirmed"] = prescription.confirmation.unconfirmed;
  document["runs"] = prescription.runs;
  document["runs_stopped_early"] = prescription.stopped_early;
  document["steps"] = prescription.steps;
  document["remedy"] = prescription.winner ? Json(prescription.winner->remedies) : Json(nullptr);
  document["name"] = text_or_null(change.name);
  document["patch"] = change.patch.empty() ? Json(nullptr) : Json::parse(change.patch);
  document["command"] = text_or_null(change.command);
  document["screening"] = Json::array();
  for (const Course& course : prescription.screening)
    document["screening"].push_back(course_document(course, prescription));
  document["confirmation"] = nullptr;
  const Confirmation& confirmation = prescription.confirmation;
  if (confirmation.seeds > 0) {
    Json confirmed = Json::array();
    for (const Arm& arm : confirmation.confirmed) confirmed.push_back(arm_document(arm, prescription));
    document["confirmation"] = {{"seeds", confirmation.seeds},
                                {"original", arm_document(confirmation.original, prescription)},
                                {"treated", arm_document(confirmation.treated(), prescription)},
                                {"control", arm_document(confirmation.control, prescription)},
                                {"control_as_good", confirmation.control_as_good()},
                                {"candidates", std::move(confirmed)},
                                {"cost", number_or_null(prescription.cost)}};
    document["confirmation"]["original"].erase("verdict");
  }
  return document.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::vector<std::string> run_command(const std::string& config, std::span<const std::string> overrides,
                                     std::span<const std::string> changes) {
  std::vector<std::string> settings(overrides.begin(), overrides.end());
  settings.insert(settings.end(), changes.begin(), changes.end());
  const auto key_of = [](const std::string& setting) { return setting.substr(0, setting.find('=')); };
  std::vector<std::string> words = {"reluscope", "run", config};
  for (auto setting = settings.begin(); setting != settings.end(); ++setting)
    if (std::none_of(setting + 1, settings.end(),
                     [&](const std::string& later) { return key_of(later) == key_of(*setting); }))
      words.push_back(*setting);
  return words;
}

std::string shell_line(std::span<const std::string> words) {
  std::string line;
  for (const std::string& word : words) line += (line.empty() ? "" : " ") + shell_word(word);
  return line;
}

std::string shell_lines(std::span<const std::string> words, std::size_t width) {
  std::string lines;
  std::size_t column = 0;
  for (const std::string& word : words) {
    const std::string quoted = shell_word(word);
    const std::size_t needed = code_points(quoted);
    const bool fits = column + 1 + needed + 2 <= width;  // with the backslash that may follow
    if (column > 0) lines += fits ? " " : " \\\n    ";
    column = column > 0 && !fits ? 4 + needed : column + (column > 0 ? 1 : 0) + needed;
    lines += quoted;
  }
  return lines;
}

}  // namespace reluscope
