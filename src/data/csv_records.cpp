#include "data/csv_records.hpp"

#include <algorithm>
#include <cstring>
#include <optional>
#include <utility>

#include "data/cells.hpp"
#include "data/field_place.hpp"
#include "util/error.hpp"
#include "util/excerpt.hpp"
#include "util/format.hpp"

namespace reluscope {
namespace {}  // namespace

CsvRecords::CsvRecords(const std::filesystem::path& path, char delimiter, FileKind kind)
    : CsvRecords(path, CsvForm{.delimiter = delimiter}, kind, false) {}

CsvRecords::CsvRecords(const std::filesystem::path& path, const CsvForm& wish)
    : CsvRecords(path, wish, FileKind::any, true) {}

CsvRecords::CsvRecords(const std::filesystem::path& path, const CsvForm& form, FileKind kind, bool look)
    : file_(path, kind), form_(form), buffer_(file_.buffer_bytes()) {
  buffer_size_ = file_.read(buffer_.data(), buffer_.size());
  const std::string_view start(buffer_.data(), buffer_size_);
  if (start.starts_with("\xFF\xFE") || start.starts_with("\xFE\xFF"))
    throw DataError(
        name() + ": the text is UTF-16, save it as UTF-8" +
        help_line("iconv -f UTF-16 -t UTF-8 " + shell_word(name()) + " > " + shell_word(name() + ".utf8.csv")));
  if (start.starts_with(kByteOrderMark)) buffer_used_ = kByteOrderMark.size();
  if (buffer_used_ == buffer_size_) file_.fail_at(0, "the file is empty");
  if (!look) return;
  const std::string_view text = start.substr(buffer_used_);
  if (const OtherTextFormat other = other_text_format(text, name()); !other.name.empty())
    throw DataError(name() + ": the table is in the format " + other.name + ", which is not read" +
                    help_line(other.command));
  form_ = complete_form(form_, text);
}

bool CsvRecords::next() {
  fields_.clear();
  for (;;) {
    record_.clear();
    if (!append_line()) return false;
    record_line_ = lines_;
    const bool is_header = record_line_ == form_.commented_header;
    if (is_header) record_.erase(0, record_.find_first_not_of(" \t", 1));
    if (trimmed(record_).empty()) continue;
    if (form_.comment == 0 || record_.front() != form_.comment || is_header) break;
    if (has_begun_) ++comments_;
  }
  has_begun_ = true;
  if (form_.wrapped) unwrap(record_);
  if (form_.blanks) squeeze_blanks(record_);
  if (record_.find('"') == std::string::npos) {
    split_plain();
  } else {
    split_quoted();
  }
  return true;
}

void CsvRecords::fail_at(std::uint64_t line, const std::string& message, const std::string& help) const {
  throw DataError(name() + ":" + std::to_string(line) + ": " + message + help_line(help));
}

void CsvRecords::fail_in(std::uint64_t line, std::size_t field, const std::string& message,
                         const std::string& help) const {
  const std::optional<TextPlace> place = find_field(name(), form_, line, field);
  if (!place) fail_at(line, "field " + std::to_string(field + 1) + ": " + message, help);
  throw DataError(name() + ":" + place->numbers() + ": " + message + excerpt(*place) + help_line(help));
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
    const void* newline = std::memchr(start, form_.line_end, available);
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
    const std::size_t end = record.find(form_.delimiter, start);
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
      while (from < record_.size() && record_[from] != form_.delimiter) {
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
  if (from < record_.size() && record_[from] != form_.delimiter)
    fail("text follows a closing quote (found " + in_quotes(std::string_view(record_).substr(from, 1)) +
         " where the delimiter should be)");
}

}  // namespace reluscope
