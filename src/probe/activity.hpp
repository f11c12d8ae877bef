#pragma once
// What a batch shows of every unit, for free: how near it came to its live region, and with which sample.

#include <span>
#include <vector>

#include "nn/network.hpp"

namespace reluscope {

template <class T>
struct LayerActivity {
  Vector<T> margin;  ///< smallest margin over the batch (activation.hpp); NaN if one was
  Vector<T> column;  ///< of the sample that has it
  [[nodiscard]] std::size_t units() const { return static_cast<std::size_t>(margin.size()); }
  /// The unit was active: some margin was not ≥ 0. A NaN counts as active: such a unit is broken, not dead.
  [[nodiscard]] bool active(std::size_t unit) const { return !(margin[static_cast<Index>(unit)] >= T(0)); }
};

/// A batch in a forward pass, training or not, at certain parameters.
template <class T>
struct BatchActivity {
  std::vector<LayerActivity<T>> layers;  ///< one per layer with units
  /// In the first so many of them the pass computed what evaluation computes, to the last bit: they come before any
  /// dropout and not after a random activation. What the others show says nothing about evaluation.
  std::size_t exact_layers = 0;
  /// The pass has run through so many of them.
  std::size_t seen_layers = 0;
  /// Two samples had different outputs, in evaluation. False if that is not known.
  bool outputs_differ = false;

  std::span<const Index> samples;  ///< the batch

  /// The sample of the batch that came nearest to activating a unit, or activated it most.
  [[nodiscard]] Index sample(std::size_t layer, std::size_t unit) const {
    return samples[static_cast<std::size_t>(layers[layer].column[static_cast<Index>(unit)])];
  }

  /// Of a network that has not been run yet. `training`: whether passes will be training passes.
  BatchActivity(const Network<T>& network, bool training);
  /// Takes in the shards of a pass with Measure::activity or Measure::batch over `batch`, which must outlive its use.
  void collect(const Network<T>& network, const NetworkState<T>& state, std::span<const Shard> shards,
               std::span<const Index> batch);

 private:
  bool exact_outputs_ = false;  ///< what the whole network yields is exact too: its last layer is not random either
};

}  // namespace reluscope
