#include "trace/checkpoint.hpp"

#include <charconv>
#include <cstring>
#include <utility>

#include "util/error.hpp"

namespace reluscope {

namespace {

constexpr const char* kVersionKey = "reluscope_checkpoint";
constexpr const char* kStateTensor = "state";
constexpr const char* kFilePrefix = "bytes of ";

template <class Number>
Number number_of(const std::string& text, const std::string& key, const std::string& origin) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < Number{})
    throw DataError(origin + ": not a checkpoint: '" + key + "' is no count");
  return value;
}

}  // namespace

bool is_checkpoint(const Tensors& tensors) { return tensors.metadata.contains(kVersionKey); }

void write_checkpoint(const std::filesystem::path& path, Checkpoint&& checkpoint) {
  Tensors& tensors = checkpoint.tensors;
  tensors.metadata = {{kVersionKey, std::to_string(kCheckpointVersion)},
                      {"step", std::to_string(checkpoint.step)},
                      {"config", checkpoint.config},
                      {"data", checkpoint.data},
                      {"census", checkpoint.census},
                      {"build", checkpoint.build}};
  for (const auto& [name, bytes] : checkpoint.files) tensors.metadata[kFilePrefix + name] = std::to_string(bytes);
  const std::span<char> bytes =
      tensors.append(kStateTensor, {static_cast<std::int64_t>(checkpoint.state.size())}, TensorType::u8);
  if (!bytes.empty()) std::memcpy(bytes.data(), checkpoint.state.data(), bytes.size());
  write_safetensors(path, tensors, true);
}

Checkpoint unpack_checkpoint(Tensors&& tensors, const std::string& origin) {
  const auto text = [&](const char* key) {
    const auto found = tensors.metadata.find(key);
    if (found == tensors.metadata.end())
      throw DataError(origin + ": not a checkpoint of reluscope: its metadata have no '" + std::string(key) + "'");
    return found->second;
  };
  const std::string version = text(kVersionKey);
  if (version != std::to_string(kCheckpointVersion))
    throw DataError(origin + ": a checkpoint of version " + version + ", expected " +
                    std::to_string(kCheckpointVersion) + ": use the reluscope that wrote it");
  Checkpoint checkpoint;
  checkpoint.step = number_of<std::int64_t>(text("step"), "step", origin);
  checkpoint.config = text("config");
  checkpoint.data = text("data");
  checkpoint.census = text("census");
  checkpoint.build = text("build");
  for (const auto& [key, value] : tensors.metadata)
    if (key.starts_with(kFilePrefix))
      checkpoint.files[key.substr(std::strlen(kFilePrefix))] = number_of<std::uint64_t>(value, key, origin);
  const Tensor* state = tensors.find(kStateTensor);
  if (state == nullptr || state->type != TensorType::u8)
    throw DataError(origin + ": not a checkpoint of reluscope: it has no array 'state' of bytes");
  checkpoint.state = tensors.bytes(*state);
  checkpoint.tensors = std::move(tensors);
  return checkpoint;
}

Checkpoint read_checkpoint(const std::filesystem::path& path) {
  Tensors tensors = read_safetensors(path);
  if (is_checkpoint(tensors) && !tensors.intact.value_or(false))
    throw DataError(path.string() + ": the checkpoint is damaged: its checksum is not that of its content");
  return unpack_checkpoint(std::move(tensors), path.string());
}

}  // namespace reluscope
