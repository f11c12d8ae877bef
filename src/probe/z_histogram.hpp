#pragma once
// Where a network's pre-activations lie, and where those of a unit lay before and after its death: seen on φ they show
// why it cannot come back. Evaluation mode; z is that of training, to the last bit.

#include <cstdint>
#include <span>
#include <vector>

#include "data/dataset.hpp"
#include "nn/network.hpp"
#include "probe/coroner.hpp"
#include "util/thread_pool.hpp"

namespace reluscope {

/// Counts of values in equal bins from `low` to `high`; each has its lower end, the last one its upper end too. Values
/// that are not finite are left out; without any there are no bins.
struct Histogram {
  double low = 0.0;
  double high = 0.0;
  std::vector<std::int64_t> counts;
  /// The lower end of a bin; of the one after the last: `high`.
  [[nodiscard]] double edge(std::size_t bin) const;
};
inline constexpr std::size_t kLayerBins = 120;
inline constexpr std::size_t kPortraitBins = 40;

/// Pre-activations of a network are taken of at most so many training samples, evenly spaced.
inline constexpr Index kHistogramSamples = 2048;
/// One histogram a layer with units, of all its units together.
template <class T>
std::vector<Histogram> layer_histograms(const Network<T>& network, const Dataset& dataset, ThreadPool& pool);

/// Of one unit that died, at most of so many samples, evenly spaced, and of the witnesses.
inline constexpr Index kPortraitSamples = 10'000;
struct Portrait {
  Histogram before;
  Histogram after;
};
/// In the order of `deaths`. Each histogram has bins of its own.
template <class T>
std::vector<Portrait> portray(const Network<T>& before, const Network<T>& now, const Dataset& dataset,
                              std::span<const Death> deaths, ThreadPool& pool);

}  // namespace reluscope
