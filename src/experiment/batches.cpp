#include "experiment/batches.hpp"

#include <algorithm>
#include <bit>
#include <numeric>

#include "util/random.hpp"

namespace reluscope {

BatchPlan::BatchPlan(const TrainSpec& train, Index samples, std::uint64_t seed)
    : order_(static_cast<std::size_t>(samples)),
      seed_(seed),
      batch_size_(std::min<Index>(train.batch_size, samples)),
      smallest_batch_(batch_size_),
      shuffle_(train.shuffle) {
  std::iota(order_.begin(), order_.end(), Index(0));
  const Index full = samples / batch_size_;
  const bool short_batch = samples % batch_size_ != 0 && !train.drop_last;
  steps_per_epoch_ = full + (short_batch ? 1 : 0);
  if (short_batch) smallest_batch_ = samples % batch_size_;
  total_steps_ = train.steps.value_or(train.epochs * steps_per_epoch_);
}

std::span<const Index> BatchPlan::batch(std::int64_t step) {
  const std::int64_t now = epoch(step);
  if (shuffle_ && now != order_epoch_) {
    // From the identity, not from the last epoch's order: an epoch can be entered without having run the others.
    std::iota(order_.begin(), order_.end(), Index(0));
    Rng rng(seed_, Purpose::shuffle, static_cast<std::uint64_t>(now));
    rng.shuffle(std::span(order_));
    order_epoch_ = now;
  }
  const auto first = static_cast<std::size_t>((step % steps_per_epoch_) * batch_size_);
  const std::size_t count = std::min(static_cast<std::size_t>(batch_size_), order_.size() - first);
  return std::span(order_).subspan(first, count);
}

bool is_due(const Cadence& cadence, std::int64_t step, std::int64_t steps_per_epoch) {
  switch (cadence.kind) {
    case Cadence::Kind::off:
    case Cadence::Kind::minute:  // a matter of time, not of the step
      return false;
    case Cadence::Kind::every:
      return step % cadence.every == 0;
    case Cadence::Kind::epoch:
      return step % steps_per_epoch == 0;
    case Cadence::Kind::log: {
      const auto octave = std::bit_width(static_cast<std::uint64_t>(step));  // step < 2^octave
      return octave <= 5 || step % (std::int64_t{1} << (octave - 5)) == 0;
    }
  }
  return false;
}

}  // namespace reluscope
