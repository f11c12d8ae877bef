#pragma once
// A fault in a text file as compilers show it: FILE:LINE:COLUMN, the line itself with a caret below, and a help line.

#include <cstdint>
#include <string>
#include <string_view>

namespace reluscope {

/// What some editors write before UTF-8; no part of the text.
inline constexpr std::string_view kUtf8Mark = "\xEF\xBB\xBF";

/// A place in a text file. Lines and columns are counted from 1, columns in characters. Of the line it keeps what is
/// around the place: a line may have megabytes.
struct TextPlace {
  std::uint64_t line = 1;
  std::uint64_t column = 1;
  std::string before;  ///< on the same line, as much as may be shown
  std::string marked;  ///< the fault itself; empty: it is at the end of the line
  std::string after;
  bool is_cut = false;  ///< there is more before than is kept

  /// "12:7"
  [[nodiscard]] std::string numbers() const;
};

/// The place of the bytes [from, from + length) in `text`, a whole file; what goes over the end of its line is left
/// out.
TextPlace place_in(std::string_view text, std::size_t from, std::size_t length = 1);

/// "\n  12 | the line\n     |     ^^^^": of a long line what is around the place. Each character is taken for one
/// column wide, a tab is a space, and what printable() would replace is replaced here already.
std::string excerpt(const TextPlace& place);

/// "\n  help: …", or nothing where there is none.
std::string help_line(std::string_view help);

}  // namespace reluscope
