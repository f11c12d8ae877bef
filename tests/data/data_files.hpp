#pragma once
// Temporary files with hand-made contents, for the tests of the readers.

#include <doctest/doctest.h>
#include <unistd.h>
#include <zlib.h>

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "data/data_spec.hpp"
#include "data/sources.hpp"
#include "support/text.hpp"
#include "util/error.hpp"

namespace reluscope {

using test::contains;

/// A directory that goes away with the object.
class TempDirectory {
 public:
  TempDirectory() {
    std::string pattern = (std::filesystem::temp_directory_path() / "reluscope-data-XXXXXX").string();
    REQUIRE(mkdtemp(pattern.data()) != nullptr);
    path_ = pattern;
  }
  TempDirectory(const TempDirectory&) = delete;
  TempDirectory& operator=(const TempDirectory&) = delete;
  ~TempDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  void write(const std::string& name, std::string_view content) const {
    std::ofstream file(path_ / name, std::ios::binary);
    file.write(content.data(), static_cast<std::streamsize>(content.size()));
    REQUIRE(file.good());
  }

 private:
  std::filesystem::path path_;
};

inline std::string gzipped(std::string_view content) {
  z_stream stream = {};
  REQUIRE(deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK);
  std::string result(deflateBound(&stream, content.size()) + 32, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(content.data()));
  stream.avail_in = static_cast<uInt>(content.size());
  stream.next_out = reinterpret_cast<Bytef*>(result.data());
  stream.avail_out = static_cast<uInt>(result.size());
  REQUIRE(deflate(&stream, Z_FINISH) == Z_STREAM_END);
  result.resize(stream.total_out);
  deflateEnd(&stream);
  return result;
}

/// The bytes of numbers, in the machine's order or reversed.
template <class T>
std::string bytes_of(const std::vector<T>& values, bool big_endian = false) {
  std::string result;
  for (const T value : values) {
    std::string bytes(sizeof(T), '\0');
    std::memcpy(bytes.data(), &value, sizeof(T));
    result += big_endian ? std::string(bytes.rbegin(), bytes.rend()) : bytes;
  }
  return result;
}

inline std::string idx_header(int type, const std::vector<std::uint32_t>& shape) {
  std::string result = {'\0', '\0', static_cast<char>(type), static_cast<char>(shape.size())};
  return result + bytes_of(shape, true);
}

template <class T>
std::string idx_bytes(int type, const std::vector<std::uint32_t>& shape, const std::vector<T>& values) {
  return idx_header(type, shape) + bytes_of(values, true);
}

inline std::string npy_header(const std::string& dictionary, int version = 1) {
  std::string text = dictionary;
  const std::size_t length_bytes = version == 1 ? 2 : 4;
  while ((8 + length_bytes + text.size() + 1) % 64 != 0) text += ' ';
  text += '\n';
  std::string result = "\x93NUMPY";
  result += static_cast<char>(version);
  result += '\0';
  for (std::size_t byte = 0; byte < length_bytes; ++byte) result += static_cast<char>(text.size() >> (8 * byte) & 255U);
  return result + text;
}

template <class T>
std::string npy_bytes(const std::string& descr, const std::string& shape, const std::vector<T>& values,
                      bool fortran_order = false, int version = 1) {
  return npy_header("{'descr': '" + descr + "', 'fortran_order': " + (fortran_order ? "True" : "False") +
                        ", 'shape': " + shape + ", }",
                    version) +
         bytes_of(values, descr[0] == '>');
}

using Settings = std::vector<std::pair<std::string, ParamValue>>;

inline ParamValue text_value(const std::string& text) { return ParamValue(text); }

inline Choice source_choice(const std::string& kind, const Settings& settings) {
  Choice choice = default_choice(source_table(), kind);
  for (const auto& [name, value] : settings) choice.params.set(name, value);
  return choice;
}

/// What the source itself hands over, before limit, split and normalisation.
inline RawData load_raw_data(const std::string& kind, const Settings& settings,
                             const std::filesystem::path& directory = {}, std::uint64_t seed = 1) {
  return find_entry(source_table(), kind)->load(source_choice(kind, settings).params, {directory, seed});
}

inline std::uint64_t estimated_bytes(const std::string& kind, const Settings& settings,
                                     const std::filesystem::path& directory = {}) {
  return find_entry(source_table(), kind)->estimate_bytes(source_choice(kind, settings).params, {directory, 1});
}

/// All features as double, whatever they are kept as: features × samples.
inline Matrix<double> as_double(const Samples& samples) {
  return std::visit([](const auto& matrix) -> Matrix<double> { return matrix.template cast<double>(); },
                    samples.features);
}

/// Whole numbers from 0 to 255 as bytes. (From a list of lists of bytes gcc 12 wrongly warns of an overflow.)
inline Matrix<std::uint8_t> as_bytes(const Matrix<double>& values) { return values.cast<std::uint8_t>(); }

/// The message of the DataError that `action` throws; fails the test when it throws nothing.
template <class Action>
std::string data_error(Action&& action) {
  try {
    action();
  } catch (const DataError& error) { return error.what(); }
  FAIL("no DataError was thrown");
  return {};
}

/// Every one of `parts` is in the message.
inline void check_message(const std::string& message, std::initializer_list<std::string_view> parts) {
  INFO(message);
  for (const std::string_view part : parts) {
    INFO(std::string(part));
    CHECK(contains(message, part));
  }
}

}  // namespace reluscope
