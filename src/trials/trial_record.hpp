#pragma once
// What is kept of one run among many: one row of compare.csv and of a sweep's results.

#include <cstdint>
#include <optional>
#include <string>
#include <tuple>

#include "data/dataset.hpp"
#include "experiment/run_summary.hpp"
#include "trace/column.hpp"
#include "trace/sink.hpp"

namespace reluscope {

struct TrialRecord {
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
        Column{"status", &TrialRecord::status, "done or failed"},
        Column{"failure", &TrialRecord::failure, "why it failed"},
        Column{"steps", &TrialRecord::steps, "updates made"},
        Column{"first_loss", &TrialRecord::first_loss, "loss of the first batch"},
        Column{"last_loss", &TrialRecord::last_loss, "loss of the last batch"},
        Column{"train_loss", &TrialRecord::train_loss, "at the end, over the training set"},
        Column{"train_accuracy", &TrialRecord::train_accuracy, "the same; empty for regression"},
        Column{"test_loss", &TrialRecord::test_loss, "over the test set; empty without one"},
        Column{"test_accuracy", &TrialRecord::test_accuracy, "the same"},
        Column{"dead_fraction", &TrialRecord::dead_fraction,
               "dead hidden units at the end, as a share of all; like all that is counted until the end, empty where "
               "the run failed"},
        Column{"born_dead_fraction", &TrialRecord::born_dead_fraction,
               "the same at step 0, in weights that were drawn"},
        Column{"peak_dead_fraction", &TrialRecord::peak_dead_fraction,
               "the most in each layer at any census, added up, as a share of all"},
        Column{"deaths", &TrialRecord::deaths, "changes from alive to dead, over all units"},
        Column{"revivals", &TrialRecord::revivals, "the reverse"},
        Column{"locked", &TrialRecord::locked, "units that provably cannot revive"},
        Column{"collapsed", &TrialRecord::collapsed, "1 if the output is constant over the training set"},
        Column{"grad_norm_first", &TrialRecord::grad_norm_first, "global gradient norm at the first step"},
        Column{"grad_norm_last", &TrialRecord::grad_norm_last, "the same at the last recorded one"},
        Column{"grad_norm_growth", &TrialRecord::grad_norm_growth, "the largest recorded over the first"},
        Column{"findings", &TrialRecord::findings, "warnings and worse: rule@layer, separated by spaces"},
        Column{"bias_shift", &TrialRecord::bias_shift,
               "median over the hidden units of the mean activation on the training set, at the end (Clevert et al. "
               "2016)"},
        Column{"bias_shift_abs", &TrialRecord::bias_shift_abs, "median over the hidden units of its absolute value"},
        Column{"zero_fraction", &TrialRecord::zero_fraction,
               "share of the hidden units' activations on the training set that are exactly 0, at the end"},
        Column{"steps_to_loss", &TrialRecord::steps_to_loss,
               "updates until the first evaluation whose training loss is at or below a target: of a comparison, that "
               "of its first variant's last one with the same seed; of a sweep, its target_loss; empty: never"},
        Column{"grad_decay_start", &TrialRecord::grad_decay_start,
               "delta_rms of the first layer over that of the last one, at the first recorded step"},
        Column{"grad_decay_end", &TrialRecord::grad_decay_end, "the same at the last recorded step"},
        Column{"slope_mean", &TrialRecord::slope_mean,
               "prelu: of the hidden units' learned slopes at the end, the mean"},
        Column{"slope_min", &TrialRecord::slope_min, "the least"},
        Column{"slope_max", &TrialRecord::slope_max, "the greatest"},
    };
  }

  [[nodiscard]] bool failed() const { return status != "done"; }
  /// The loss that runs are judged by: of the test set, or of the training set where there is none. NaN if it failed.
  [[nodiscard]] double judged_loss() const;
  /// The same for the accuracy; NaN for regression.
  [[nodiscard]] double judged_accuracy() const;
};

/// The record of a run, but for its findings and for `steps_to_loss`, which depends on other runs.
TrialRecord record_of(const RunSummary& summary, const RecordMemory& records, const Dataset& dataset);

/// That of a run that could not be set up.
TrialRecord failed_record(const std::string& reason);

}  // namespace reluscope
