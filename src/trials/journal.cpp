#include "trials/journal.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "util/error.hpp"
#include "util/own_directory.hpp"

namespace reluscope {

namespace {

Descriptor open_alone(const std::filesystem::path& path) {
  constexpr int kAttempts = 10;
  for (int attempt = 1;; ++attempt) {
    Descriptor file = open_own_file(path, O_RDWR | O_CREAT | O_APPEND);
    if (file.number() < 0) throw_errno("open", path.string());
    // Where a file system has no locks, there is none.
    if (::flock(file.number(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
      throw JournalInUse("'" + path.string() + "' is in use by another process: wait for it, or stop it");
    // Whoever had it until now may have been done, and have taken it away. (Some file systems have no lasting inode
    // numbers to tell by.)
    if (is_at(file.number(), path) || attempt == kAttempts) return file;
  }
}

/// What a process that was killed, or a power cut, leaves of a first line.
bool is_unwritten(std::string_view text, std::string_view first_line) {
  return first_line.starts_with(text) || text.find_first_not_of('\0') == std::string_view::npos;
}

}  // namespace

Journal::Journal(std::filesystem::path path, std::string_view columns, std::string_view owner, const Take& take)
    : path_(std::move(path)), owner_(owner), file_(open_alone(path_)), lines_(path_) {
  SealedRows rows(path_);
  const std::string first_line = seal_header(columns, owner);
  if (is_unwritten(rows.first_line(), first_line) && rows.first_line() != first_line) {
    begin(columns);
    return;
  }
  if (!rows.header())
    throw IoError("'" + path_.string() +
                  "', line 1: no journal of this version, or a damaged one: the line has no right checksum (version "
                  "0.1.0 wrote none). Remove the file to make its runs again, or choose another place with --out");
  if (rows.first_line() != first_line) {
    if (rows.next() == SealedRows::Found::end) {  // nothing is lost
      begin(columns);
      return;
    }
    throw IoError(
        "'" + path_.string() +
        "' holds the runs of another sweep or comparison, which was stopped: give that command again to go on "
        "with it, remove the file, or choose another place with --out");
  }
  read(rows, take);
}

void Journal::begin(std::string_view columns) {
  if (size_of(file_) > 0) cut(0);
  write(seal_header(columns, owner_));
}

void Journal::read(SealedRows& rows, const Take& take) {
  SealedRows::Found found = rows.next();
  while (found == SealedRows::Found::row && take(rows.job(), rows.row(), rows.place())) found = rows.next();
  size_ = rows.place();
  if (found == SealedRows::Found::end) return;
  damage_ = "'" + path_.string() + "', line " + std::to_string(rows.line()) +
            ": the row is cut off, damaged or there twice; the runs from there on are made again";
  cut(size_);
}

void Journal::cut(std::uint64_t size) {
  if (::ftruncate(file_.number(), static_cast<off_t>(size)) != 0) throw_errno("truncate", path_.string());
  size_ = size;
}

std::uint64_t Journal::append(std::string_view row) {
  const std::uint64_t place = size_;
  write(seal_row(row, owner_));
  return place;
}

void Journal::write(const std::string& line) {
  // A short write leaves half a row, which is cut off when the work goes on.
  const ssize_t written = ::write(file_.number(), line.data(), line.size());
  if (written != static_cast<ssize_t>(line.size())) {
    if (written >= 0) errno = ENOSPC;
    throw_errno("write to", path_.string());
  }
  size_ += line.size();
}

std::string_view Journal::row_at(std::uint64_t place) {
  lines_.seek(place);
  const std::optional<std::string_view> row = unseal_row(lines_.next(), owner_);
  if (!row)
    throw IoError("'" + path_.string() +
                  "' has changed meanwhile: give the same command again to make the runs that are lost");
  return *row;
}

void Journal::remove() const {
  std::error_code error;
  std::filesystem::remove(path_, error);
}

std::filesystem::path journal_path(const std::filesystem::path& target) {
  std::filesystem::path path = target;
  return path.replace_filename(target.stem().string() + ".part" + target.extension().string());
}

}  // namespace reluscope
