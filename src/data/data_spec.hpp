#pragma once
// The config's `data` section: which data an experiment has, and what is done to them; and the data set that this is.

#include <cstdint>
#include <filesystem>
#include <optional>

#include "nn/shape.hpp"
#include "util/param.hpp"

namespace reluscope {

struct Dataset;

enum class Normalization { none, unit, standard, per_feature, per_channel };

struct DataSpec {
  Choice source;               ///< which entry of source_table() (sources.hpp), and its parameters
  std::optional<Shape> shape;  ///< what a sample is like; empty: as the source has it
  Normalization normalize = Normalization::none;
  bool scale_targets = false;            ///< `normalize_targets: "per_output"`: a regression's, each (t − mean) / std
  bool reconstruct = false;              ///< `target: "input"`: the targets are the samples themselves, normalised
  std::optional<std::int64_t> limit;     ///< use only the first N training samples (of the file's order)
  double test_fraction = 0.2;            ///< split off when there is no test file; in [0, 1)
  std::filesystem::path base_directory;  ///< relative paths of the source start here
};

/// An upper estimate of the bytes that load_dataset needs; 0 when unknown. Throws DataError.
std::uint64_t estimate_dataset_bytes(const DataSpec& spec, std::uint64_t seed);

/// Loads, limits, splits (seeded), and derives the normalisation from the training part. A `shape` of another size than
/// a sample is passed over: check_against_data (experiment/setup.hpp) refuses it in words. Throws DataError.
Dataset load_dataset(const DataSpec& spec, std::uint64_t seed);

}  // namespace reluscope
