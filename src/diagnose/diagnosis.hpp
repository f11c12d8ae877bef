#pragma once
// Findings: what is wrong with a run (or notable about it), from its records alone. The rules are one table
// (rules.cpp).

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "trace/records.hpp"
#include "trace/sink.hpp"
#include "trace/table_reader.hpp"
#include "util/param.hpp"

namespace reluscope {

enum class Severity { info, warning, critical };
std::string_view severity_name(Severity severity);

/// What a run minimises.
struct LossFacts {
  std::string name;
  bool takes_logits = false;  ///< it applies a sigmoid or softmax of its own
  bool decays = false;        ///< weights are drawn to 0: by weight decay, or by a penalty
};

/// How a run did on one part of its data, at its end (`train` and `test` in summary.json).
struct PartFacts {
  double loss = 0.0;           ///< without penalties
  double constant_loss = 0.0;  ///< of the best constant output
  double gain = 0.0;           ///< what the network is better by, mean over the samples
  double gain_error = 0.0;     ///< its standard error
};

/// A regression's targets, all outputs together (`targets` in summary.json).
struct TargetFacts {
  double mean = 0.0;
  double std = 0.0;
  double min = 0.0;
  double max = 0.0;
  double outside = 0.0;      ///< share of them that the output's activation cannot yield
  double output_low = 0.0;   ///< it yields nothing below this, and
  double output_high = 0.0;  ///< nothing above this
};

/// A classification's training samples (`classes` in summary.json).
struct ClassShares {
  std::int64_t count = 0;    ///< classes
  double largest = 0.0;      ///< share of the samples that the largest class has
  std::string largest_name;  ///< as the data have it
  double smallest = 0.0;
  std::string smallest_name;
};

/// The tables of a run, as far as there are any.
struct RunTables {
  TableRows<StepRecord> steps;
  TableRows<LayerRecord> layers;
  TableRows<CensusRecord> census;
  TableRows<UnitRecord> units;
  TableRows<TheoryRecord> theory;
  TableRows<FeatureRecord> features;
  TableRows<SiteRecord> sites;
  TableRows<EvaluationRecord> evaluation;
  TableRows<HistogramRecord> histograms;
  /// No manifest of ours stands beside the files that they were read from.
  bool from_elsewhere = false;
  /// Its tables are those of scripts/reluscope_capture.py: manifest and summary say what ours do, but for the config.
  bool captured = false;
  /// The number of the output layer, where the manifest says it. `output_layers` (layers.hpp) is who to ask.
  std::optional<std::int64_t> output_layer;
  std::optional<LossFacts> loss;
  std::optional<PartFacts> train;  ///< absent where the run has not ended, or failed
  std::optional<PartFacts> test;
  std::optional<TargetFacts> targets;  ///< of a regression
  std::optional<ClassShares> classes;  ///< of a classification
  std::optional<double> start_loss;    ///< over the training set before the first update, without penalties
  /// Whether a linear fit is better than a constant; absent where the network is, or where it was not tried.
  std::optional<bool> linear_is_better;
};

/// Standard errors by which the network has to be better than the best constant output, for more than chance: 99 % of a
/// normal distribution lie within so many.
inline constexpr double kErrorsOfChance = 2.58;
/// Whether it is, by the paired differences of the single samples.
bool is_better(const PartFacts& part, double errors = kErrorsOfChance);
/// Whether the network has learned its training set. False also where that is not known.
bool has_learned(const RunTables& run);
/// Whether its loss there is a quarter of the best constant's, or less.
bool has_learned_well(const RunTables& run);

/// What a run has left in memory: its records. The rest of RunTables is for the caller to fill in.
RunTables take_tables(RecordMemory&& records);

/// Reads the CSV files of a run directory, or one of its tables (by its columns) from a single file. A layer without a
/// name is called after its number.
/// Throws DataError for what cannot be read, and where there is nothing to diagnose.
RunTables read_run(const std::filesystem::path& path);

/// Finding::effect of updates that are too small: what stops a signal makes them so, while large ones are a cause.
inline constexpr const char* kSlowUpdates = "slow-updates";

/// What a rule found, with its evidence.
struct Finding {
  std::string rule;
  Severity severity = Severity::info;
  std::optional<std::int64_t> layer;  ///< counted from 1 at the input
  std::string name;                   ///< the layer's
  std::optional<std::int64_t> step;
  std::optional<double> value;
  std::optional<double> threshold;
  std::string sentence;               ///< for people
  std::vector<std::string> remedies;  ///< what may help, the likeliest first
  /// KEY=VALUE of each remedy, where the config is known (trials/remedies.hpp); else empty.
  std::vector<std::vector<std::string>> changes;
  /// Rules whose findings are symptoms of it: the rule's, unless the check knows better.
  std::optional<std::vector<std::string>> explains;
  std::string effect;      ///< what rules that explain it call it; empty: by its rule
  std::string symptom_of;  ///< the rule whose finding explains this one; empty: none does
};

/// A rule that could not be applied.
struct SkippedRule {
  std::string rule;
  std::string missing;  ///< "layers.delta_rms", or "output layer"
};

struct Diagnosis {
  /// Causes before symptoms: a cause, then all that is a symptom of it, then the next cause. Of two causes the one goes
  /// first that has, itself or in its symptoms, the more severe finding; then the one that stands first in the table of
  /// rules. Information stands at the end.
  std::vector<Finding> findings;
  std::vector<SkippedRule> skipped;
  std::vector<std::string> applied;  ///< rules that were applied
  [[nodiscard]] std::optional<Severity> worst() const;
};

/// When what a rule warns of is information: where the network has learned all the same.
enum class Mild { never, learned, learned_well };

struct RuleEntry : Entry {
  std::string set;  ///< of whom: "reluscope", or the tool whose published rule it is
  /// Columns it cannot do without, as table.column. It is given the rows alone in which all of them were measured; of
  /// an optional one (records.hpp) it must see for itself.
  std::vector<std::string> needs;
  bool needs_output = false;  ///< it speaks of the output layer, which has to be known
  bool needs_loss = false;    ///< and of the loss
  bool needs_end = false;     ///< and of how the run did at its end
  Mild mild = Mild::never;
  /// Rules, or effects (Finding), that are symptoms of what this one warns of.
  std::vector<std::string> explains;
  std::vector<std::string> remedies;  ///< names of remedies (trials/remedies.hpp)
  /// Adds what it finds; the rule, and remedies unless the check has given some, are filled in by the caller.
  void (*check)(const RunTables& run, const ParamValues& thresholds, std::vector<Finding>& findings) = nullptr;
};

/// dead-on-arrival, dying-units, …, and the published rules of other tools.
std::span<const RuleEntry> rule_table();

/// Whether a remedy changes how weights are drawn, or what arrays there are of them: it can do nothing where they come
/// from a file.
bool needs_drawn_weights(std::string_view remedy);

/// The rule set that is applied unless another is asked for.
inline constexpr const char* kOwnRules = "reluscope";
/// The names of all rule sets, the own one first.
std::vector<std::string> rule_sets();

/// Thresholds by rule; a rule that is not named has its defaults.
using Thresholds = std::map<std::string, ParamValues>;

/// Thresholds from words like "dying-units.fraction=0.2". Throws UsageError for a rule or threshold that does not exist
/// (with the nearest one that does), and for what is no number or out of range.
/// They come on top of `base`.
Thresholds parse_thresholds(std::span<const std::string> words, Thresholds base = {});

/// The thresholds that a run directory's manifest says its config had; none for a lone table or without a manifest.
/// Throws DataError for a manifest that cannot be read.
Thresholds read_thresholds(const std::filesystem::path& path);

/// Notes whose symptom each warning is, and puts them in the order that Diagnosis speaks of. They come in the order of
/// the table.
void put_causes_first(std::vector<Finding>& findings);

/// Applies the rules of one set. Where the weights came from a file, remedies that draw them anew are left out.
Diagnosis diagnose(const RunTables& run, const Thresholds& thresholds = {}, std::string_view set = kOwnRules);

/// The findings as a JSON array.
std::string findings_json(const std::vector<Finding>& findings);
/// {"worst": …, "findings": […], "skipped": […]}, and a line break; with "run" in front where it is given.
std::string diagnosis_json(const Diagnosis& diagnosis, const std::string& run = "");

}  // namespace reluscope
