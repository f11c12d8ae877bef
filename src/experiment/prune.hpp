#pragma once
// What a dead unit is worth: the network without its dead units, and the proof that its outputs are the same.

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace reluscope {

enum class Prunable {
  locked,  ///< units that provably could not revive any more in their run
  dead,    ///< all that were dead on the training set at the end
};

struct PrunedLayer {
  std::string name;
  std::int64_t units = 0;
  std::int64_t removed = 0;
};

/// Outputs of both networks over one part of the data, computed in the order of the inputs, one product after the
/// other, so that leaving out a term of exactly 0 changes no bit.
struct OutputCheck {
  std::int64_t samples = 0;
  std::int64_t differing = 0;       ///< samples with an output that is not equal
  double largest_difference = 0.0;  ///< over all outputs
};

struct PruneReport {
  std::vector<PrunedLayer> layers;
  std::int64_t parameters_before = 0;
  std::int64_t parameters_after = 0;
  std::int64_t folded = 0;  ///< units removed whose constant output is not 0, and went into the next biases
  OutputCheck train;
  OutputCheck test;
};

/// Reads the run's manifest, units.csv and weights.safetensors, and its data again; writes network.json, the config of
/// the smaller network, called NAME-pruned, and weights.safetensors into `out`. A layer keeps at least one unit.
/// Throws DataError for a run that lacks a file, UsageError where `out` holds a run or something that this one was made
/// from, IoError.
PruneReport prune(const std::filesystem::path& run, Prunable which, const std::filesystem::path& out, int threads);

}  // namespace reluscope
