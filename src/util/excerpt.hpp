#pragma once
// A fault in a text file as compilers show it: FILE:LINE:COLUMN, the line itself with a caret below, and a help line.

#include <cstdint>
#include <string>
#include <string_view>

namespace reluscope {

/// A place in a text file. Lines and columns are counted from 1, columns in characters.
struct TextPlace {
  std::uint64_t line = 1;
  std::string text;        ///< the whole line, without its end
  std::size_t byte = 0;    ///< where in the line the fault begins
  std::size_t length = 1;  ///< its bytes

  [[nodiscard]] std::size_t column() const;  ///< of `byte`
  /// "12:7"
  [[nodiscard]] std::string numbers() const;
};

/// The place of the bytes [from, from + length) in `text`, a whole file; what goes over the end of its line is left
/// out.
TextPlace place_in(std::string_view text, std::size_t from, std::size_t length = 1);

/// "\n  12 | the line\n     |     ^^^^": of a long line what is around the place. Each character is taken for one
/// column wide, and what printable() would replace is replaced here already.
std::string excerpt(const TextPlace& place);

/// "\n  help: …", or nothing where there is none.
std::string help_line(std::string_view help);

}  // namespace reluscope
