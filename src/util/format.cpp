#include "util/format.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>

namespace reluscope {

namespace {

template <class... Format>
void append_chars(std::string& to, Format... arguments) {
  std::array<char, 400> buffer;  // the longest fixed-notation double has 309 digits before the point
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), arguments...).ptr;
  to.append(buffer.data(), end);
}

bool append_if_not_finite(std::string& to, double value) {
  if (std::isfinite(value)) return false;
  to += std::isnan(value) ? "nan" : (value > 0 ? "inf" : "-inf");
  return true;
}

/// Bytes of the UTF-8 character that the text starts with; 0 where it starts with none (Unicode 15, table 3-7).
std::size_t character_bytes(std::string_view text) {
  const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(text[at]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return 1;
  const std::size_t bytes = first >= 0xC2 && first <= 0xDF   ? 2
                            : first >> 4U == 0xE             ? 3
                            : first >= 0xF0 && first <= 0xF4 ? 4
                                                             : 0;
  if (bytes == 0 || text.size() < bytes) return 0;
  for (std::size_t at = 1; at < bytes; ++at)
    if ((byte(at) & 0xC0U) != 0x80U) return 0;
  // Overlong forms, surrogates, and what is beyond the last code point.
  const bool out = (first == 0xE0 && byte(1) < 0xA0) || (first == 0xED && byte(1) >= 0xA0) ||
                   (first == 0xF0 && byte(1) < 0x90) || (first == 0xF4 && byte(1) >= 0x90);
  return out ? 0 : bytes;
}

/// Whether the character that the text starts with commands the terminal, or the direction of what follows it.
bool is_control(std::string_view text, std::size_t bytes) {
  const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(text[at]); };
  if (bytes == 1) return byte(0) < 0x20 || byte(0) == 0x7F;
  if (bytes == 2) return (byte(0) == 0xC2 && byte(1) < 0xA0) || text.starts_with("\u061C");
  if (bytes != 3 || byte(0) != 0xE2) return false;
  const bool marks = byte(1) == 0x80 && (byte(2) == 0x8E || byte(2) == 0x8F || (byte(2) >= 0xAA && byte(2) <= 0xAE));
  return marks || (byte(1) == 0x81 && byte(2) >= 0xA6 && byte(2) <= 0xA9);
}

/// The first place from `at` on where no character goes on.
std::size_t character_start(std::string_view text, std::size_t at) {
  while (at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0U) == 0x80U) ++at;
  return at;
}

void append_printable(std::string& to, std::string_view text) {
  while (!text.empty()) {
    const std::size_t bytes = character_bytes(text);
    if (bytes == 0 || is_control(text, bytes)) {
      to += '?';
    } else {
      to += text.substr(0, bytes);
    }
    text.remove_prefix(std::max<std::size_t>(bytes, 1));
  }
}

void append_printable_line(std::string& to, std::string_view line) {
  // Longest line, and what is kept of a longer one at either end.
  constexpr std::size_t kMostBytes = 1000;
  constexpr std::size_t kKeptStart = 600;
  constexpr std::size_t kKeptEnd = 300;
  if (line.size() <= kMostBytes) return append_printable(to, line);
  append_printable(to, line.substr(0, character_start(line, kKeptStart)));
  to += " … ";
  append_printable(to, line.substr(character_start(line, line.size() - kKeptEnd)));
}

}  // namespace

void append_number(std::string& to, double value) {
  if (!append_if_not_finite(to, value)) append_chars(to, value);
}

void append_number(std::string& to, std::int64_t value) { append_chars(to, value); }

std::string format_number(double value) {
  std::string text;
  append_number(text, value);
  return text;
}

void append_csv_cell(std::string& to, std::string_view cell) {
  if (cell.find_first_of(",\"\r\n") == std::string_view::npos) {
    to += cell;
    return;
  }
  to += '"';
  for (const char character : cell) {
    if (character == '"') to += '"';
    to += character;
  }
  to += '"';
}

void append_json_string(std::string& to, std::string_view text) {
  to += nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string printable(std::string_view text, LineBreaks breaks) {
  std::string clean;
  while (true) {
    const std::size_t end = breaks == LineBreaks::kept ? text.find('\n') : std::string_view::npos;
    append_printable_line(clean, text.substr(0, end));
    if (end == std::string_view::npos) return clean;
    clean += '\n';
    text.remove_prefix(end + 1);
  }
}

std::string first_characters(std::string_view text, std::size_t most) {
  std::size_t end = 0;
  for (; most > 0 && end < text.size(); --most) end = character_start(text, end + 1);
  return std::string(text.substr(0, end));
}

std::string format_bytes(std::uint64_t bytes) {
  static constexpr const char* kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  auto value = static_cast<double>(bytes);
  std::size_t unit = 0;
  for (; value >= 1024.0 && unit + 1 < std::size(kUnits); ++unit) value /= 1024.0;
  return format_fixed(value, unit == 0 ? 0 : 1) + " " + kUnits[unit];
}

std::string format_fixed(double value, int decimals) {
  std::string text;
  if (!append_if_not_finite(text, value)) append_chars(text, value, std::chars_format::fixed, decimals);
  return text;
}

std::string format_short(double value) {
  std::string text;
  if (!append_if_not_finite(text, value)) append_chars(text, value, std::chars_format::general, 4);
  return text;
}

std::string joined(std::span<const std::string> words, std::string_view separator) {
  std::string text;
  for (const std::string& word : words) text.append(text.empty() ? "" : separator).append(word);
  return text;
}

std::string listed(std::span<const std::string> words, std::size_t most) {
  const std::size_t shown = std::min(most, words.size());
  const std::string text = joined(words.first(shown));
  return words.size() > shown ? text + " and " + std::to_string(words.size() - shown) + " more" : text;
}

bool is_whole(double value) {
  return value >= -kBeyondIntegers && value < kBeyondIntegers && value == std::floor(value);
}

std::string format_plain(double value) {
  return is_whole(value) ? std::to_string(static_cast<std::int64_t>(value)) : format_number(value);
}

std::string first_letter_large(std::string text) {
  if (!text.empty() && text[0] >= 'a' && text[0] <= 'z') text[0] = static_cast<char>(text[0] - 'a' + 'A');
  return text;
}

std::string shell_word(const std::string& word) {
  constexpr std::string_view kPlain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_./:=,+@%-";
  if (!word.empty() && word.find_first_not_of(kPlain) == std::string::npos) return word;
  std::string quoted = "'";
  for (const char letter : word) quoted += letter == '\'' ? std::string("'\\''") : std::string(1, letter);
  return quoted + "'";
}

}  // namespace reluscope
