#pragma once
// What a person sees on a terminal.

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace reluscope {

/// Whether this file descriptor is a terminal that takes control codes (TERM is set and not "dumb").
bool is_terminal(int descriptor);
/// Whether colour is welcome there: a terminal, and NO_COLOR is unset or empty (no-color.org).
bool wants_color(int descriptor);
/// Columns of the terminal; 80 where it does not say.
std::size_t terminal_width(int descriptor);
/// Whether the locale's character set is UTF-8.
bool locale_is_utf8();

enum class TableStyle { plain, markdown };

/// Cells as aligned columns: numbers (all columns but the first `left_aligned`) to the right. They can be any text, and
/// are made printable(). Widths count code points.
std::string format_table(const std::vector<std::string>& header, std::vector<std::vector<std::string>> rows,
                         std::size_t left_aligned, TableStyle style);

/// The same within `width` columns, if that can be: as long as it is wider, the next of the columns `dropped` is left
/// out. Markdown has all of them.
std::string format_table(std::vector<std::string> header, std::vector<std::vector<std::string>> rows,
                         std::size_t left_aligned, TableStyle style, std::size_t width,
                         const std::vector<std::string>& dropped);

/// The text in lines of at most `width` columns, broken at blanks alone; all lines but the first begin with `indent`.
/// A word that is longer has a line of its own. Line breaks that there are stay.
std::string wrap(std::string_view text, std::size_t width, std::string_view indent = "");

/// A message of the logger, which stands behind "reluscope: ", in lines that fit the terminal on stderr; as it is where
/// that is none.
std::string wrap_message(std::string_view text);

/// Columns that UTF-8 text takes, at one a character.
std::size_t code_points(std::string_view text);

}  // namespace reluscope
