#pragma once
// What stands in one cell of a table: a number in some notation, a truth value, a date, text, or nothing.

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace reluscope {

/// How a file writes its numbers. With a thousands separator the digits before the point come in threes.
struct NumberFormat {
  char decimal = '.';
  char thousands = 0;  ///< 0: none

  bool operator==(const NumberFormat&) const = default;
};

/// The notations that occur besides the plain one, as settings of a config.
inline constexpr std::array<NumberFormat, 6> kOtherFormats = {
    {{',', 0}, {'.', ','}, {',', '.'}, {'.', '\''}, {',', ' '}, {'.', ' '}}};
/// The keys of a config that set it, with their words: {"data.decimal", ","}.
std::vector<std::pair<std::string, std::string>> settings_of(const NumberFormat& format);
/// "data.decimal=',' data.thousands='.'": the same for a shell.
std::string format_settings(const NumberFormat& format);

/// A finite or non-finite decimal number that fills all of `text` but blanks around it; nothing else is one.
/// Independent of the locale.
std::optional<double> parse_number(std::string_view text);
std::optional<double> parse_number(std::string_view text, const NumberFormat& format);

/// True and False, in these letters, small ones or capitals.
std::optional<bool> parse_boolean(std::string_view text);

/// Days since 1970-01-01: of 2020-01-31, 2020/01/31 or 31.01.2020, each with a time of day behind it ("T12:30:59.5Z",
/// " 12:30", "+01:00") or without. Other orders are refused: they have two meanings.
std::optional<double> parse_date(std::string_view text);
inline constexpr const char* kDateForms = "2020-01-31, 2020/01/31 or 31.01.2020, with or without a time of day";

/// Empty, or one of the words by which missing values are marked (NA, N/A, #N/A, <NA>, NaN, NaT, null, none, ?, - and a
/// single point; any case).
bool is_missing(std::string_view text);

/// For which of kOtherFormats the text is a number, a bit each. 0 of text that is a plain number and of what is none.
std::uint32_t other_formats(std::string_view text);
/// The same of a plain number: which of them it does not contradict ("12" none, "1.5" only those with a decimal point).
std::uint32_t formats_of_plain(std::string_view text);

/// Of the formats that all numbers of a column fit, those that are meant: one, or two where a comma may be either mark.
std::vector<NumberFormat> likely_formats(std::uint32_t formats);

enum class CellKind { missing, number, boolean, date, other_number, text };
/// What a cell is, and what it says.
struct Cell {
  CellKind kind = CellKind::text;
  double value = 0.0;  ///< of a number, and of a date its days
};
Cell read_cell(std::string_view text, const NumberFormat& format);
CellKind kind_of(std::string_view text, const NumberFormat& format);

/// `text` without the blanks around it.
std::string_view trimmed(std::string_view text);
/// The shortest decimal text that reads back as `value`; whole numbers without an exponent.
std::string number_text(double value);

}  // namespace reluscope
