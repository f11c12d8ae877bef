#pragma once
// One run among many: how far it goes, what is kept of it, and the run itself.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "config/spec.hpp"
#include "data/dataset.hpp"
#include "diagnose/diagnosis.hpp"
#include "diagnose/run_tables.hpp"
#include "trace/checkpoint.hpp"
#include "trace/evaluation_record.hpp"
#include "trace/sink.hpp"
#include "trials/trial_record.hpp"
#include "util/statistics.hpp"

namespace reluscope {

/// A run that was looked at before its end: what it takes to go on.
struct PausedRun {
  std::optional<Checkpoint> checkpoint;   ///< absent where it has to begin again: it failed, or is too large to keep
  std::shared_ptr<RecordMemory> records;  ///< with the checkpoint: what was recorded by then
  double seconds = 0.0;                   ///< it took so far
};

/// How far a run goes, and from where.
struct Stint {
  /// Share of its steps after which it ends, in (0, 1]; but not before kShortestStint steps.
  double until = 1.0;
  /// Where it goes on from, if it has a checkpoint; and where one is left if it ends before its last step. Null:
  /// neither.
  std::shared_ptr<PausedRun> paused;
  /// Ends where a hidden layer is lost (RunControl::end_when_lost). Its judged figures are then those of the best
  /// constant output, where these are better: it could have come to no more.
  bool end_when_lost = false;
};

/// What is kept of a run besides its record: nothing, its evaluations, or everything that was recorded. The first two
/// do not pay for what they do not keep.
enum class Keep { record, curve, tables };

/// Fewer steps than this say little of how a network trains.
inline constexpr std::int64_t kShortestStint = 64;
/// Checkpoints above this many bytes are not kept: there may be some dozens at once.
inline constexpr std::size_t kLargestPaused = std::size_t{32} << 20;

/// A run with nothing written: its record, and what the rules say.
struct Trial {
  bool learned = false;  ///< better than the best constant output over the training set
  TrialRecord record;
  Diagnosis diagnosis;
  double seconds = 0.0;         ///< training and measuring took
  std::int64_t steps_made = 0;  ///< in this stint
  bool whole = true;            ///< it came to its end, or failed; false: it can go on
  bool lost = false;            ///< it ended where a hidden layer was lost
  double steps_to_loss = kNaN;  ///< as in its record; one step more than there were where it never came to that loss
  std::vector<EvaluationRecord> curve;      ///< unless Keep::record
  std::shared_ptr<const RunTables> tables;  ///< with Keep::tables
  /// NaN if it failed, or ended early: it spent its time on something else than steps.
  [[nodiscard]] double steps_per_second() const;
};
/// `directory`: the run directory to write as `run` would; empty: none, and needed so for a stint that is not the whole
/// run.
Trial run_trial(const ExperimentSpec& spec, const Dataset& dataset, const std::atomic<int>* stop,
                const std::filesystem::path& directory = {}, const Stint& stint = {}, Keep keep = Keep::record);

/// Updates until the first evaluation with a training loss at or below this; nothing: there is none.
std::optional<std::int64_t> steps_to_loss(std::span<const EvaluationRecord> curve, double loss);

}  // namespace reluscope
