#include "data/csv_form.hpp"

#include <algorithm>
#include <array>
#include <vector>

#include "data/cells.hpp"
#include "util/format.hpp"

namespace reluscope {
namespace {

/// Lines that are looked at.
constexpr std::size_t kLinesSeen = 12;
// At equal claims the comma loses: it may be a decimal comma.
constexpr std::array<char, 4> kDelimiters = {'\t', ';', '|', ','};

bool is_blank(std::string_view line) { return line.find_first_not_of(" \t\r") == std::string_view::npos; }

struct Line {
  std::uint64_t number = 0;
  std::string text;
};

/// The first lines with something in them, whole ones only where there is more than one.
std::vector<Line> first_lines(std::string_view start, char line_end) {
  std::vector<Line> lines;
  for (std::uint64_t number = 1; !start.empty() && lines.size() < 2 * kLinesSeen; ++number) {
    const std::size_t end = start.find(line_end);
    if (end == std::string_view::npos && !lines.empty()) break;
    std::string_view line = start.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (!is_blank(line)) lines.push_back({number, std::string(line)});
    start.remove_prefix(end == std::string_view::npos ? start.size() : end + 1);
  }
  return lines;
}

std::size_t count_outside_quotes(std::string_view line, char wanted) {
  std::size_t count = 0;
  bool in_quotes = false;
  for (const char character : line) {
    if (character == '"') in_quotes = !in_quotes;
    if (!in_quotes && character == wanted) ++count;
  }
  return count;
}

/// How well a delimiter cuts the lines: in how many it occurs, in how many as often as in the first, and how often
/// there.
struct Claim {
  std::size_t present = 0;
  std::size_t equal = 0;
  std::size_t count = 0;

  Claim(const std::vector<Line>& lines, char delimiter) {
    count = count_outside_quotes(lines.front().text, delimiter);
    for (const Line& line : lines) {
      const std::size_t here = count_outside_quotes(line.text, delimiter);
      if (here > 0) ++present;
      if (here > 0 && here == count) ++equal;
    }
  }
  [[nodiscard]] bool is_less(const Claim& other) const {
    return std::array{equal, present, count} < std::array{other.equal, other.present, other.count};
  }
};

/// 0 where no line has any of them.
char find_delimiter(const std::vector<Line>& lines) {
  char best = 0;
  Claim most({{0, ""}}, ',');
  for (const char delimiter : kDelimiters) {
    const Claim claim(lines, delimiter);
    // One that is not in the first line cuts nothing.
    if (claim.count == 0 || !most.is_less(claim)) continue;
    most = claim;
    best = delimiter;
  }
  return best;
}

std::size_t count_fields(std::string line, const CsvForm& form) {
  if (form.blanks) squeeze_blanks(line);
  return line.empty() ? 0 : count_outside_quotes(line, form.delimiter) + 1;
}

/// "-1 3:1 11:0.5": a label, and features by their numbers.
bool is_libsvm(std::string_view line) {
  std::size_t pairs = 0;
  for (bool first = true; !line.empty(); first = false) {
    const std::size_t end = std::min(line.find_first_of(" \t"), line.size());
    const std::string_view word = line.substr(0, end);
    line.remove_prefix(std::min(line.size(), end + 1));
    if (word.empty()) continue;
    if (first) {
      if (!parse_number(word)) return false;
      continue;
    }
    const std::size_t colon = word.find(':');
    if (colon == std::string_view::npos || !parse_number(word.substr(0, colon)) ||
        !parse_number(word.substr(colon + 1)))
      return false;
    ++pairs;
  }
  return pairs > 0;
}

}  // namespace

void unwrap(std::string& line) {
  if (line.size() < 2 || line.front() != '"' || line.back() != '"') return;
  std::string inner;
  for (std::size_t at = 1; at + 1 < line.size(); ++at) {
    if (line[at] == '"') {
      // A single quote ends a field: the line has several.
      if (at + 2 >= line.size() || line[at + 1] != '"') return;
      ++at;
    }
    inner += line[at];
  }
  line = std::move(inner);
}

void squeeze_blanks(std::string& line) {
  std::size_t to = 0;
  bool in_quotes = false;
  bool waiting = false;
  for (const char character : line) {
    if (!in_quotes && (character == ' ' || character == '\t')) {
      waiting = true;
      continue;
    }
    if (waiting && to > 0) line[to++] = '\t';  // there is room: at least one blank was left out
    waiting = false;
    if (character == '"') in_quotes = !in_quotes;
    line[to++] = character;
  }
  line.resize(to);
}

CsvForm complete_form(CsvForm form, std::string_view start) {
  if (start.find('\n') == std::string_view::npos && start.find('\r') != std::string_view::npos) form.line_end = '\r';
  std::vector<Line> lines = first_lines(start, form.line_end);
  const auto is_comment = [&](const Line& line) { return form.comment != 0 && line.text.front() == form.comment; };
  std::vector<Line> records;
  Line last_comment;
  for (const Line& line : lines) {
    if (is_comment(line) && records.empty()) last_comment = line;
    if (!is_comment(line) && records.size() < kLinesSeen) records.push_back(line);
  }
  if (records.empty()) {
    if (form.delimiter == 0) form.delimiter = ',';
    return form;
  }
  if (form.delimiter == 0) {
    char found = find_delimiter(records);
    if (found == 0 || Claim(records, found).present == 1) {
      std::vector<Line> inner = records;
      for (Line& line : inner) unwrap(line.text);
      if (const char within = find_delimiter(inner); within != 0 && inner.front().text != records.front().text) {
        form.wrapped = true;
        records = std::move(inner);
        found = within;
      }
    }
    form.blanks = found == 0 && trimmed(records.front().text).find_first_of(" \t") != std::string_view::npos;
    form.delimiter = form.blanks ? '\t' : found == 0 ? ',' : found;
  }
  if (last_comment.number != 0) {
    std::string names = last_comment.text.substr(1);
    const std::size_t fields = count_fields(records.front().text, form);
    if (fields > 1 && count_fields(names, form) == fields) form.commented_header = last_comment.number;
  }
  return form;
}

OtherTextFormat other_text_format(std::string_view start, const std::string& path) {
  const std::vector<Line> lines = first_lines(start, '\n');
  const auto first =
      std::find_if(lines.begin(), lines.end(), [](const Line& line) { return !line.text.starts_with('%'); });
  if (first == lines.end()) return {};
  const std::string csv = path.substr(0, std::min(path.rfind('.'), path.size())) + ".csv";
  std::string word = first->text.substr(0, 9);
  std::transform(word.begin(), word.end(), word.begin(),
                 [](char letter) { return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter + 32) : letter; });
  if (word == "@relation")
    return {"ARFF", "sed '1,/^@[Dd][Aa][Tt][Aa]/d' " + shell_word(path) + " > " + shell_word(csv)};
  if (std::all_of(lines.begin(), lines.end(), [](const Line& line) { return is_libsvm(line.text); }))
    return {"LIBSVM",
            "awk 'NR==FNR{for(i=2;i<=NF;i++){split($i,p,\":\");if(p[1]+0>m)m=p[1]+0};next}"
            "{split(\"\",v);for(i=2;i<=NF;i++){split($i,p,\":\");v[p[1]+0]=p[2]};"
            "for(j=1;j<=m;j++)printf \"%s,\",v[j]+0;print $1}' " +
                shell_word(path) + " " + shell_word(path) + " > " + shell_word(csv)};
  return {};
}

}  // namespace reluscope
