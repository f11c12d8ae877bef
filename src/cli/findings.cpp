#include "cli/findings.hpp"

#include <map>
#include <utility>

#include "report/terminal.hpp"
#include "util/error.hpp"
#include "util/format.hpp"

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
  return *diagnosis.worst() >= limit ? kFindings : kDone;
}

}  // namespace reluscope
