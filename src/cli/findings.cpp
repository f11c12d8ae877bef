#include "cli/findings.hpp"

#include "report/terminal.hpp"
#include "util/error.hpp"

namespace reluscope {

void print_findings(const Diagnosis& diagnosis, std::ostream& out) {
  for (const Finding& finding : diagnosis.findings)
    if (finding.severity > Severity::info)
      out << severity_name(finding.severity) << ": " << finding.rule << ": " << printable(finding.sentence) << '\n';
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
