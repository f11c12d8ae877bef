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

std::string printable(std::string_view text) {
  std::string clean;
  while (!text.empty()) {
    const std::size_t bytes = character_bytes(text);
    const auto first = static_cast<unsigned char>(text.front());
    const bool control = first < 0x20 || first == 0x7F || (bytes == 2 && first == 0xC2 && text[1] < '\xA0');
    if (bytes == 0 || control) {
      clean += '?';
    } else {
      clean += text.substr(0, bytes);
    }
    text.remove_prefix(std::max<std::size_t>(bytes, 1));
  }
  return clean;
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

}  // namespace reluscope
