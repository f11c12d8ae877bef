#include "trials/sealed_rows.hpp"

#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <utility>

#include "util/error.hpp"
#include "util/hash.hpp"
#include "util/input.hpp"

namespace reluscope {

namespace {

/// A row may be long, but not without end.
constexpr std::size_t kMostLineBytes = std::size_t{64} << 20U;
constexpr std::size_t kHashDigits = 16;

std::string row_hash(std::string_view row, std::string_view owner) {
  const std::array<std::string_view, 3> pieces = {owner, "\n", row};
  return content_hash(pieces);
}

/// A row begins with its number.
std::optional<std::int64_t> job_of(std::string_view row) {
  std::int64_t job = -1;
  const std::size_t comma = row.find(',');
  if (comma == std::string_view::npos) return std::nullopt;
  const auto [end, error] = std::from_chars(row.data(), row.data() + comma, job);
  if (error != std::errc() || end != row.data() + comma || job < 0) return std::nullopt;
  return job;
}

}  // namespace

std::string seal_header(std::string_view header, std::string_view owner) {
  std::string line(header);
  line.append(",").append(owner);
  return line + ':' + content_hash(line) + '\n';
}

std::string seal_row(std::string_view row, std::string_view owner) {
  return std::string(row) + ',' + row_hash(row, owner) + '\n';
}

std::optional<SealedHeader> unseal_header(std::string_view line) {
  if (!line.ends_with('\n')) return std::nullopt;
  line.remove_suffix(1);
  const std::size_t colon = line.rfind(':');
  if (colon == std::string_view::npos || content_hash(line.substr(0, colon)) != line.substr(colon + 1))
    return std::nullopt;
  const std::size_t comma = line.rfind(',', colon);
  if (comma == std::string_view::npos) return std::nullopt;
  return SealedHeader{std::string(line.substr(0, comma)), std::string(line.substr(comma + 1, colon - comma - 1))};
}

std::optional<std::string_view> unseal_row(std::string_view line, std::string_view owner) {
  constexpr std::size_t kSealBytes = 1 + kHashDigits + 1;  // comma, checksum, line break
  if (line.size() < kSealBytes || !line.ends_with('\n')) return std::nullopt;
  const std::string_view row = line.substr(0, line.size() - kSealBytes);
  const std::string_view seal = line.substr(row.size() + 1, kHashDigits);
  if (line[row.size()] != ',' || row_hash(row, owner) != seal) return std::nullopt;
  return row;
}

LineReader::LineReader(std::filesystem::path path, std::size_t piece_bytes)
    : path_(std::move(path)), piece_bytes_(piece_bytes) {}

std::string_view LineReader::next() {
  std::size_t from = at_;
  std::size_t end = 0;
  while ((end = piece_.find('\n', from)) == std::string::npos) {
    piece_.erase(0, at_);
    start_ += at_;
    at_ = 0;
    from = piece_.size();
    if (piece_.size() < kMostLineBytes && fill()) continue;
    end = piece_.size() - 1;  // there is no line break
    break;
  }
  const std::size_t begin = std::exchange(at_, end + 1);
  return std::string_view(piece_).substr(begin, end + 1 - begin);
}

void LineReader::seek(std::uint64_t place) {
  if (place >= start_ && place <= start_ + piece_.size()) {
    at_ = static_cast<std::size_t>(place - start_);
    return;
  }
  piece_.clear();
  start_ = place;
  at_ = 0;
}

bool LineReader::fill() {
  const Descriptor file = open_for_reading(path_);
  const std::size_t had = piece_.size();
  piece_.resize(had + piece_bytes_);
  const auto from = static_cast<off_t>(start_ + had);
  ssize_t got = -1;
  while (file.number() >= 0 && (got = ::pread(file.number(), piece_.data() + had, piece_bytes_, from)) < 0 &&
         errno == EINTR) {}
  if (got < 0) throw DataError(path_.string() + ": cannot be read: " + std::strerror(errno));
  piece_.resize(had + static_cast<std::size_t>(got));
  return got > 0;
}

SealedRows::SealedRows(std::filesystem::path path, std::size_t piece_bytes)
    : lines_(std::move(path), piece_bytes), first_line_(lines_.next()), header_(unseal_header(first_line_)) {}

SealedRows::Found SealedRows::next() {
  place_ = lines_.place();
  ++line_;
  const std::string_view line = lines_.next();
  if (line.empty()) return Found::end;
  const std::optional<std::string_view> row = header_ ? unseal_row(line, header_->owner) : std::nullopt;
  const std::optional<std::int64_t> job = row ? job_of(*row) : std::nullopt;
  if (!job) return Found::damage;
  row_ = *row;
  job_ = *job;
  return Found::row;
}

}  // namespace reluscope
