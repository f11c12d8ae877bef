#pragma once
// What a file is, by its content alone.

#include <cstdint>
#include <filesystem>
#include <string_view>

namespace reluscope {

enum class FileFormat { idx, npy, npz, csv, safetensors };
/// "IDX", "NPY", "NPZ", "CSV", "safetensors".
std::string_view file_format_name(FileFormat format);

struct FileFacts {
  FileFormat format = FileFormat::csv;
  bool compressed = false;       ///< gzip
  std::uint64_t file_bytes = 0;  ///< on disk
  std::uint64_t bytes = 0;       ///< after decompression
  std::uint32_t checksum = 0;    ///< CRC-32 (zlib's, gzip's) of these
};

/// By its first bytes. Text without a NUL is taken for CSV. Throws DataError: what is no regular file, empty, or none
/// of the formats.
FileFormat file_format(const std::filesystem::path& path);

/// Reads the file once, in pieces. Throws DataError as file_format, and for damaged gzip data.
FileFacts examine_file(const std::filesystem::path& path);

}  // namespace reluscope
