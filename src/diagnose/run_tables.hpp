#pragma once
// A run as rules see it: its tables, and what its manifest and summary say of it. Where they come from makes no
// difference: a run in memory (take_tables), a directory or a lone table (run_reader.hpp).

#include <cstdint>
#include <optional>
#include <string>

#include "trace/records.hpp"
#include "trace/table_rows.hpp"

namespace reluscope {

class RecordMemory;

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
  /// Its tables are those of scripts/reluscope_capture.py, or of `reluscope census`: manifest and summary say what
  /// those of a run do, but for the config.
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

}  // namespace reluscope
