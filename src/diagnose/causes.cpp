#include "diagnose/causes.hpp"

#include <algorithm>
#include <cstddef>
#include <map>
#include <utility>

namespace reluscope {

void put_causes_first(std::vector<Finding>& findings) {
  struct Group {
    Severity severity = Severity::info;
    std::vector<std::size_t> members;  ///< the cause, and further findings of its rule, then symptoms
  };
  std::vector<Group> groups;
  std::map<std::string, std::size_t> group_of;  ///< by the rule of the cause
  // The most severe one, of those the first. A rule may explain one that stands before it in the table.
  const auto cause_of = [&](const Finding& symptom) {
    const std::string& effect = symptom.effect.empty() ? symptom.rule : symptom.effect;
    const Finding* cause = nullptr;
    for (const Finding& finding : findings)
      if (finding.severity > (cause == nullptr ? Severity::info : cause->severity) &&
          std::find(finding.explains->begin(), finding.explains->end(), effect) != finding.explains->end())
        cause = &finding;
    return cause;
  };
  for (Finding& finding : findings) {
    finding.symptom_of.clear();
    if (finding.severity == Severity::info) continue;
    const Finding* cause = cause_of(finding);
    // To the root: what explains the cause explains its symptoms.
    for (std::size_t hops = 0; cause != nullptr && hops < findings.size(); ++hops) {
      const Finding* further = cause_of(*cause);
      if (further == nullptr) break;
      cause = further;
    }
    if (cause != nullptr) finding.symptom_of = cause->rule;
  }
  for (const bool symptoms : {false, true})
    for (std::size_t at = 0; at < findings.size(); ++at) {
      const Finding& finding = findings[at];
      if (finding.severity == Severity::info || symptoms == finding.symptom_of.empty()) continue;
      const auto [place, is_new] = group_of.try_emplace(symptoms ? finding.symptom_of : finding.rule, groups.size());
      if (is_new) groups.emplace_back();
      Group& group = groups[place->second];
      group.severity = std::max(group.severity, finding.severity);
      group.members.push_back(at);
    }
  std::stable_sort(groups.begin(), groups.end(),
                   [](const Group& left, const Group& right) { return left.severity > right.severity; });
  std::vector<Finding> ordered;
  for (Group& group : groups) {
    // The findings of the cause itself, the gravest first.
    const auto symptoms = std::find_if(group.members.begin(), group.members.end(),
                                       [&](std::size_t at) { return !findings[at].symptom_of.empty(); });
    std::stable_sort(group.members.begin(), symptoms, [&](std::size_t left, std::size_t right) {
      return findings[left].severity > findings[right].severity;
    });
    for (const std::size_t at : group.members) ordered.push_back(std::move(findings[at]));
  }
  for (Finding& finding : findings)
    if (!finding.rule.empty() && finding.severity == Severity::info) ordered.push_back(std::move(finding));
  findings = std::move(ordered);
}

}  // namespace reluscope
