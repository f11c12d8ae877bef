#pragma once
// What a dead unit is worth: the network without its dead units, and the proof that its outputs are the same.

#include <cstdint>
#include <filesystem>
#include <vector>

#include "experiment/prune_check.hpp"
#include "experiment/prune_plan.hpp"

namespace reluscope {

enum class Prunable {
  locked,  ///< units that provably could not revive any more in their run
  dead,    ///< all that were dead on the training set at the end
};

struct PruneReport {
  std::vector<PrunedLayer> layers;
  std::int64_t parameters_before = 0;
  std::int64_t parameters_after = 0;
  std::int64_t multiplications_before = 0;  ///< of a sample, by the weights of its affine maps
  std::int64_t multiplications_after = 0;
  std::int64_t folded = 0;  ///< units removed whose constant output is not 0, and went into the next biases
  bool in_order = true;     ///< how outputs were computed: adds_in_order()
  OutputCheck train;
  OutputCheck test;
};

/// Of a run, or of the network in the directory of a census (with Prunable::dead). Reads manifest and units.csv, the
/// weights, and the data again; writes network.json, the config of the smaller network, called NAME-pruned, and
/// weights.safetensors into `out`. A layer keeps at least one unit. Throws DataError for a run that lacks a file,
/// UsageError where `out` holds a run or something that this one was made from, or where a census is asked for locked
/// units, IoError.
PruneReport prune(const std::filesystem::path& run, Prunable which, const std::filesystem::path& out, int threads);

}  // namespace reluscope
