#include <unistd.h>

#include <algorithm>
#include <iostream>
#include <memory>

#include "cli/commands.hpp"
#include "diagnose/rules.hpp"
#include "report/terminal.hpp"
#include "trace/change_record.hpp"
#include "trace/records.hpp"
#include "trials/remedies.hpp"
#include "trials/trial_record.hpp"
#include "util/error.hpp"
#include "util/format.hpp"
#include "util/nearest.hpp"

namespace reluscope {

namespace {

/// A column of a table, by its name or "table.name".
struct ColumnPage {
  std::string table;
  std::string name;
  std::string doc;
};

template <class R>
void add_columns(const char* table, std::vector<ColumnPage>& pages) {
  std::apply(
      [&](const auto&... column) {
        (pages.push_back({table, std::string(column.name), std::string(column.doc)}), ...);
      },
      R::columns());
}

std::vector<ColumnPage> all_columns() {
  std::vector<ColumnPage> pages;
  add_columns<StepRecord>("steps", pages);
  add_columns<LayerRecord>("layers", pages);
  add_columns<CensusRecord>("census", pages);
  add_columns<UnitRecord>("units", pages);
  add_columns<EventRecord>("events", pages);
  add_columns<FeatureRecord>("features", pages);
  add_columns<SiteRecord>("sites", pages);
  add_columns<ChangeRecord>("changes", pages);
  add_columns<TheoryRecord>("theory", pages);
  add_columns<EvaluationRecord>("evaluation", pages);
  add_columns<HistogramRecord>("histograms", pages);
  add_columns<TrialRecord>("compare", pages);  // and a sweep's results
  return pages;
}

/// One entry of a page, on as many lines as it takes.
void say(const std::string& text) { std::cout << wrap(text, terminal_width(STDOUT_FILENO), "      ") << '\n'; }

void explain_rule(const RuleEntry& rule) {
  say("rule " + rule.name + (rule.set == kOwnRules ? "" : " of " + rule.set) + ": " + rule.doc);
  for (const Param& param : rule.params)
    say("  " + param.name + " = " + format_number(std::get<double>(param.fallback)) + ": " + param.doc);
  if (!rule.needs.empty()) say("  reads " + joined(rule.needs));
  if (!rule.explains.empty()) {
    std::vector<std::string> effects = rule.explains;
    std::replace(effects.begin(), effects.end(), std::string(kSlowUpdates), std::string("update-ratio (too small)"));
    say("  explains " + joined(effects));
  }
  for (const std::string& name : rule.remedies)
    say("  may help: " + name + ": " + find_entry(remedy_table(), name)->doc);
}

void explain_remedy(const RemedyEntry& remedy) {
  say("remedy " + remedy.name + ": " + remedy.doc);
  std::vector<std::string> rules;
  for (const RuleEntry& rule : rule_table())
    if (std::find(rule.remedies.begin(), rule.remedies.end(), remedy.name) != rule.remedies.end())
      rules.push_back(rule.name);
  say("  against " + joined(rules));
}

int explain(const std::string& word) {
  bool found = false;
  std::vector<std::string> names;
  for (const RuleEntry& rule : rule_table()) {
    names.push_back(rule.name);
    if (rule.name == word) explain_rule(rule), found = true;
  }
  for (const RemedyEntry& remedy : remedy_table()) {
    names.push_back(remedy.name);
    if (remedy.name == word) explain_remedy(remedy), found = true;
  }
  for (const ColumnPage& column : all_columns()) {
    names.push_back(column.name);
    names.push_back(column.table + "." + column.name);
    if (word != column.name && word != names.back()) continue;
    say("column " + names.back() + ": " + column.doc);
    found = true;
  }
  if (found) return kDone;
  const auto near = nearest_name(word, names);
  throw UsageError("there is no rule, remedy or column '" + printable(word) + "'" +
                   (near ? "; did you mean '" + *near + "'?" : "; docs/diagnose.md has the rules"));
}

}  // namespace

void add_explain(CommandLine& line) {
  auto word = std::make_shared<std::string>();
  CLI::App* command = line.add("explain", "Say what a rule, a remedy or a column is",
                               "\nExamples:\n  reluscope explain unscaled-inputs\n  reluscope explain standardize\n"
                               "  reluscope explain layers.delta_rms");
  command->add_option("NAME", *word, "A rule's, a remedy's or a column's name, as layers.delta_rms or delta_rms")
      ->required();
  command->callback([&line, word] { line.action = [word] { return explain(*word); }; });
}

}  // namespace reluscope
