#include "report/terminal.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>

#include "util/format.hpp"

namespace reluscope {

namespace {

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

std::string padded_cell(const std::string& cell, std::size_t width, bool left) {
  const std::string space(width - std::min(width, code_points(cell)), ' ');
  return left ? cell + space : space + cell;
}

}  // namespace

bool is_terminal(int descriptor) {
  const std::string term = environment("TERM");
  return ::isatty(descriptor) == 1 && !term.empty() && term != "dumb";
}

bool wants_color(int descriptor) { return is_terminal(descriptor) && environment("NO_COLOR").empty(); }

std::size_t terminal_width(int descriptor) {
  winsize size{};
  if (::ioctl(descriptor, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  return 80;
}

bool locale_is_utf8() {
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    std::string value = environment(name);
    if (value.empty()) continue;
    std::transform(value.begin(), value.end(), value.begin(),
                   [](unsigned char letter) { return static_cast<char>(std::toupper(letter)); });
    return value.find("UTF-8") != std::string::npos || value.find("UTF8") != std::string::npos;
  }
  return false;
}

std::size_t code_points(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char byte) { return (byte & 0xC0) != 0x80; }));
}

std::string wrap(std::string_view text, std::size_t width, std::string_view indent) {
  std::string out;
  std::size_t column = 0;
  bool line_is_empty = true;
  for (std::size_t at = 0; at < text.size();) {
    if (text[at] == '\n') {
      out.append("\n").append(indent);
      column = code_points(indent);
      line_is_empty = true;
      ++at;
      continue;
    }
    const std::size_t begin = text.find_first_not_of(' ', at);
    if (begin == std::string_view::npos) break;
    if (text[begin] == '\n') {
      at = begin;
      continue;
    }
    const std::size_t end = std::min(text.find_first_of(" \n", begin), text.size());
    const std::string_view word = text.substr(begin, end - begin);
    // Blanks in front of a line are the writer's indent.
    const std::size_t gap = line_is_empty ? begin - at : std::min<std::size_t>(1, begin - at);
    if (!line_is_empty && column + gap + code_points(word) > width) {
      out.append("\n").append(indent).append(word);
      column = code_points(indent) + code_points(word);
    } else {
      out.append(gap, ' ').append(word);
      column += gap + code_points(word);
    }
    line_is_empty = false;
    at = end;
  }
  return out;
}

std::string wrap_message(std::string_view text) {
  constexpr std::string_view kName = "reluscope: ";
  if (!is_terminal(STDERR_FILENO)) return std::string(text);
  return wrap(text, terminal_width(STDERR_FILENO) - kName.size(), "  ");
}

std::string format_table(const std::vector<std::string>& header, std::vector<std::vector<std::string>> rows,
                         std::size_t left_aligned, TableStyle style) {
  for (auto& row : rows)
    for (std::string& cell : row) cell = printable(cell);
  std::vector<std::size_t> widths;
  for (std::size_t column = 0; column < header.size(); ++column) {
    std::size_t width = std::max<std::size_t>(code_points(header[column]), style == TableStyle::markdown ? 3 : 1);
    for (const auto& row : rows) width = std::max(width, code_points(row[column]));
    widths.push_back(width);
  }
  const bool markdown = style == TableStyle::markdown;
  std::string text;
  const auto append_row = [&](const std::vector<std::string>& cells) {
    std::string line = markdown ? "| " : "";
    for (std::size_t column = 0; column < cells.size(); ++column) {
      if (column > 0) line += markdown ? " | " : "  ";
      line += padded_cell(cells[column], widths[column], column < left_aligned);
    }
    if (markdown) line += " |";
    while (!line.empty() && line.back() == ' ') line.pop_back();
    text += line + '\n';
  };
  append_row(header);
  if (markdown) {
    text += '|';
    for (std::size_t column = 0; column < widths.size(); ++column)
      text += column < left_aligned ? ' ' + std::string(widths[column], '-') + " |"
                                    : ' ' + std::string(widths[column] - 1, '-') + ": |";
    text += '\n';
  }
  for (const auto& row : rows) append_row(row);
  return text;
}

std::string format_table(std::vector<std::string> header, std::vector<std::vector<std::string>> rows,
                         std::size_t left_aligned, TableStyle style, std::size_t width,
                         const std::vector<std::string>& dropped) {
  std::string text = format_table(header, rows, left_aligned, style);
  const auto is_too_wide = [&] {
    std::size_t widest = 0;
    for (std::size_t first = 0; first < text.size();) {
      const std::size_t end = text.find('\n', first);
      widest = std::max(widest, code_points(std::string_view(text).substr(first, end - first)));
      first = end + 1;
    }
    return widest > width;
  };
  for (auto next = dropped.begin(); style == TableStyle::plain && next != dropped.end() && is_too_wide(); ++next) {
    const auto found = std::find(header.begin(), header.end(), *next);
    if (found == header.end()) continue;
    const auto column = found - header.begin();
    header.erase(found);
    for (std::vector<std::string>& row : rows) row.erase(row.begin() + column);
    if (static_cast<std::size_t>(column) < left_aligned) --left_aligned;
    text = format_table(header, rows, left_aligned, style);
  }
  return text;
}

}  // namespace reluscope
