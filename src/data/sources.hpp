#pragma once
// The table of data kinds: files (idx, csv, npy, npz, images) and synthetic generators. A new one is one entry.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "data/dataset.hpp"
#include "data/filling.hpp"
#include "util/param.hpp"

namespace reluscope {

/// What a source hands over, before `limit`, split and normalisation.
struct RawData {
  Task task = Task::classification;
  Samples train;
  std::optional<Samples> test;             ///< given by a separate test file; otherwise split off
  std::vector<std::string> class_names;    ///< classification
  std::vector<std::string> feature_names;  ///< where the file has names
  std::vector<Fill> fills;                 ///< of each feature, where some are missing (NaN); else empty
  TableFacts table;                        ///< of a table
  std::optional<Shape> image;              ///< of a sample that has positions, as the training file has it
  std::optional<Shape> test_image;         ///< the same of a separate test file, where its shape is its own
};

/// What a source may need besides its own parameters.
struct SourceContext {
  std::filesystem::path base_directory;  ///< relative paths start here: the config file's directory
  std::uint64_t seed = 0;
  bool wants_labels = true;  ///< false: there need not be any, and those that there are get lost
};

struct SourceEntry : Entry {
  /// Throws DataError.
  RawData (*load)(const ParamValues& params, const SourceContext& context) = nullptr;
  /// An upper estimate of the bytes that loading needs, from headers and file sizes alone; 0 when unknown. It leaves
  /// room for 8 bytes a sample, to choose a test part, beside what stays. Throws DataError for a header that is
  /// malformed.
  std::uint64_t (*estimate_bytes)(const ParamValues& params, const SourceContext& context) = nullptr;
  bool reads_files = false;                  ///< the data are somebody's, not made by the program
  const char* test_key = nullptr;            ///< the parameter that names a test file; none: there can be none
  std::vector<std::string> label_keys = {};  ///< parameters that have to be set where labels are wanted
};

/// Every data kind. The entry's parameters are the keys of the config's `data` object besides `kind` and the common
/// ones of `DataSpec` (data_spec.hpp).
std::span<const SourceEntry> source_table();

}  // namespace reluscope
