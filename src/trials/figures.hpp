#pragma once
// What is kept of one run among many: one row of compare.csv and of a sweep's results.

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "config/spec.hpp"
#include "data/dataset.hpp"
#include "diagnose/diagnosis.hpp"
#include "experiment/run.hpp"
#include "trace/checkpoint.hpp"
#include "trace/column.hpp"
#include "trace/evaluation_record.hpp"
#include "trace/sink.hpp"
#include "util/statistics.hpp"

namespace reluscope {

struct Figures {
  std::string status;                  ///< done, or failed
  std::optional<std::string> failure;  ///< the reason: what became non-finite, or what could not be set up
  std::int64_t steps = 0;
  std::optional<double> first_loss;
  std::optional<double> last_loss;
  std::optional<double> train_loss;
  std::optional<double> train_accuracy;
  std::optional<double> test_loss;
  std::optional<double> test_accuracy;
  std::optional<double> dead_fraction;
  std::optional<double> born_dead_fraction;
  std::optional<double> peak_dead_fraction;
  std::optional<std::int64_t> deaths;
  std::optional<std::int64_t> revivals;
  std::optional<std::int64_t> locked;
  std::optional<bool> collapsed;
  std::optional<double> grad_norm_first;
  std::optional<double> grad_norm_last;
  std::optional<double> grad_norm_growth;
  std::optional<std::string> findings;
  std::optional<double> bias_shift;
  std::optional<double> bias_shift_abs;
  std::optional<double> zero_fraction;
  std::optional<std::int64_t> steps_to_loss;
  std::optional<double> grad_decay_start;
  std::optional<double> grad_decay_end;
  std::optional<double> slope_mean;
  std::optional<double> slope_min;
  std::optional<double> slope_max;

  static constexpr auto columns() {
    return std::tuple{
        Column{"status", &Figures::status, "done or failed"},
        Column{"failure", &Figures::failure, "why it failed"},
        Column{"steps", &Figures::steps, "updates made"},
        Column{"first_loss", &Figures::first_loss, "loss of the first batch"},
        Column{"last_loss", &Figures::last_loss, "loss of the last batch"},
        Column{"train_loss", &Figures::train_loss, "at the end, over the training set"},
        Column{"train_accuracy", &Figures::train_accuracy, "the same; empty for regression"},
        Column{"test_loss", &Figures::test_loss, "over the test set; empty without one"},
        Column{"test_accuracy", &Figures::test_accuracy, "the same"},
        Column{"dead_fraction", &Figures::dead_fraction,
               "dead hidden units at the end, as a share of all; like all that is counted until the end, empty where "
               "the run failed"},
        Column{"born_dead_fraction", &Figures::born_dead_fraction, "the same at step 0, in weights that were drawn"},
        Column{"peak_dead_fraction", &Figures::peak_dead_fraction,
               "the most in each layer at any census, added up, as a share of all"},
        Column{"deaths", &Figures::deaths, "changes from alive to dead, over all units"},
        Column{"revivals", &Figures::revivals, "the reverse"},
        Column{"locked", &Figures::locked, "units that provably cannot revive"},
        Column{"collapsed", &Figures::collapsed, "1 if the output is constant over the training set"},
        Column{"grad_norm_first", &Figures::grad_norm_first, "global gradient norm at the first step"},
        Column{"grad_norm_last", &Figures::grad_norm_last, "the same at the last recorded one"},
        Column{"grad_norm_growth", &Figures::grad_norm_growth, "the largest recorded over the first"},
        Column{"findings", &Figures::findings, "warnings and worse: rule@layer, separated by spaces"},
        Column{"bias_shift", &Figures::bias_shift,
               "median over the hidden units of the mean activation on the training set, at the end (Clevert et al. "
               "2016)"},
        Column{"bias_shift_abs", &Figures::bias_shift_abs, "median over the hidden units of its absolute value"},
        Column{"zero_fraction", &Figures::zero_fraction,
               "share of the hidden units' activations on the training set that are exactly 0, at the end"},
        Column{"steps_to_loss", &Figures::steps_to_loss,
               "updates until the first evaluation whose training loss is at or below a target: of a comparison, that "
               "of its first variant's last one with the same seed; of a sweep, its target_loss; empty: never"},
        Column{"grad_decay_start", &Figures::grad_decay_start,
               "delta_rms of the first layer over that of the last one, at the first recorded step"},
        Column{"grad_decay_end", &Figures::grad_decay_end, "the same at the last recorded step"},
        Column{"slope_mean", &Figures::slope_mean, "prelu: of the hidden units' learned slopes at the end, the mean"},
        Column{"slope_min", &Figures::slope_min, "the least"},
        Column{"slope_max", &Figures::slope_max, "the greatest"},
    };
  }

  [[nodiscard]] bool failed() const { return status != "done"; }
  /// The loss that runs are judged by: of the test set, or of the training set where there is none. NaN if it failed.
  [[nodiscard]] double judged_loss() const;
  /// The same for the accuracy; NaN for regression.
  [[nodiscard]] double judged_accuracy() const;
};

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
/// What is kept of a run besides its figures: nothing, its evaluations, or everything that was recorded. The first two
/// do not pay for what they do not keep.
enum class Keep { figures, curve, tables };

/// Fewer steps than this say little of how a network trains.
inline constexpr std::int64_t kShortestStint = 64;
/// Checkpoints above this many bytes are not kept: there may be some dozens at once.
inline constexpr std::size_t kLargestPaused = std::size_t{32} << 20;

/// A run with nothing written: its figures, and what the rules say.
struct Trial {
  bool learned = false;  ///< better than the best constant output over the training set
  Figures figures;
  Diagnosis diagnosis;
  double seconds = 0.0;         ///< training and measuring took
  std::int64_t steps_made = 0;  ///< in this stint
  bool whole = true;            ///< it came to its end, or failed; false: it can go on
  bool lost = false;            ///< it ended where a hidden layer was lost
  double steps_to_loss = kNaN;  ///< as its figure; one step more than there were where it never came to that loss
  std::vector<EvaluationRecord> curve;      ///< unless Keep::figures
  std::shared_ptr<const RunTables> tables;  ///< with Keep::tables
  /// NaN if it failed, or ended early: it spent its time on something else than steps.
  [[nodiscard]] double steps_per_second() const;
};
/// `directory`: the run directory to write as `run` would; empty: none, and needed so for a stint that is not the whole
/// run.
Trial run_trial(const ExperimentSpec& spec, const Dataset& dataset, const std::atomic<int>* stop,
                const std::filesystem::path& directory = {}, const Stint& stint = {}, Keep keep = Keep::figures);

/// Updates until the first evaluation with a training loss at or below this; nothing: there is none.
std::optional<std::int64_t> steps_to_loss(std::span<const EvaluationRecord> curve, double loss);

/// Figures of a run that could not be set up.
Figures failed_figures(const std::string& reason);

}  // namespace reluscope
