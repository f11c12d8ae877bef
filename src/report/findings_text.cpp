#include "report/findings_text.hpp"

#include <algorithm>
#include <map>
#include <vector>

#include "report/terminal.hpp"
#include "trials/remedies.hpp"
#include "util/format.hpp"

namespace reluscope {

namespace {

/// Deep networks would fill the screen.
constexpr int kLayersShown = 3;
/// Changes to a config that are spelled out.
constexpr std::size_t kChangesShown = 2;

std::string colored(const std::string& text, Severity severity, bool color) {
  if (!color) return text;
  const char* code = severity == Severity::critical ? "31;1" : severity == Severity::warning ? "33;1" : "36";
  return std::string("\x1b[") + code + "m" + text + "\x1b[0m";
}

/// "saturation (dense1, dense2), no-better-than-constant"
std::string symptoms_text(const std::vector<const Finding*>& symptoms) {
  std::vector<std::pair<std::string, std::vector<std::string>>> rules;
  for (const Finding* finding : symptoms) {
    const auto known =
        std::find_if(rules.begin(), rules.end(), [&](const auto& one) { return one.first == finding->rule; });
    auto& layers =
        known == rules.end() ? rules.emplace_back(finding->rule, std::vector<std::string>()).second : known->second;
    if (!finding->name.empty()) layers.push_back(finding->name);
  }
  std::string text;
  for (const auto& [rule, layers] : rules) {
    text += (text.empty() ? "" : ", ") + rule;
    for (std::size_t at = 0; at < layers.size(); ++at) {
      if (at == kLayersShown) {
        text += ", " + std::to_string(layers.size() - at) + " more";
        break;
      }
      text += (at == 0 ? " (" : ", ") + layers[at];
    }
    if (!layers.empty()) text += ")";
  }
  return text;
}

/// The part of a paragraph behind its first sentence: indented, with its head in its first line.
std::string indented(const std::string& text, std::size_t width) { return "  " + wrap(text, width - 2, "    ") + "\n"; }

}  // namespace

std::string next_step(const Finding& finding) {
  if (finding.remedies.empty()) return "";
  const RemedyEntry* remedy = find_entry(remedy_table(), finding.remedies.front());
  const std::string doc = remedy == nullptr ? "" : " (" + remedy->doc + ")";
  if (finding.changes.empty()) return finding.remedies.front() + doc;
  const std::vector<std::string>& changes = finding.changes.front();
  std::string text;
  for (std::size_t at = 0; at < std::min(changes.size(), kChangesShown); ++at) {
    const bool quotes = changes[at].find_first_of("\"{*[ ") != std::string::npos;
    text += std::string(at == 0 ? "" : " ") + (quotes ? "'" + changes[at] + "'" : changes[at]);
  }
  if (changes.size() > kChangesShown) text += " and " + std::to_string(changes.size() - kChangesShown) + " more";
  return text + doc;
}

std::string findings_text(const Diagnosis& diagnosis, const FindingsStyle& style) {
  std::map<std::pair<std::string, Severity>, int> counts;
  std::map<std::string, int> left;  // warnings of a rule that are still to come
  for (const Finding& finding : diagnosis.findings) {
    if (!finding.symptom_of.empty()) continue;
    ++counts[{finding.rule, finding.severity}];
    if (finding.severity != Severity::info) ++left[finding.rule];
  }
  std::map<std::pair<std::string, Severity>, int> shown;
  std::string text;
  for (std::size_t at = 0; at < diagnosis.findings.size(); ++at) {
    const Finding& finding = diagnosis.findings[at];
    if (!finding.symptom_of.empty() || (finding.severity == Severity::info && !style.infos)) continue;
    const std::pair key{finding.rule, finding.severity};
    const int number = ++shown[key];
    if (style.infos || number <= kLayersShown) {
      const std::string severity(severity_name(finding.severity));
      const std::string body =
          wrap(severity + ": " + finding.rule + ": " + printable(finding.sentence), style.width, "  ");
      text += colored(severity, finding.severity, style.color) + body.substr(severity.size()) + "\n";
    }
    if (finding.severity != Severity::info) --left[finding.rule];
    if (number < counts[key]) continue;
    if (!style.infos && number > kLayersShown)
      text +=
          indented("and at " + std::to_string(number - kLayersShown) + " more layers (reluscope diagnose lists them)",
                   style.width);
    // What follows is said once, behind the last finding of the rule.
    if (finding.severity == Severity::info || left[finding.rule] > 0) continue;
    std::vector<const Finding*> symptoms;
    for (const Finding& other : diagnosis.findings)
      if (other.symptom_of == finding.rule) symptoms.push_back(&other);
    if (const std::string next = next_step(finding); style.next_steps && !next.empty())
      text +=
          indented("Next: " + printable(next) +
                       (finding.changes.empty() ? "." : ", or let `reluscope prescribe` find the change that cures."),
                   style.width);
    if (!symptoms.empty()) text += indented("also: " + printable(symptoms_text(symptoms)), style.width);
  }
  return text;
}

std::string findings_table(const Diagnosis& diagnosis) {
  std::vector<std::vector<std::string>> rows;
  for (const Finding& finding : diagnosis.findings)
    rows.push_back({std::string(severity_name(finding.severity)), finding.rule, finding.symptom_of, finding.sentence});
  return format_table({"severity", "rule", "symptom of", "finding"}, rows, 4, TableStyle::markdown);
}

}  // namespace reluscope
