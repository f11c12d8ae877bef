#include "data/cells.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>

#include "util/format.hpp"

namespace reluscope {
namespace {

/// No number worth reading has more characters.
constexpr std::size_t kLongestNumber = 400;

char lower(char letter) { return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter - 'A' + 'a') : letter; }

bool is_digit(char letter) { return letter >= '0' && letter <= '9'; }

bool same_word(std::string_view text, std::string_view word) {
  return std::equal(text.begin(), text.end(), word.begin(), word.end(),
                    [](char left, char right) { return lower(left) == right; });
}

/// Takes the separators out of the digits that `text` starts with: "1.234,5" leaves "1234" and moves on to ",5". False
/// where they do not stand before each three digits.
bool take_grouped_digits(std::string_view& text, char separator, std::string& plain) {
  std::size_t group = 0;
  bool grouped = false;
  while (!text.empty()) {
    if (is_digit(text.front())) {
      ++group;
      plain += text.front();
    } else if (text.front() == separator) {
      if (grouped ? group != 3 : group < 1 || group > 3) return false;
      grouped = true;
      group = 0;
    } else {
      break;
    }
    text.remove_prefix(1);
  }
  return !grouped || group == 3;
}

/// Takes a whole number of `digits` digits from the front.
std::optional<int> take_digits(std::string_view& text, std::size_t digits) {
  if (text.size() < digits || !std::all_of(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(digits), is_digit))
    return std::nullopt;
  int value = 0;
  for (const char digit : text.substr(0, digits)) value = 10 * value + (digit - '0');
  text.remove_prefix(digits);
  return value;
}

bool take(std::string_view& text, char expected) {
  if (text.empty() || text.front() != expected) return false;
  text.remove_prefix(1);
  return true;
}

/// Takes three numbers with `mark` between them.
std::optional<std::array<int, 3>> take_three(std::string_view& text, const std::array<std::size_t, 3>& digits,
                                             char mark) {
  std::array<int, 3> parts;
  for (std::size_t part = 0; part < parts.size(); ++part) {
    if (part > 0 && !take(text, mark)) return std::nullopt;
    const std::optional<int> value = take_digits(text, digits[part]);
    if (!value) return std::nullopt;
    parts[part] = *value;
  }
  return parts;
}

std::optional<std::chrono::year_month_day> take_day(std::string_view& text) {
  for (const char mark : {'-', '/', '.'}) {
    const bool day_first = mark == '.';
    std::string_view rest = text;
    const auto parts = day_first ? take_three(rest, {2, 2, 4}, mark) : take_three(rest, {4, 2, 2}, mark);
    if (!parts) continue;
    text = rest;
    const auto [first, month, last] = *parts;
    const std::chrono::year_month_day day{std::chrono::year(day_first ? last : first),
                                          std::chrono::month(static_cast<unsigned>(month)),
                                          std::chrono::day(static_cast<unsigned>(day_first ? first : last))};
    return day.ok() ? std::optional(day) : std::nullopt;
  }
  return std::nullopt;
}

/// "12:30", "12:30:59.5": the share of the day that has gone by.
std::optional<double> take_time(std::string_view& text) {
  const auto hour = take_digits(text, 2);
  if (!hour || !take(text, ':')) return std::nullopt;
  const auto minute = take_digits(text, 2);
  if (!minute) return std::nullopt;
  double seconds = 0.0;
  if (take(text, ':')) {
    const char* end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, seconds, std::chars_format::fixed);
    if (error != std::errc{} || !is_digit(text.front())) return std::nullopt;
    text.remove_prefix(static_cast<std::size_t>(stop - text.data()));
  }
  // A leap second has number 60.
  if (*hour > 24 || *minute > 59 || !(seconds < 61.0)) return std::nullopt;
  return (*hour * 3600 + *minute * 60 + seconds) / 86400.0;
}

/// "Z", "+01:00", "-0330": by how much of a day the clock is ahead.
std::optional<double> take_zone(std::string_view& text) {
  if (text.empty() || take(text, 'Z')) return 0.0;
  const bool west = text.front() == '-';
  if (!take(text, '-') && !take(text, '+')) return std::nullopt;
  const auto hours = take_digits(text, 2);
  take(text, ':');
  const auto minutes = take_digits(text, 2);
  if (!hours || !minutes) return std::nullopt;
  const double ahead = (*hours * 60 + *minutes) / 1440.0;
  return west ? -ahead : ahead;
}

}  // namespace

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r\n";
  const std::size_t first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

std::optional<double> parse_number(std::string_view text) {
  text = trimmed(text);
  if (text.size() > 1 && text[0] == '+' && text[1] != '-') text.remove_prefix(1);
  double value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc{} || stop != end) return std::nullopt;
  return value;
}

std::optional<double> parse_number(std::string_view text, const NumberFormat& format) {
  if (format == NumberFormat{}) return parse_number(text);
  text = trimmed(text);
  if (text.empty() || text.size() > kLongestNumber) return std::nullopt;
  std::string plain;
  if (text.front() == '+' || text.front() == '-') {
    plain += text.front();
    text.remove_prefix(1);
  }
  if (format.thousands != 0 && !take_grouped_digits(text, format.thousands, plain)) return std::nullopt;
  for (const char letter : text) {
    if (letter == format.decimal) {
      plain += '.';
    } else if (letter == '.' || letter == ',') {
      return std::nullopt;
    } else {
      plain += letter;
    }
  }
  return parse_number(plain);
}

std::optional<bool> parse_boolean(std::string_view text) {
  text = trimmed(text);
  if (text == "True" || text == "true" || text == "TRUE") return true;
  if (text == "False" || text == "false" || text == "FALSE") return false;
  return std::nullopt;
}

std::optional<double> parse_date(std::string_view text) {
  text = trimmed(text);
  const auto day = take_day(text);
  if (!day) return std::nullopt;
  auto days = static_cast<double>(std::chrono::sys_days(*day).time_since_epoch().count());
  if (text.empty()) return days;
  if (!take(text, 'T') && !take(text, ' ')) return std::nullopt;
  const auto time = take_time(text);
  if (!time) return std::nullopt;
  take(text, ' ');
  const auto ahead = take_zone(text);
  if (!ahead || !text.empty()) return std::nullopt;
  return days + *time - *ahead;
}

bool is_missing(std::string_view text) {
  constexpr std::array<std::string_view, 11> kWords = {"?",   "na",   "n/a",  "#n/a", "<na>", "nan",
                                                       "nat", "null", "none", "-",    "."};
  text = trimmed(text);
  if (text.empty()) return true;
  if (text.size() > 4) return false;  // than the longest
  return std::any_of(kWords.begin(), kWords.end(), [&](std::string_view word) { return same_word(text, word); });
}

std::uint32_t other_formats(std::string_view text) {
  text = trimmed(text);
  // Most text is none, and is known by its first letter.
  if (text.empty() || text.find_first_of("0123456789") > 2 || parse_number(text)) return 0;
  std::uint32_t formats = 0;
  for (std::size_t format = 0; format < kOtherFormats.size(); ++format)
    if (parse_number(text, kOtherFormats[format])) formats |= 1U << format;
  return formats;
}

std::uint32_t formats_of_plain(std::string_view text) {
  std::uint32_t formats = 0;
  for (std::size_t format = 0; format < kOtherFormats.size(); ++format)
    if (parse_number(text, kOtherFormats[format])) formats |= 1U << format;
  return formats;
}

std::vector<std::pair<std::string, std::string>> settings_of(const NumberFormat& format) {
  std::vector<std::pair<std::string, std::string>> settings;
  if (format.decimal != '.') settings.emplace_back("data.decimal", std::string(1, format.decimal));
  if (format.thousands != 0)
    settings.emplace_back("data.thousands", format.thousands == ' '    ? "blank"
                                            : format.thousands == '\'' ? "apostrophe"
                                                                       : std::string(1, format.thousands));
  return settings;
}

std::string format_settings(const NumberFormat& format) {
  std::string text;
  for (const auto& [key, word] : settings_of(format))
    text += (text.empty() ? "" : " ") + key + "=" + (word.size() == 1 ? "'" + word + "'" : word);
  return text;
}

std::vector<NumberFormat> likely_formats(std::uint32_t formats) {
  std::vector<NumberFormat> likely;
  for (std::size_t format = 0; format < kOtherFormats.size(); ++format) {
    if ((formats >> format & 1U) == 0) continue;
    // The first two are without a separator that nothing asks for, and may both be meant: 1,234.
    if (format >= 2 && !likely.empty()) break;
    likely.push_back(kOtherFormats[format]);
  }
  return likely;
}

Cell read_cell(std::string_view text, const NumberFormat& format) {
  // Most cells are numbers. (A word like NaN is one to the language.)
  if (const std::optional<double> number = parse_number(text, format); number && !std::isnan(*number))
    return {CellKind::number, *number};
  if (is_missing(text)) return {CellKind::missing};
  if (parse_boolean(text)) return {CellKind::boolean};
  if (const std::optional<double> days = parse_date(text)) return {CellKind::date, *days};
  return {other_formats(text) != 0 ? CellKind::other_number : CellKind::text};
}

CellKind kind_of(std::string_view text, const NumberFormat& format) { return read_cell(text, format).kind; }

std::string number_text(double value) {
  const bool is_whole = value == std::floor(value) && std::abs(value) < 1e15;
  return is_whole ? std::to_string(static_cast<std::int64_t>(value)) : format_number(value);
}

}  // namespace reluscope
