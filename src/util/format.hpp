#pragma once
// Numbers and text as the outputs have them: the same in every locale.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace reluscope {

/// Appends the shortest text that reads back as the same number; nan, inf, -inf where it is not finite (to_chars would
/// write -nan).
void append_number(std::string& to, double value);
void append_number(std::string& to, std::int64_t value);
std::string format_number(double value);

/// RFC 4180: quoted where the cell holds a comma, a quote or a line break.
void append_csv_cell(std::string& to, std::string_view cell);
/// A JSON string with its quotes. Invalid UTF-8 is replaced.
void append_json_string(std::string& to, std::string_view text);

/// Whether line breaks stay: they do in a message of several lines; in a name or a cell they would break the layout.
enum class LineBreaks { replaced, kept };

/// Text from anywhere, so that it cannot command a terminal or mislead its reader: whatever comes from a file, a path
/// or a config is printed through here. Control characters (C0, DEL, C1), those that change the direction of writing
/// (U+061C, U+200E, U+200F, U+202A to U+202E, U+2066 to U+2069) and what is no UTF-8 become '?'; of a line that is
/// endless the middle is left out. No character is cut.
std::string printable(std::string_view text, LineBreaks breaks = LineBreaks::replaced);
/// The first characters of UTF-8 text, at most so many.
std::string first_characters(std::string_view text, std::size_t most);

/// "1.2 GiB", "640 KiB".
std::string format_bytes(std::uint64_t bytes);
/// At most `decimals` digits after the point: for tables that people read.
std::string format_fixed(double value, int decimals);
/// Four significant digits: for tables that people read.
std::string format_short(double value);

/// "relu, elu"
std::string joined(std::span<const std::string> words, std::string_view separator = ", ");
/// "relu, elu and 5 more": of a long list the first ones.
std::string listed(std::span<const std::string> words, std::size_t most = 8);

/// 2^63: from here on no int64 holds it.
inline constexpr double kBeyondIntegers = 9223372036854775808.0;
/// Whether an int64 holds exactly this.
bool is_whole(double value);
/// Integers digit by digit, others in their shortest form.
std::string format_plain(double value);

/// The text with its first letter as a capital, where that is one of a to z.
std::string first_letter_large(std::string text);

/// A word for a shell: in quotes where it needs them.
std::string shell_word(const std::string& word);

}  // namespace reluscope
