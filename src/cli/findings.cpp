#include "cli/findings.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <map>
#include <utility>

#include "report/terminal.hpp"
#include "util/error.hpp"
#include "util/format.hpp"
#include "util/nearest.hpp"

namespace reluscope {

namespace {

/// Deep networks would fill the screen.
constexpr int kFindingsOfRule = 5;

}  // namespace

void print_findings(const Diagnosis& diagnosis, std::ostream& out) {
  std::map<std::pair<std::string, Severity>, int> counts;
  for (const Finding& finding : diagnosis.findings) ++counts[{finding.rule, finding.severity}];
  std::map<std::pair<std::string, Severity>, int> shown;
  for (const Finding& finding : diagnosis.findings) {
    if (finding.severity == Severity::info) continue;
    const std::pair key{finding.rule, finding.severity};
    const int number = ++shown[key];
    if (number <= kFindingsOfRule)
      out << severity_name(finding.severity) << ": " << finding.rule << ": " << printable(finding.sentence) << '\n';
    if (number == kFindingsOfRule && counts[key] > number)
      out << severity_name(finding.severity) << ": " << finding.rule << ": and " << counts[key] - number
          << " layers more (reluscope diagnose lists them)\n";
  }
  out << std::flush;
}

void add_fail_on_option(CLI::App& command, std::string& fail_on) {
  command
      .add_option("--fail-on", fail_on, "Exit with 3 for findings that are at least this severe: warning or critical")
      ->check(CLI::IsMember({"warning", "critical"}))
      ->type_name("SEVERITY");
}

int exit_code_for(const Diagnosis& diagnosis, const std::string& fail_on) {
  if (fail_on.empty() || !diagnosis.worst()) return kDone;
  const Severity limit = fail_on == "critical" ? Severity::critical : Severity::warning;
  const auto count = std::count_if(diagnosis.findings.begin(), diagnosis.findings.end(),
                                   [limit](const Finding& finding) { return finding.severity >= limit; });
  if (count == 0) return kDone;
  spdlog::warn("{} {} at or above {}: exit code {}", count, count == 1 ? "finding" : "findings", fail_on,
               static_cast<int>(kFindings));
  return kFindings;
}

void add_ignore_option(CLI::App& command, std::vector<std::string>& rules) {
  command.add_option("--ignore", rules, "Leave out what this rule finds; may be given again")
      ->type_name("RULE")
      ->expected(1)
      ->allow_extra_args(false)
      ->take_all();
}

void ignore_rules(Diagnosis& diagnosis, const std::vector<std::string>& rules) {
  for (const std::string& name : rules) {
    if (find_entry(rule_table(), name) == nullptr) {
      std::vector<std::string> names;
      for (const RuleEntry& rule : rule_table()) names.push_back(rule.name);
      const auto near = nearest_name(name, names);
      throw UsageError("--ignore " + printable(name) + ": there is no such rule" +
                       (near ? "; did you mean '" + *near + "'?" : ""));
    }
    std::erase_if(diagnosis.findings, [&](const Finding& finding) { return finding.rule == name; });
    std::erase_if(diagnosis.skipped, [&](const SkippedRule& skipped) { return skipped.rule == name; });
  }
}

}  // namespace reluscope
