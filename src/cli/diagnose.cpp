#include <iostream>
#include <memory>

#include "cli/commands.hpp"
#include "cli/findings.hpp"
#include "report/terminal.hpp"
#include "util/error.hpp"
#include "util/format.hpp"
#include "util/text_file.hpp"

namespace reluscope {

namespace {

struct DiagnoseOptions {
  std::string path;
  std::vector<std::string> thresholds;
  std::string rules = kOwnRules;
  std::string fail_on;
  std::vector<std::string> ignored;
  bool json = false;
  bool markdown = false;
};

void print_all(const Diagnosis& diagnosis, bool markdown) {
  if (diagnosis.findings.empty()) {
    std::cout << "Nothing found.\n";
  } else {
    std::vector<std::vector<std::string>> rows;
    for (const Finding& finding : diagnosis.findings)
      rows.push_back({std::string(severity_name(finding.severity)), finding.rule, finding.sentence});
    std::cout << format_table({"severity", "rule", "finding"}, rows, 3,
                              markdown ? TableStyle::markdown : TableStyle::plain);
  }
  std::string last;
  for (const Finding& finding : diagnosis.findings) {
    if (finding.severity == Severity::info || finding.remedies.empty() || finding.rule == last) continue;
    if (last.empty()) std::cout << "\nWhat may help:\n";
    last = finding.rule;
    std::cout << "  " << finding.rule << ": ";
    for (std::size_t at = 0; at < finding.remedies.size(); ++at)
      std::cout << (at > 0 ? "; " : "") << finding.remedies[at];
    std::cout << '\n';
  }
  if (!last.empty()) std::cout << "\nreluscope explain NAME says what a rule or a remedy is.\n";
  std::cout << std::flush;
  for (const SkippedRule& skipped : diagnosis.skipped)
    std::cerr << "not applied: " << skipped.rule << " (no " << skipped.missing << ")\n";
}

int diagnose_it(const DiagnoseOptions& options) {
  const Thresholds thresholds = parse_thresholds(options.thresholds, read_thresholds(options.path));
  Diagnosis diagnosis = diagnose(read_run(options.path), thresholds, options.rules);
  ignore_rules(diagnosis, options.ignored);
  if (options.json) {
    write_document("-", diagnosis_json(diagnosis));
  } else {
    print_all(diagnosis, options.markdown);
  }
  return exit_code_for(diagnosis, options.fail_on);
}

}  // namespace

void add_diagnose(CommandLine& line) {
  auto options = std::make_shared<DiagnoseOptions>();
  CLI::App* command = line.add("diagnose", "Say what is wrong with a run, from its records alone",
                               "\nExamples:\n  reluscope diagnose runs/dying-relu\n"
                               "  reluscope diagnose layers.csv --json | jq '.findings[].rule'\n"
                               "  reluscope diagnose runs/nightly --fail-on warning");
  command->add_option("RUN", options->path, "A run directory, or one of its tables (also from another program)")
      ->required();
  command->add_option("RULE.THRESHOLD=NUMBER", options->thresholds, "Other thresholds, as dying-units.fraction=0.2");
  command
      ->add_option(
          "--rules", options->rules,
          "Whose rules: reluscope's [the default], or the published ones of another tool, for comparison. Most "
          "need a run with record.monitors=true")
      ->check(CLI::IsMember(rule_sets()))
      ->type_name("NAME");
  add_ignore_option(*command, options->ignored);
  add_fail_on_option(*command, options->fail_on);
  command->add_flag("--json", options->json, "Findings, evidence and rules that were not applied as JSON");
  command->add_flag("--markdown", options->markdown, "Print the table as Markdown");
  command->callback([&line, options] { line.action = [options] { return diagnose_it(*options); }; });
}

}  // namespace reluscope
