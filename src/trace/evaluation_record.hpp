#pragma once
// evaluation.csv: how the network does in evaluation mode, on the data as a whole.

#include <cstdint>
#include <optional>
#include <tuple>

#include "trace/column.hpp"

namespace reluscope {

struct EvaluationRecord {
  std::int64_t step = 0;
  std::int64_t epoch = 0;
  double train_loss = 0.0;
  std::optional<double> train_accuracy;
  std::optional<double> test_loss;
  std::optional<double> test_accuracy;
  std::uint64_t unmeasured = 0;

  static constexpr auto columns() {
    return std::tuple{
        Column{"step", &EvaluationRecord::step, "updates made before this evaluation"},
        Column{"epoch", &EvaluationRecord::epoch, "epochs completed"},
        Column{"train_loss", &EvaluationRecord::train_loss,
               "mean loss over the training set, with the penalties, in evaluation mode; of a large one over "
               "record.evaluate_samples of its samples, evenly spaced and the same each time"},
        Column{"train_accuracy", &EvaluationRecord::train_accuracy,
               "share of the same classified correctly, of several labels the mean share; empty for regression"},
        Column{"test_loss", &EvaluationRecord::test_loss, "the same over the test set; empty without one"},
        Column{"test_accuracy", &EvaluationRecord::test_accuracy, "the same"},
    };
  }
};

}  // namespace reluscope
