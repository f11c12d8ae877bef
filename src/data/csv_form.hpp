#pragma once
// How a text file writes a table: what stands between fields and at the ends of lines, which lines are no records.

#include <cstdint>
#include <string>
#include <string_view>

namespace reluscope {

/// Some programs begin UTF-8 text with it.
inline constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

struct CsvForm {
  char delimiter = ',';  ///< 0: to be found out
  bool blanks = false;   ///< runs of blanks and tabs stand between the fields; `delimiter` is then a tab
  char line_end = '\n';  ///< '\r' in files of old Macintoshes
  char comment = 0;      ///< lines that start with it are left out; 0: none are
  /// The line, from 1, that starts with `comment` and has the names of the columns, as NumPy's savetxt writes it; 0:
  /// none.
  std::uint64_t commented_header = 0;
  bool wrapped = false;  ///< whole lines are quoted as if they were one field: saved twice by a spreadsheet
};

/// What is open in `form`, from the first bytes of a file behind its byte order mark: the delimiter that cuts the first
/// lines into equally many fields, and the rest.
CsvForm complete_form(CsvForm form, std::string_view start);

/// A table in another format of text (ARFF, LIBSVM): its name, and a shell command that makes a CSV file of it. Nothing
/// where the file may be CSV.
struct OtherTextFormat {
  std::string name;
  std::string command;
};
OtherTextFormat other_text_format(std::string_view start, const std::string& path);

/// Undoes the quotes around a whole line; a line that is not one quoted field stays as it is.
void unwrap(std::string& line);

/// Makes one tab of each run of blanks and tabs outside quotes, and none of those at the ends.
void squeeze_blanks(std::string& line);

}  // namespace reluscope
