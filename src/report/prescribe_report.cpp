#include "report/prescribe_report.hpp"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "report/compare_report.hpp"
#include "util/format.hpp"
#include "util/json_file.hpp"

namespace reluscope {

namespace {

using Json = nlohmann::ordered_json;

std::string objective_name(Objective objective) { return objective == Objective::accuracy ? "accuracy" : "loss"; }

std::string objective_title(const Prescription& prescription) {
  return prescription.data + (prescription.objective == Objective::accuracy ? " accuracy, %" : " loss");
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

std::int64_t free_of_findings(const Course& course, const std::vector<std::string>& findings) {
  return std::count_if(course.trials.begin(), course.trials.end(),
                       [&](const Trial& trial) { return is_cured(trial, findings); });
}

Json course_document(const Course& course, const Prescription& prescription) {
  return {{"remedies", course.treatment.remedies},
          {"changes", course.treatment.changes},
          {"seeds", course.trials.size()},
          {"objective", number_or_null(course.median_objective(prescription.objective))},
          {"dead_fraction", number_or_null(course.median_dead())},
          {"cured", free_of_findings(course, prescription.findings)},
          {"steps_per_second", number_or_null(course.steps_per_second())}};
}

Json arm_document(const Arm& arm, const Prescription& prescription) {
  Json document = course_document(arm.course, prescription);
  document["gain"] = {{"median", number_or_null(arm.gain.value)},
                      {"low", number_or_null(arm.gain.low)},
                      {"high", number_or_null(arm.gain.high)}};
  return document;
}

}  // namespace

std::string screening_table(const Prescription& prescription, TableStyle style) {
  std::vector<std::vector<std::string>> rows;
  for (const Course& course : prescription.screening)
    rows.push_back({name_of(course), std::to_string(course.trials.size()),
                    objective_text(course, prescription.objective), figure_text(100.0 * course.median_dead(), 1),
                    std::to_string(free_of_findings(course, prescription.findings)) + " of " +
                        std::to_string(course.trials.size()),
                    figure_text(course.steps_per_second(), 0)});
  return format_table({"remedy", "seeds", objective_title(prescription), "dead %", "findings gone", "steps/s"}, rows, 1,
                      style);
}

std::string confirmation_table(const Prescription& prescription, TableStyle style) {
  const double scale = prescription.objective == Objective::accuracy ? 100.0 : 1.0;
  const std::string fresh = std::to_string(prescription.fresh_seeds);
  std::vector<std::vector<std::string>> rows;
  const auto gain_text = [scale](const Estimate& gain) -> std::string {
    if (gain.count == 0) return "both failed";
    if (!std::isfinite(gain.value)) return gain.value > 0.0 ? "the config as it is failed" : "failed";
    return difference_text(gain, scale);
  };
  const auto add = [&](const std::string& name, const Arm& arm, bool reference) {
    rows.push_back({name, objective_text(arm.course, prescription.objective), reference ? "" : gain_text(arm.gain),
                    figure_text(100.0 * arm.course.median_dead(), 1), std::to_string(arm.cured) + " of " + fresh,
                    figure_text(arm.course.steps_per_second(), 0)});
  };
  add("a new seed alone", prescription.original, true);
  add(name_of(prescription.treated.course), prescription.treated, false);
  add("a random change: " + name_of(prescription.control.course), prescription.control, false);
  return format_table({"on " + fresh + " fresh seeds", objective_title(prescription), "gain, paired [95 %]", "dead %",
                       "findings gone", "steps/s"},
                      rows, 1, style);
}

std::string prescription_json(const Prescription& prescription, const std::string& patch) {
  Json document;
  document["verdict"] = verdict_name(prescription.verdict);
  document["sentence"] = sentence_of(prescription);
  document["objective"] = objective_name(prescription.objective);
  document["objective_data"] = prescription.data;
  document["seed"] = prescription.seed;
  document["findings"] = prescription.findings;
  document["runs"] = prescription.runs;
  document["remedy"] = prescription.winner ? Json(prescription.winner->remedies) : Json(nullptr);
  document["patch"] = patch.empty() ? Json(nullptr) : Json::parse(patch);
  document["screening"] = Json::array();
  for (const Course& course : prescription.screening)
    document["screening"].push_back(course_document(course, prescription));
  document["confirmation"] = nullptr;
  if (prescription.fresh_seeds > 0)
    document["confirmation"] = {{"seeds", prescription.fresh_seeds},
                                {"original", arm_document(prescription.original, prescription)},
                                {"treated", arm_document(prescription.treated, prescription)},
                                {"control", arm_document(prescription.control, prescription)},
                                {"cost", number_or_null(prescription.cost)}};
  return document.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace reluscope
