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
};

/// The tables of a run, as far as there are any.
struct RunTables {
  TableRows<StepRecord> steps;
  TableRows<LayerRecord> layers;
  TableRows<CensusRecord> census;
  TableRows<UnitRecord> units;
  TableRows<TheoryRecord> theory;
  TableRows<FeatureRecord> features;
  /// No manifest of ours stands beside the files that they were read from.
  bool from_elsewhere = false;
  /// The number of the output layer, where the manifest says it. `output_layers` (layers.hpp) is who to ask.
  std::optional<std::int64_t> output_layer;
  std::optional<LossFacts> loss;
  std::optional<PartFacts> train;  ///< absent where the run has not ended, or failed
  std::optional<PartFacts> test;
  std::optional<TargetFacts> targets;  ///< of a regression
};

/// Standard errors by which the network has to be better than the best constant output, for more than chance: 99 % of a
/// normal distribution lie within so many.
inline constexpr double kErrorsOfChance = 2.58;
/// Whether it is, by the paired differences of the single samples.
bool is_better(const PartFacts& part, double errors = kErrorsOfChance);
/// Whether the network has learned its training set. False also where that is not known.
bool has_learned(const RunTables& run);

/// What a run has left in memory: its records. The rest of RunTables is for the caller to fill in.
RunTables take_tables(RecordMemory&& records);

/// Reads the CSV files of a run directory, or one of its tables (by its columns) from a single file. A layer without a
/// name is called after its number.
/// Throws DataError for what cannot be read, and where there is nothing to diagnose.
RunTables read_run(const std::filesystem::path& path);

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
};

/// A rule that could not be applied.
struct SkippedRule {
  std::string rule;
  std::string missing;  ///< "layers.delta_rms", or "output layer"
};

struct Diagnosis {
  std::vector<Finding> findings;  ///< the most severe first, then by layer
  std::vector<SkippedRule> skipped;
  [[nodiscard]] std::optional<Severity> worst() const;
};

struct RuleEntry : Entry {
  std::string set;  ///< of whom: "reluscope", or the tool whose published rule it is
  /// Columns it cannot do without, as table.column. It is given the rows alone in which all of them were measured; of
  /// an optional one (records.hpp) it must see for itself.
  std::vector<std::string> needs;
  bool needs_output = false;  ///< it speaks of the output layer, which has to be known
  bool needs_loss = false;    ///< and of the loss
  bool needs_end = false;     ///< and of how the run did at its end
  /// What it warns of is information where the network has learned all the same.
  bool mild_if_learned = false;
  std::vector<std::string> remedies;  ///< names of remedies (trials/remedies.hpp)
  /// Adds what it finds; rule and remedies are filled in by the caller.
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

/// Applies the rules of one set. Where the weights came from a file, remedies that draw them anew are left out.
Diagnosis diagnose(const RunTables& run, const Thresholds& thresholds = {}, std::string_view set = kOwnRules);

/// The findings as a JSON array.
std::string findings_json(const std::vector<Finding>& findings);
/// {"worst": …, "findings": […], "skipped": […]}, and a line break.
std::string diagnosis_json(const Diagnosis& diagnosis);

}  // namespace reluscope
