#include "cli/findings.hpp"

#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <iostream>

#include "diagnose/causes.hpp"
#include "diagnose/rules.hpp"
#include "report/findings_text.hpp"
#include "report/terminal.hpp"
#include "util/error.hpp"
#include "util/format.hpp"
#include "util/nearest.hpp"

namespace reluscope {

void print_findings(const Diagnosis& diagnosis, std::ostream& out, bool infos) {
  const int descriptor = &out == &std::cerr ? STDERR_FILENO : STDOUT_FILENO;
  out << findings_text(diagnosis, {terminal_width(descriptor), wants_color(descriptor), infos}) << std::flush;
}

void add_fail_on_option(CLI::App& command, std::string& fail_on) {
  command
      .add_option("--fail-on", fail_on, "Exit with 3 for findings that are at least this severe: warning or critical")
      ->check(CLI::IsMember({"warning", "critical"}))
      ->type_name("SEVERITY");
}

int exit_code_for(std::span<const Diagnosis* const> diagnoses, const std::string& fail_on) {
  if (fail_on.empty()) return kDone;
  const Severity limit = fail_on == "critical" ? Severity::critical : Severity::warning;
  std::ptrdiff_t count = 0;
  for (const Diagnosis* diagnosis : diagnoses)
    count += std::count_if(diagnosis->findings.begin(), diagnosis->findings.end(),
                           [limit](const Finding& finding) { return finding.severity >= limit; });
  if (count == 0) return kDone;
  spdlog::warn("{} {} at or above {}: exit code {}", count, count == 1 ? "finding" : "findings", fail_on,
               static_cast<int>(kFindings));
  return kFindings;
}

int exit_code_for(const Diagnosis& diagnosis, const std::string& fail_on) {
  const Diagnosis* one = &diagnosis;
  return exit_code_for(std::span(&one, 1), fail_on);
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
    std::erase(diagnosis.applied, name);
    std::erase_if(diagnosis.skipped, [&](const SkippedRule& skipped) { return skipped.rule == name; });
  }
  if (!rules.empty()) put_causes_first(diagnosis.findings);  // of what is left
}

}  // namespace reluscope
