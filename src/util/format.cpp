#include "util/format.hpp"

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
