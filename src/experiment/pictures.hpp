#pragma once
// Writes histograms.csv: what the pictures of a run are drawn from.

#include <cstdint>
#include <optional>
#include <span>

#include "experiment/training.hpp"
#include "probe/coroner.hpp"
#include "probe/z_histogram.hpp"
#include "trace/sink.hpp"
#include "util/archive.hpp"

namespace reluscope {

template <class T>
class Pictures {
 public:
  Pictures(const Training<T>& training, RecordSink& sink) : training_(training), sink_(sink) {}

  /// Pre-activations of some of the units that died, before (at step `since`, in the network `before`) and after (now,
  /// at `step`): of the first of each hidden layer, then the second, …; of a dozen units in a run.
  void take_portraits(const Network<T>& before, std::int64_t since, std::int64_t step, std::span<const Death> deaths);
  /// Pre-activations of each layer at the end of the run.
  void take_layers();

  template <class Archive>
  void archive(Archive& file) {
    file.within(taken_, 0, kMost);
  }

 private:
  /// Units whose portraits are taken in a run.
  static constexpr std::int64_t kMost = 12;
  static constexpr std::int64_t kMostAtOnce = 4;

  /// Bins that hold nothing are left out.
  void write(std::size_t at, std::optional<std::int64_t> unit, std::int64_t step, const char* moment,
             const Histogram& histogram);

  const Training<T>& training_;
  RecordSink& sink_;
  std::int64_t taken_ = 0;
};

}  // namespace reluscope
