#pragma once
// Arrays in a file: safetensors (github.com/huggingface/safetensors: 8 bytes little-endian length of a JSON header, the
// header, the data). What PyTorch's users load and save weights with.

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace reluscope {

/// Element types by the format's own names.
enum class TensorType : std::uint8_t { boolean, u8, i8, u16, i16, f16, bf16, u32, i32, f32, u64, i64, f64 };
/// "F32", …
std::string_view tensor_type_name(TensorType type);
std::size_t tensor_type_bytes(TensorType type);

/// One array: row by row (the last index fastest), little-endian.
struct Tensor {
  std::string name;
  std::vector<std::int64_t> shape;
  TensorType type = TensorType::f32;
  std::size_t begin = 0;  ///< its bytes in Tensors::data
  std::size_t end = 0;
  [[nodiscard]] std::size_t count() const { return (end - begin) / tensor_type_bytes(type); }
};

struct Tensors {
  std::vector<Tensor> tensors;                  ///< in the order of their bytes
  std::map<std::string, std::string> metadata;  ///< the header's __metadata__
  std::string data;
  /// Of what was read: whether its checksum is that of its content; nothing where it has none.
  std::optional<bool> intact;

  [[nodiscard]] const Tensor* find(std::string_view name) const;
  [[nodiscard]] std::string_view bytes(const Tensor& tensor) const {
    return std::string_view(data).substr(tensor.begin, tensor.end - tensor.begin);
  }
  /// An element of an array, as a number.
  [[nodiscard]] double number(const Tensor& tensor, std::size_t element) const;
  /// Appends an array, whose bytes the caller then fills; they are valid until the next call.
  std::span<char> append(std::string name, std::vector<std::int64_t> shape, TensorType type);
};

/// "[5, 3]"
std::string shape_text(const std::vector<std::int64_t>& shape);

/// Longest header that is read: the checkpoint of 10,000 layers, the most that a config may have, has one of 11 MiB.
/// What a header becomes in memory is at most some ten times as large: that, and the file's size, bound what
/// read_safetensors takes.
inline constexpr std::uint64_t kMostHeaderBytes = 16U << 20U;

/// Throws DataError for whatever a file may have wrong: cut off, a header that lies about sizes, arrays that overlap or
/// leave gaps, names that come twice, unknown element types; no regular file. A wrong checksum is for the caller to
/// judge.
Tensors read_safetensors(const std::filesystem::path& path);

/// Key of the checksum that `with_checksum` writes among the metadata: XXH3 (64 bits) of header and data, computed with
/// zeros in its own place.
inline constexpr const char* kChecksumKey = "xxh3_64";
/// Atomically. Throws IoError.
void write_safetensors(const std::filesystem::path& path, const Tensors& tensors, bool with_checksum = false);

}  // namespace reluscope
