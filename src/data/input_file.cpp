#include "data/input_file.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <new>
#include <system_error>
#include <utility>

#include "util/error.hpp"

namespace reluscope {
namespace {

constexpr unsigned kLeastBufferBytes = 8U << 10U;
constexpr std::size_t kLargestRead = std::size_t{1} << 30U;  // gzread counts in int
constexpr std::size_t kQuotedLength = 40;

/// The length modulo 2^32 with which a gzip member ends (RFC 1952, ISIZE).
std::optional<std::uint32_t> stated_size(int descriptor, std::uint64_t file_bytes) {
  std::array<unsigned char, 4> trailer;
  if (file_bytes < trailer.size() ||
      read_at(descriptor, file_bytes - trailer.size(), trailer.data(), trailer.size()) < trailer.size())
    return std::nullopt;
  std::uint32_t size = 0;
  for (std::size_t byte = trailer.size(); byte-- > 0;) size = size << 8U | trailer[byte];
  return size;
}

}  // namespace

InputFile::InputFile(const std::filesystem::path& path, FileKind kind) : name_(path.string()) {
  std::error_code error;
  const std::filesystem::file_status status = std::filesystem::status(path, error);
  if (!std::filesystem::exists(status)) throw DataError(name_ + ": " + (error ? error.message() : "no such file"));
  if (std::filesystem::is_directory(status)) throw DataError(name_ + ": is a directory, a data file is needed");

  Descriptor opened = open_for_reading(path, kind);
  if (opened.number() < 0) throw DataError(name_ + ": cannot be opened: " + std::strerror(errno));
  file_.reset(gzdopen(opened.number(), "rb"));
  if (!file_) throw std::bad_alloc();
  descriptor_ = opened.release();  // closed with file_
  if (const std::uint64_t size = std::filesystem::is_regular_file(status) ? std::filesystem::file_size(path, error) : 0;
      size > 0 && !error)
    buffer_bytes_ = static_cast<unsigned>(std::clamp<std::uint64_t>(size, kLeastBufferBytes, kBufferBytes));
  gzbuffer(file_.get(), buffer_bytes_);
  // gzdirect may read from the file, so the size of a pipe is not asked for but its bytes are not lost either.
  if (std::filesystem::is_regular_file(status) && gzdirect(file_.get()) == 1) {
    const std::uint64_t size = std::filesystem::file_size(path, error);
    if (!error) plain_size_ = size;
  }
  if (kind == FileKind::regular && !plain_size_)
    throw DataError(name_ + ": found gzip data, expected plain text as a run writes it: gunzip it");
  whole_is_checked_ = plain_size_ || !std::filesystem::is_regular_file(status);
}

InputFile::InputFile(std::string name, std::function<std::size_t(void*, std::size_t)> read)
    : name_(std::move(name)), source_(std::move(read)), whole_is_checked_(true) {}

std::size_t InputFile::read(void* out, std::size_t size) {
  auto* target = static_cast<unsigned char*>(out);
  std::size_t done = 0;
  while (source_ && done < size) {
    const std::size_t got = source_(target + done, size - done);
    if (got == 0) break;
    done += got;
    offset_ += got;
  }
  if (source_) return done;
  while (done < size) {
    const auto piece = static_cast<unsigned>(std::min(size - done, kLargestRead));
    const int got = gzread(file_.get(), target + done, piece);
    int code = Z_OK;
    const char* message = gzerror(file_.get(), &code);
    if (code == Z_BUF_ERROR) fail("the gzip data end too early: the file is cut off");
    if (code == Z_MEM_ERROR) throw std::bad_alloc();
    if (got < 0) fail(std::string("cannot be read: ") + (code == Z_ERRNO ? std::strerror(errno) : message));
    if (got == 0) {
      expect_end_of_gzip();
      break;
    }
    done += static_cast<std::size_t>(got);
    offset_ += static_cast<std::uint64_t>(got);
  }
  return done;
}

/// zlib passes over in silence what follows the last member of a gzip file and is none: rows that somebody appended,
/// say.
void InputFile::expect_end_of_gzip() {
  if (std::exchange(whole_is_checked_, true)) return;
  // Nearly always there is one member, and its length, at the very end, is what was read.
  std::error_code error;
  const std::uint64_t size = std::filesystem::file_size(name_, error);
  if (stated_size(descriptor_, size) == static_cast<std::uint32_t>(offset_)) return;
  std::array<unsigned char, 1 << 14> packed;
  z_stream stream{};
  constexpr int kGzip = 15 + 16;  // window bits, and the flag for gzip alone
  if (inflateInit2(&stream, kGzip) != Z_OK) throw std::bad_alloc();
  const std::unique_ptr<z_stream, decltype(&inflateEnd)> ended(&stream, inflateEnd);
  std::array<unsigned char, 1 << 16> unpacked;
  std::uint64_t members_end = 0;  // where the last whole member ends
  std::uint64_t taken = 0;
  std::uint64_t fetched = 0;
  stream.avail_out = 1;
  while (true) {
    if (stream.avail_in == 0 && stream.avail_out != 0) {  // else there is more to come of what was taken
      stream.next_in = packed.data();
      stream.avail_in = static_cast<unsigned>(read_at(descriptor_, fetched, packed.data(), packed.size()));
      fetched += stream.avail_in;
      if (stream.avail_in == 0) break;
    }
    stream.next_out = unpacked.data();
    stream.avail_out = static_cast<unsigned>(unpacked.size());
    const unsigned before = stream.avail_in;
    const int code = inflate(&stream, Z_NO_FLUSH);
    taken += before - stream.avail_in;
    if (code == Z_MEM_ERROR) throw std::bad_alloc();
    if (code == Z_STREAM_END) {
      members_end = taken;
      inflateReset(&stream);
    } else if (code != Z_OK) {
      break;
    }
  }
  if (!error && members_end != size)
    throw DataError(name_ + ": after " + std::to_string(members_end) + " bytes of gzip data " +
                    std::to_string(size - members_end) + " bytes follow that are none");
}

void InputFile::read_exactly(void* out, std::size_t size, std::string_view what) {
  const std::size_t got = read(out, size);
  if (got < size)
    fail("the file ends inside " + std::string(what) + ": " + std::to_string(size) + " bytes are needed, " +
         std::to_string(got) + " were found");
}

void InputFile::expect_end() {
  const std::uint64_t end = offset_;
  unsigned char extra = 0;
  if (read(&extra, 1) != 0) fail_at(end, "the data declared in the header end here, but more bytes follow");
}

std::optional<std::uint64_t> InputFile::remaining() const {
  if (!plain_size_) return std::nullopt;
  return *plain_size_ > offset_ ? *plain_size_ - offset_ : 0;
}

void InputFile::fail_at(std::uint64_t offset, const std::string& message) const {
  throw DataError(name_ + ": byte " + std::to_string(offset) + ": " + message);
}

std::uint64_t gzip_content_size(const std::filesystem::path& path) {
  const Descriptor file = open_for_reading(path);
  const std::uint64_t on_disk = size_of(file);
  return std::max<std::uint64_t>(stated_size(file.number(), on_disk).value_or(0), on_disk);
}

std::string in_quotes(std::string_view text) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string result = "\"";
  for (const char character : text.substr(0, kQuotedLength)) {
    const auto byte = static_cast<unsigned char>(character);
    if (byte >= 0x20 && byte < 0x7f) {
      result += character;
    } else {
      result += "\\x";
      result += kDigits[byte >> 4U];
      result += kDigits[byte & 15U];
    }
  }
  return result + (text.size() > kQuotedLength ? "…\"" : "\"");
}

}  // namespace reluscope
