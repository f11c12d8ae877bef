#include "report/comparison_directory.hpp"

#include <algorithm>
#include <cmath>

#include "diagnose/run_reader.hpp"
#include "report/report_run.hpp"
#include "trace/table_reader.hpp"
#include "trials/compare.hpp"
#include "trials/compared_results.hpp"
#include "trials/sweep_summary.hpp"
#include "util/error.hpp"
#include "util/input.hpp"
#include "util/json_file.hpp"
#include "util/output_place.hpp"
#include "util/own_directory.hpp"
#include "util/text_file.hpp"

namespace reluscope {

namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kFacts = "compare.json";
constexpr const char* kRows = "compare.csv";
constexpr const char* kSweep = "sweep.json";
constexpr const char* kResults = "results.csv";
/// As many as there are colours.
constexpr std::size_t kMostShown = 9;

/// What is in DIR/ID, of the first seed for all that is shown, and the curves of the others.
void read_runs(const std::filesystem::path& directory, const ComparedResults& results, ComparisonPage& page) {
  for (const std::size_t variant : page.figures.shown) {
    RunDetail& detail = page.details.emplace_back();
    detail.seed = page.runs.seeds.front();
    for (std::size_t seed = 0; seed < results.ids[variant].size(); ++seed) {
      const std::string& id = results.ids[variant][seed];
      // The id comes from the file: it names a directory here, and leads nowhere else.
      if (id.empty() || id.find_first_not_of("0123456789abcdef") != std::string::npos) continue;
      const std::filesystem::path run = directory / id;
      if (!has_own_file(run / "evaluation.csv")) continue;
      page.runs.trials[variant][seed].curve =
          read_table<EvaluationRecord>(run / "evaluation.csv", TablePlace::run_directory).rows;
      if (seed > 0) continue;
      detail.tables = std::make_shared<RunTables>(read_run(run));
      if (has_own_file(run / "manifest.json"))
        detail.config = member(read_json_object(run / "manifest.json"), "config");
    }
  }
}

Json cost_json(const StepCost& cost) {
  return {{"step_seconds", number_or_null(cost.step_seconds)},
          {"ratio", number_or_null(cost.ratio)},
          {"element_ns", number_or_null(cost.element_ns)}};
}

/// The variant with these settings; the first one where there is none.
std::size_t variant_with(const ComparedRuns& runs, const Json& settings) {
  for (std::size_t at = 0; at < runs.variants.size(); ++at)
    if (settings == Json(runs.variants[at].settings)) return at;
  return 0;
}

/// What decides: `by`, or what decided when the comparison was made.
std::string deciding(const Json& facts, const std::string& by, const ComparedRuns& runs) {
  const std::string given = by.empty() ? member_or<std::string>(facts, "by", "") : by;
  const std::vector<std::string> known = deciding_metrics();
  return std::find(known.begin(), known.end(), given) == known.end() ? usual_metric(runs) : given;
}

/// As when the comparison was made: the file may name its variants in another order.
void put_reference_first(const Json& facts, bool rates_swept, ComparisonPage& page) {
  const std::vector<Variant>& variants = page.runs.variants;
  const std::size_t reference = variant_with(page.runs, member(facts, "reference"));
  std::stable_partition(page.figures.shown.begin(), page.figures.shown.end(), [&](std::size_t variant) {
    return rates_swept ? variants[variant].settings.front() == variants[reference].settings.front()
                       : variant == reference;
  });
}

void read_costs(const Json& facts, ComparisonPage& page) {
  ComparedFigures& figures = page.figures;
  const Json& costs = member(facts, "costs");
  if (!costs.is_array()) return;
  std::vector<StepCost> found(figures.shown.size(), {kNaN, kNaN, kNaN});
  for (const Json& cost : costs)
    for (std::size_t at = 0; at < figures.shown.size(); ++at)
      if (member(cost, "settings") == Json(page.runs.variants[figures.shown[at]].settings))
        found[at] = {member_or(cost, "step_seconds", kNaN), member_or(cost, "ratio", kNaN),
                     member_or(cost, "element_ns", kNaN)};
  if (std::any_of(found.begin(), found.end(), [](const StepCost& cost) { return !std::isnan(cost.step_seconds); }))
    figures.costs = std::move(found);
}

}  // namespace

bool is_comparison_directory(const std::filesystem::path& directory) {
  return (has_own_file(directory / kFacts) && has_own_file(directory / kRows)) ||
         (has_own_file(directory / kSweep) && has_own_file(directory / kResults));
}

bool is_comparison_file(const std::filesystem::path& path) {
  return (path.filename() == kFacts || path.filename() == kRows) && has_own_file(path);
}

std::vector<std::filesystem::path> comparison_files(const std::filesystem::path& directory) {
  return {directory / kFacts, directory / kRows, directory / kSweep, directory / kResults};
}

ComparedFigures figures_of_sweep(const ComparedRuns& runs, const std::vector<std::string>& keys,
                                 const std::string& by) {
  ComparedFigures figures;
  figures.heading = keys.size() == 1 ? keys.front() : "setting";
  const SweepSummary summary = summarize(runs, by);
  figures.shown = summary.order;
  if (figures.shown.size() > kMostShown) figures.shown.resize(kMostShown);
  // After the best one, in the order of what is varied.
  if (figures.shown.size() > 1) std::sort(figures.shown.begin() + 1, figures.shown.end());
  for (const std::size_t variant : figures.shown) figures.names.push_back(runs.variants[variant].name);
  figures.rows = compare(runs, figures.shown);
  figures.recommendation.by = summary.by;
  figures.recommendation.choice = summary.order.front();
  figures.recommendation.sentence = summary.sentence;
  figures.recommendation.notes = summary.notes;
  if (runs.variants.size() > kMostShown)
    figures.recommendation.notes.push_back("The charts and differences are of the best " + std::to_string(kMostShown) +
                                           " of " + std::to_string(runs.variants.size()) + " settings.");
  return figures;
}

ComparisonPage read_comparison_page(const std::filesystem::path& directory, const std::string& by) {
  ComparisonPage page;
  const bool compared = has_own_file(directory / kFacts) && has_own_file(directory / kRows);
  const Json facts = read_json_object(directory / (compared ? kFacts : kSweep));
  ComparedResults results = read_compared(directory / (compared ? kRows : kResults), FileKind::regular);
  page.title = member_or<std::string>(facts, "name", directory.filename().string());
  page.keys = results.names;
  page.runs = results.runs;
  if (compared) {
    const std::string decides = deciding(facts, by, page.runs);
    const bool rates_swept = member_or(facts, "rates_swept", false);
    choose_shown(page.figures, page.runs, page.keys, decides, rates_swept);
    put_reference_first(facts, rates_swept, page);
    read_runs(directory, results, page);
    // A run that never came to the loss has no such figure in the table: its curve tells it from one without a target.
    count_steps_to_loss(page.runs, page.figures.shown);
    conclude(page.figures, page.runs, decides, rates_swept);
    read_costs(facts, page);
  } else {
    page.figures = figures_of_sweep(page.runs, page.keys, by);
    read_runs(has_directory(directory / "runs") ? directory / "runs" : directory, results, page);
  }
  if (std::none_of(page.details.begin(), page.details.end(),
                   [](const RunDetail& detail) { return detail.tables != nullptr; }))
    page.details.clear();
  return page;
}

void write_comparison_directory(const std::filesystem::path& directory, const std::string& rows,
                                const ComparisonPage& page, bool rates_swept) {
  Json costs = Json::array();
  for (std::size_t at = 0; at < page.figures.costs.size(); ++at) {
    Json cost = cost_json(page.figures.costs[at]);
    cost["settings"] = page.runs.variants[page.figures.shown[at]].settings;
    costs.push_back(std::move(cost));
  }
  const Json facts = {{"tool", "reluscope"},
                      {"version", RELUSCOPE_VERSION},
                      {"schema_version", kSchemaVersion},
                      {"name", page.title},
                      {"by", page.figures.recommendation.by},
                      {"reference", page.runs.variants[page.figures.shown.front()].settings},
                      {"rates_swept", rates_swept},
                      {"recommendation", page.figures.recommendation.sentence},
                      {"costs", costs}};
  make_directory(directory);
  write_file_atomically(directory / kRows, rows);
  write_file_atomically(directory / kFacts, facts.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
}

}  // namespace reluscope
