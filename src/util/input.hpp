#pragma once
// Opening what is read.

#include <cstdint>
#include <filesystem>
#include <limits>
#include <string>
#include <utility>

namespace reluscope {

/// Whether there is such a regular file, or directory, as far as anyone can tell: false also where the name is
/// impossible.
bool has_file(const std::filesystem::path& path);
bool has_directory(const std::filesystem::path& path);

/// A file descriptor, closed at the end of the scope.
class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  Descriptor(Descriptor&& other) noexcept : number_(other.release()) {}
  Descriptor& operator=(Descriptor&&) = delete;
  ~Descriptor();
  [[nodiscard]] int number() const { return number_; }  ///< −1: there is none
  /// Hands it over: it is no longer closed here.
  [[nodiscard]] int release() { return std::exchange(number_, -1); }

 private:
  int number_;
};

/// How long a named pipe may be without a writer.
inline constexpr int kPipePatienceMs = 3000;

/// Opens a file for reading. Without a descriptor, and with errno set, where it cannot be opened. Throws DataError for
/// a named pipe to which nothing is written within kPipePatienceMs: it would block for ever.
Descriptor open_for_reading(const std::filesystem::path& path);

/// Appends what is left of the file; stops where that has become more than `most` bytes. False, with errno set, where
/// it cannot be read, or there is no descriptor.
bool read_to_end(const Descriptor& file, std::string& to,
                 std::uint64_t most = std::numeric_limits<std::uint64_t>::max());

}  // namespace reluscope
