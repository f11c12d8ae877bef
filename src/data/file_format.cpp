#include "data/file_format.hpp"

#include <zlib.h>

#include <array>
#include <cstring>
#include <string>
#include <vector>

#include "data/input_file.hpp"
#include "util/error.hpp"

namespace reluscope {

namespace {

constexpr std::size_t kPieceBytes = std::size_t{1} << 16U;

/// 8 bytes little-endian length of a JSON object, which follows. `file_bytes`: of the whole file.
bool looks_like_safetensors(std::string_view start, std::uint64_t file_bytes) {
  std::uint64_t length = 0;
  if (start.size() <= sizeof(length) || start[sizeof(length)] != '{') return false;
  std::memcpy(&length, start.data(), sizeof(length));
  return length <= file_bytes - sizeof(length);
}

FileFormat format_of(const InputFile& file, std::string_view start, std::uint64_t file_bytes) {
  if (looks_like_safetensors(start, file_bytes)) return FileFormat::safetensors;
  if (start.starts_with("\x93NUMPY")) return FileFormat::npy;
  if (start.starts_with("PK\x03\x04")) return FileFormat::npz;
  if (start.starts_with(std::string_view("\0\0", 2))) return FileFormat::idx;
  // UTF-16 too: who reads it says how to make UTF-8 of it.
  const bool is_utf16 = start.starts_with("\xFF\xFE") || start.starts_with("\xFE\xFF");
  if (is_utf16 || start.find('\0') == std::string_view::npos) return FileFormat::csv;
  if (start.starts_with("\x89PNG") || start.starts_with("\xFF\xD8\xFF"))
    throw DataError(file.name() +
                    ": is a picture; pictures are samples by a config with data.kind=images, which takes " +
                    "a folder with a folder for each class, or a list of them");
  throw DataError(file.name() + ": starts with " + in_quotes(start.substr(0, 8)) +
                  ": neither IDX, NPY, NPZ, CSV nor safetensors");
}

}  // namespace

std::string_view file_format_name(FileFormat format) {
  constexpr std::array<std::string_view, 5> kNames = {"IDX", "NPY", "NPZ", "CSV", "safetensors"};
  return kNames[static_cast<std::size_t>(format)];
}

FileFormat file_format(const std::filesystem::path& path) {
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  if (!std::filesystem::is_regular_file(status))
    throw DataError(path.string() + ": " + (std::filesystem::exists(status) ? "not a regular file" : "no such file"));
  InputFile file(path);
  std::vector<char> piece(kPieceBytes);
  const std::size_t got = file.read(piece.data(), piece.size());
  if (got == 0) throw DataError(path.string() + ": the file is empty");
  return format_of(file, {piece.data(), got}, std::filesystem::file_size(path, error));
}

FileFacts examine_file(const std::filesystem::path& path) {
  FileFacts facts;
  facts.format = file_format(path);
  InputFile file(path);
  std::error_code error;
  facts.file_bytes = std::filesystem::file_size(path, error);
  facts.compressed = file.is_compressed();
  std::vector<char> piece(kPieceBytes);
  auto checksum = ::crc32(0, nullptr, 0);
  while (const std::size_t got = file.read(piece.data(), piece.size())) {
    checksum = ::crc32(checksum, reinterpret_cast<const Bytef*>(piece.data()), static_cast<uInt>(got));
    facts.bytes += got;
  }
  facts.checksum = static_cast<std::uint32_t>(checksum);
  return facts;
}

}  // namespace reluscope
