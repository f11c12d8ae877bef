#include "data/csv_records.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "util/error.hpp"
#include "util/format.hpp"

namespace reluscope {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

char guess_delimiter(std::string_view line) {
  std::array<std::pair<char, std::size_t>, 3> counts = {{{'\t', 0}, {';', 0}, {',', 0}}};
  bool in_quotes = false;
  for (const char character : line) {
    if (character == '"') in_quotes = !in_quotes;
    if (in_quotes) continue;
    for (auto& [delimiter, count] : counts) count += character == delimiter ? 1U : 0U;
  }
  // At equal counts the comma loses: it may be a decimal comma, which then is refused cell by cell.
  const auto best = std::max_element(counts.begin(), counts.end(),
                                     [](const auto& left, const auto& right) { return left.second < right.second; });
  return best->second > 0 ? best->first : ',';
}

bool is_blank(std::string_view line) { return line.find_first_not_of(" \t") == std::string_view::npos; }

}  // namespace

CsvRecords::CsvRecords(const std::filesystem::path& path, char delimiter, FileKind kind)
    : file_(path, kind), delimiter_(delimiter), buffer_(file_.buffer_bytes()) {
  buffer_size_ = file_.read(buffer_.data(), buffer_.size());
  const std::string_view start(buffer_.data(), buffer_size_);
  if (start.starts_with("\xFF\xFE") || start.starts_with("\xFE\xFF"))
    file_.fail_at(0, "the text is UTF-16, save it as UTF-8");
  if (start.starts_with(kByteOrderMark)) buffer_used_ = kByteOrderMark.size();
  if (buffer_used_ == buffer_size_) file_.fail_at(0, "the file is empty");
  if (delimiter_ == 0) {
    const std::string_view text = start.substr(buffer_used_);
    const std::size_t first = std::min(text.find_first_not_of("\r\n"), text.size());
    delimiter_ = guess_delimiter(text.substr(first, text.find_first_of("\r\n", first) - first));
  }
}

bool CsvRecords::next() {
  fields_.clear();
  do {
    record_.clear();
    if (!append_line()) return false;
    record_line_ = lines_;
  } while (is_blank(record_));
  if (record_.find('"') == std::string::npos) {
    split_plain();
  } else {
    split_quoted();
  }
  return true;
}

void CsvRecords::fail_at(std::uint64_t line, const std::string& message) const {
  throw DataError(file_.name() + ": line " + std::to_string(line) + ": " + message);
}

void CsvRecords::fail_for_fields() const {
  fail("more than " + std::to_string(kMostFields) + " fields: this is no table of samples, one a line");
}

bool CsvRecords::append_line() {
  bool found = false;
  terminated_ = false;
  for (;;) {
    if (buffer_used_ == buffer_size_) {
      buffer_size_ = file_.read(buffer_.data(), buffer_.size());
      buffer_used_ = 0;
      if (buffer_size_ == 0) break;
    }
    found = true;
    const char* start = buffer_.data() + buffer_used_;
    const std::size_t available = buffer_size_ - buffer_used_;
    const void* newline = std::memchr(start, '\n', available);
    const std::size_t length =
        newline == nullptr ? available : static_cast<std::size_t>(static_cast<const char*>(newline) - start);
    if (record_.size() + length > kMostRecordBytes)
      fail_at(lines_ + 1,
              "longer than " + format_bytes(kMostRecordBytes) + ": this is no table of samples, one a line");
    record_.append(start, length);
    buffer_used_ += length;
    if (newline != nullptr) {
      terminated_ = true;
      ++buffer_used_;
      break;
    }
  }
  if (!found) return false;
  ++lines_;
  if (!record_.empty() && record_.back() == '\r') record_.pop_back();
  return true;
}

void CsvRecords::split_plain() {
  const std::string_view record = record_;
  std::size_t start = 0;
  for (;;) {
    const std::size_t end = record.find(delimiter_, start);
    if (fields_.size() == kMostFields) fail_for_fields();
    fields_.push_back(record.substr(start, end - start));
    if (end == std::string_view::npos) return;
    start = end + 1;
  }
}

/// Unquotes in place: what is written never overtakes what is read, though the record may grow by further lines.
void CsvRecords::split_quoted() {
  std::vector<std::pair<std::size_t, std::size_t>> spans;  // start, length
  std::size_t from = 0;
  std::size_t to = 0;
  for (;;) {
    const std::size_t start = to;
    if (from < record_.size() && record_[from] == '"') {
      read_quoted_field(from, to);
    } else {
      while (from < record_.size() && record_[from] != delimiter_) {
        if (record_[from] == '"')
          fail("field " + std::to_string(spans.size() + 1) + " has a quote in the middle; RFC 4180 wants the whole " +
               "field in quotes and the quote doubled");
        record_[to++] = record_[from++];
      }
    }
    if (spans.size() == kMostFields) fail_for_fields();
    spans.emplace_back(start, to - start);
    if (from == record_.size()) break;
    ++from;
  }
  for (const auto& [start, length] : spans) fields_.push_back(std::string_view(record_).substr(start, length));
}

void CsvRecords::read_quoted_field(std::size_t& from, std::size_t& to) {
  ++from;
  for (;;) {
    if (from == record_.size()) {  // the field goes on in the next line
      record_ += '\n';
      if (!append_line()) fail("a field that starts with a quote on this line is never closed");
      continue;
    }
    const char character = record_[from++];
    if (character == '"') {
      if (from == record_.size() || record_[from] != '"') break;
      ++from;
    }
    record_[to++] = character;
  }
  if (from < record_.size() && record_[from] != delimiter_)
    fail("text follows a closing quote (found " + in_quotes(std::string_view(record_).substr(from, 1)) +
         " where the delimiter should be)");
}

}  // namespace reluscope
