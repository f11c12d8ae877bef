#include "diagnose/findings_json.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "util/json_file.hpp"

namespace reluscope {

namespace {

using Json = nlohmann::ordered_json;

/// {"smaller_lr": ["train.optimizer.lr=0.01"]}; null where the config is not known.
Json changes_document(const Finding& finding) {
  if (finding.changes.empty()) return nullptr;
  Json document = Json::object();
  for (std::size_t at = 0; at < finding.remedies.size(); ++at) document[finding.remedies[at]] = finding.changes[at];
  return document;
}

/// Rules of the findings that this one explains.
Json symptoms_of(const Finding& cause, const std::vector<Finding>& findings) {
  Json rules = Json::array();
  for (const Finding& finding : findings)
    if (finding.symptom_of == cause.rule && std::find(rules.begin(), rules.end(), finding.rule) == rules.end())
      rules.push_back(finding.rule);
  return rules;
}

Json findings_document(const std::vector<Finding>& findings) {
  Json document = Json::array();
  for (const Finding& finding : findings)
    document.push_back({{"rule", finding.rule},
                        {"severity", severity_name(finding.severity)},
                        {"layer", finding.layer ? Json(*finding.layer) : Json(nullptr)},
                        {"name", finding.name.empty() ? Json(nullptr) : Json(finding.name)},
                        {"step", finding.step ? Json(*finding.step) : Json(nullptr)},
                        {"value", number_or_null(finding.value)},
                        {"threshold", number_or_null(finding.threshold)},
                        {"sentence", finding.sentence},
                        {"remedies", finding.remedies},
                        {"changes", changes_document(finding)},
                        {"symptom_of", finding.symptom_of.empty() ? Json(nullptr) : Json(finding.symptom_of)},
                        {"cause_of", symptoms_of(finding, findings)}});
  return document;
}

}  // namespace

std::string findings_json(const std::vector<Finding>& findings) {
  return findings_document(findings).dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string diagnosis_json(const Diagnosis& diagnosis, const std::string& run) {
  Json document;
  if (!run.empty()) document["run"] = run;
  document["worst"] = diagnosis.worst() ? Json(severity_name(*diagnosis.worst())) : Json(nullptr);
  document["findings"] = findings_document(diagnosis.findings);
  document["skipped"] = Json::array();
  for (const SkippedRule& skipped : diagnosis.skipped)
    document["skipped"].push_back({{"rule", skipped.rule}, {"missing", skipped.missing}});
  return document.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace reluscope
