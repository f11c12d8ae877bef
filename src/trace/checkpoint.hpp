#pragma once
// What a run needs to go on as if it had never stopped, in one file: parameters, those of the last census, and the
// optimiser's arrays as named tensors; the rest of the state as an archive; how long each trace file was. The file is
// safetensors with a checksum over all of it, so other tools can open it too.

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>

#include "trace/safetensors.hpp"

namespace reluscope {

/// Goes up with every change of what the archived state holds.
inline constexpr int kCheckpointVersion = 5;

struct Checkpoint {
  std::int64_t step = 0;  ///< updates made
  std::string config;     ///< content_hash() of the resolved config
  std::string data;       ///< the data set's checksum
  std::string census;     ///< the engine that takes the censuses: exact, brute, or off
  std::string build;      ///< compiler, flags and product back end: other ones may give other last bits
  std::string state;      ///< of the run (experiment/run.cpp)
  Tensors tensors;
  std::map<std::string, std::uint64_t> files;  ///< bytes of each trace file at that time, by its name
};

/// Whether these tensors are a checkpoint's.
bool is_checkpoint(const Tensors& tensors);

/// Replaces the file such that the old checkpoint is there until the new one is safe. Takes the tensors. Throws
/// IoError.
void write_checkpoint(const std::filesystem::path& path, Checkpoint&& checkpoint);
/// Throws DataError: no checkpoint, damaged (the checksum is looked at first), or of another version of the format.
Checkpoint read_checkpoint(const std::filesystem::path& path);
/// The same of tensors whose checksum has been looked at. `origin` names them in messages.
Checkpoint unpack_checkpoint(Tensors&& tensors, const std::string& origin);

}  // namespace reluscope
