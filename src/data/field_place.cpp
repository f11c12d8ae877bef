#include "data/field_place.hpp"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <vector>

#include "data/input_file.hpp"
#include "util/error.hpp"

namespace reluscope {
namespace {

constexpr std::size_t kMostBytes = std::size_t{1} << 20U;

/// The text from the start of `line` on, at most kMostBytes.
std::string text_from(const std::string& path, char line_end, std::uint64_t line) {
  InputFile file(path);
  std::vector<char> buffer(file.buffer_bytes());
  std::string text;
  std::uint64_t skip = line - 1;
  bool at_start = true;
  while (const std::size_t got = file.read(buffer.data(), buffer.size())) {
    std::string_view piece(buffer.data(), got);
    if (std::exchange(at_start, false) && piece.starts_with(kByteOrderMark)) piece.remove_prefix(kByteOrderMark.size());
    for (; skip > 0 && !piece.empty(); --skip) {
      const std::size_t end = piece.find(line_end);
      if (end == std::string_view::npos) {
        piece = {};
        break;
      }
      piece.remove_prefix(end + 1);
    }
    text += piece.substr(0, kMostBytes - text.size());
    if (text.size() == kMostBytes) break;
  }
  return text;
}

/// From where to where the field goes.
struct Span {
  std::size_t begin = 0;
  std::size_t end = 0;
};

Span span_of(std::string_view text, const CsvForm& form, std::size_t field) {
  const auto is_blank = [](char byte) { return byte == ' ' || byte == '\t'; };
  const auto is_delimiter = [&](char byte) { return form.blanks ? is_blank(byte) : byte == form.delimiter; };
  std::size_t at = 0;
  if (form.blanks) at = std::min(text.find_first_not_of(" \t"), text.size());
  Span span{at, at};
  bool in_quotes = false;
  for (; at < text.size(); ++at) {
    const char byte = text[at];
    if (byte == '"' && !form.wrapped) in_quotes = !in_quotes;
    if (in_quotes) continue;
    if (byte == form.line_end) break;
    if (!is_delimiter(byte)) continue;
    if (field == 0) break;
    --field;
    if (form.blanks)
      while (at + 1 < text.size() && is_blank(text[at + 1])) ++at;
    span.begin = at + 1;
  }
  span.end = at;
  if (field > 0) span.begin = span.end;
  while (span.end > span.begin && (text[span.end - 1] == '\r' || is_blank(text[span.end - 1]))) --span.end;
  while (span.begin < span.end && is_blank(text[span.begin])) ++span.begin;
  return span;
}

}  // namespace

std::optional<TextPlace> find_field(const std::string& path, const CsvForm& form, std::uint64_t line,
                                    std::size_t field) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error) || line == 0) return std::nullopt;
  try {
    std::string text = text_from(path, form.line_end, line);
    const Span span = span_of(text, form, field);
    if (text.size() == kMostBytes && span.end == text.size()) return std::nullopt;
    if (form.line_end != '\n') std::replace(text.begin(), text.end(), form.line_end, '\n');
    TextPlace place = place_in(text, span.begin, std::max<std::size_t>(1, span.end - span.begin));
    place.line += line - 1;
    return place;
  } catch (const DataError&) { return std::nullopt; }  // the fault at hand is the one to hear of
}

}  // namespace reluscope
