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

/// What may stand at a path that is read. A user may name a pipe or a device. What a run directory holds may come from
/// a stranger, and has to be a regular file, or a link to one: a pipe would wait, a device would never end.
enum class FileKind { any, regular };

/// Whether a directory of ours has this file. Throws DataError where something else than a regular file has its name.
bool has_own_file(const std::filesystem::path& path);

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
/// a named pipe to which nothing is written within kPipePatienceMs, since it would block for ever; and for what is not
/// of the kind.
Descriptor open_for_reading(const std::filesystem::path& path, FileKind kind = FileKind::any);
/// Bytes of an open file.
std::uint64_t size_of(const Descriptor& file);

/// Reads up to `size` bytes from there on, wherever else it is being read; fewer where it ends or cannot be read.
std::size_t read_at(int descriptor, std::uint64_t offset, void* to, std::size_t size);

/// Appends what is left of the file; stops where that has become more than `most` bytes. False, with errno set, where
/// it cannot be read, or there is no descriptor.
bool read_to_end(const Descriptor& file, std::string& to,
                 std::uint64_t most = std::numeric_limits<std::uint64_t>::max());

}  // namespace reluscope
