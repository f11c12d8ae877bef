#pragma once
// Which samples each step sees, and when something is due.

#include <cstdint>
#include <span>
#include <vector>

#include "config/spec.hpp"
#include "nn/matrix.hpp"

namespace reluscope {

/// The samples of each step: every epoch a new permutation, drawn from the run's seed and the epoch alone.
class BatchPlan {
 public:
  BatchPlan(const TrainSpec& train, Index samples, std::uint64_t seed);

  [[nodiscard]] std::int64_t steps_per_epoch() const { return steps_per_epoch_; }
  [[nodiscard]] std::int64_t total_steps() const { return total_steps_; }
  [[nodiscard]] std::int64_t epoch(std::int64_t step) const { return step / steps_per_epoch_; }
  [[nodiscard]] Index largest_batch() const { return batch_size_; }
  [[nodiscard]] Index smallest_batch() const { return smallest_batch_; }
  /// Indices into the training part. Valid until the next call.
  std::span<const Index> batch(std::int64_t step);

 private:
  std::vector<Index> order_;
  std::uint64_t seed_;
  std::int64_t order_epoch_ = -1;
  std::int64_t steps_per_epoch_ = 1;
  std::int64_t total_steps_ = 0;
  Index batch_size_;
  Index smallest_batch_;
  bool shuffle_;
};

/// Whether something with this cadence is due at `step`. Log: every step below 32, then 16 per doubling.
bool is_due(const Cadence& cadence, std::int64_t step, std::int64_t steps_per_epoch);

}  // namespace reluscope
