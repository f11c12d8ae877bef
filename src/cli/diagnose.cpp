#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <iostream>
#include <memory>
#include <set>

#include "cli/commands.hpp"
#include "cli/findings.hpp"
#include "diagnose/findings_json.hpp"
#include "diagnose/rules.hpp"
#include "diagnose/run_reader.hpp"
#include "diagnose/thresholds.hpp"
#include "report/diagnosis_formats.hpp"
#include "report/findings_text.hpp"
#include "trials/advice.hpp"
#include "util/error.hpp"
#include "util/format.hpp"
#include "util/input.hpp"
#include "util/json_file.hpp"
#include "util/text_file.hpp"

namespace reluscope {

namespace {

struct DiagnoseOptions {
  std::vector<std::string> words;  ///< runs, and thresholds
  std::string rules = kOwnRules;
  std::string fail_on;
  std::vector<std::string> ignored;
  std::string format = "text";
};

using Runs = std::vector<JudgedRun>;

/// "rule, rule (no column); rule (no column)": what was not measured, said once.
std::string skipped_text(const std::vector<SkippedRule>& skipped) {
  std::vector<std::pair<std::string, std::string>> groups;  // what is missing, and the rules that miss it
  for (const SkippedRule& one : skipped) {
    const auto found =
        std::find_if(groups.begin(), groups.end(), [&](const auto& group) { return group.first == one.missing; });
    if (found == groups.end()) {
      groups.emplace_back(one.missing, one.rule);
    } else {
      found->second += ", " + one.rule;
    }
  }
  std::string text;
  for (const auto& [missing, rules] : groups) text += (text.empty() ? "" : "; ") + rules + " (no " + missing + ")";
  return text;
}

void write_text(const Runs& runs, const DiagnoseOptions& /*options*/) {
  bool any = false;
  for (const JudgedRun& run : runs) {
    if (runs.size() > 1) std::cout << (&run == &runs.front() ? "" : "\n") << printable(run.path) << ":\n";
    if (run.diagnosis.findings.empty()) {
      std::cout << "Nothing found.\n";
    } else {
      print_findings(run.diagnosis, std::cout, true);
      any = true;
    }
  }
  if (any) std::cout << "\nreluscope explain NAME says what a rule or a remedy is.\n";
  std::cout << std::flush;
  std::set<std::string> told;
  for (const JudgedRun& run : runs)
    if (const std::string text = skipped_text(run.diagnosis.skipped); !text.empty() && told.insert(text).second)
      spdlog::info("not applied: {}", text);
}

void write_markdown(const Runs& runs, const DiagnoseOptions& /*options*/) {
  std::string text;
  for (const JudgedRun& run : runs) {
    if (runs.size() > 1) text += (text.empty() ? "## " : "\n## ") + printable(run.path) + "\n\n";
    text += run.diagnosis.findings.empty() ? "Nothing found.\n" : findings_table(run.diagnosis);
  }
  write_document("-", text);
}

/// Of one run an object, of several a list of such objects, each with its place.
void write_json(const Runs& runs, const DiagnoseOptions& /*options*/) {
  if (runs.size() == 1) {
    write_document("-", diagnosis_json(runs.front().diagnosis));
    return;
  }
  std::string text = "[\n";
  for (const JudgedRun& run : runs) {
    std::string document = diagnosis_json(run.diagnosis, run.path);
    document.pop_back();  // the line break at its end
    text += document + (&run == &runs.back() ? "\n" : ",\n");
  }
  write_document("-", text + "]\n");
}

void write_github(const Runs& runs, const DiagnoseOptions& /*options*/) {
  write_document("-", github_annotations(runs));
}
void write_junit(const Runs& runs, const DiagnoseOptions& options) {
  write_document("-", junit_report(runs, options.fail_on == "critical" ? Severity::critical : Severity::warning));
}
void write_sarif(const Runs& runs, const DiagnoseOptions& /*options*/) {
  write_document("-", sarif_report(runs, RELUSCOPE_VERSION));
}

struct OutputFormat {
  const char* name;
  void (*write)(const Runs& runs, const DiagnoseOptions& options);
};
constexpr std::array kFormats = {OutputFormat{"text", write_text},         OutputFormat{"json", write_json},
                                 OutputFormat{"markdown", write_markdown}, OutputFormat{"github", write_github},
                                 OutputFormat{"junit", write_junit},       OutputFormat{"sarif", write_sarif}};

JudgedRun judge(const std::string& path, const std::vector<std::string>& thresholds, const DiagnoseOptions& options) {
  const RunTables tables = read_run(path);
  JudgedRun run{path, diagnose(tables, parse_thresholds(thresholds, read_thresholds(path)), options.rules)};
  if (!tables.from_elsewhere) advise_by_manifest(path, run.diagnosis);
  ignore_rules(run.diagnosis, options.ignored);
  return run;
}

int diagnose_it(const DiagnoseOptions& options) {
  std::vector<std::string> paths;
  std::vector<std::string> thresholds;
  for (const std::string& word : options.words) {
    const bool is_threshold = word.find('=') != std::string::npos && !has_file(word) && !has_directory(word);
    (is_threshold ? thresholds : paths).push_back(word);
  }
  if (paths.empty()) throw UsageError("a RUN is needed\nTry 'reluscope diagnose --help'.");
  parse_thresholds(thresholds);  // wrong words are refused before anything is read
  Runs runs;
  for (const std::string& path : paths) runs.push_back(judge(path, thresholds, options));
  std::find_if(kFormats.begin(), kFormats.end(), [&](const OutputFormat& format) {
    return options.format == format.name;
  })->write(runs, options);
  std::vector<const Diagnosis*> diagnoses;
  for (const JudgedRun& run : runs) diagnoses.push_back(&run.diagnosis);
  return exit_code_for(diagnoses, options.fail_on);
}

}  // namespace

void add_diagnose(CommandLine& line) {
  auto options = std::make_shared<DiagnoseOptions>();
  CLI::App* command =
      line.add("diagnose", "Say what is wrong with a run, from its records alone",
               "\nA word with = is another threshold, RULE.THRESHOLD=NUMBER, as dying-units.fraction=0.2.\n"
               "\nExamples:\n  reluscope diagnose runs/dying-relu\n"
               "  reluscope diagnose layers.csv --json | jq '.findings[].rule'\n"
               "  reluscope diagnose runs/* --fail-on warning --format junit > findings.xml");
  command
      ->add_option("RUN", options->words,
                   "Run directories, or single tables (also from another program), and RULE.THRESHOLD=NUMBER")
      ->required();
  command
      ->add_option(
          "--rules", options->rules,
          "Whose rules: reluscope's [the default], or the published ones of another tool, for comparison. Some "
          "need a run with record.monitors=true")
      ->check(CLI::IsMember(rule_sets()))
      ->type_name("NAME");
  std::vector<std::string> names;
  names.reserve(kFormats.size());
  for (const OutputFormat& format : kFormats) names.emplace_back(format.name);
  CLI::Option* format =
      command
          ->add_option("--format", options->format,
                       "text [the default], json or markdown; for continuous integration: github (workflow commands), "
                       "junit (findings at or above --fail-on, or warning, fail), sarif (2.1.0)")
          ->check(CLI::IsMember(names))
          ->type_name("FORMAT");
  const auto add_short_form = [&](const std::string& name, const std::string& doc) {
    command
        ->add_flag_callback(
            "--" + name, [options, name] { options->format = name; }, doc)
        ->excludes(format);
  };
  add_short_form("json", "Short for --format json: findings, evidence, and rules that were not applied");
  add_short_form("markdown", "Short for --format markdown: a table");
  add_ignore_option(*command, options->ignored);
  add_fail_on_option(*command, options->fail_on);
  command->callback([&line, options] { line.action = [options] { return diagnose_it(*options); }; });
}

}  // namespace reluscope
