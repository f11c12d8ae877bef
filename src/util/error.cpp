#include "util/error.hpp"

#include "util/format.hpp"

namespace reluscope {

namespace {

/// Longest line, and what is kept of a longer one at either end.
constexpr std::size_t kMostLineBytes = 1000;
constexpr std::size_t kKeptStart = 600;
constexpr std::size_t kKeptEnd = 300;

void append_clean_line(std::string& to, std::string_view line) {
  if (line.size() <= kMostLineBytes) {
    to += printable(line);
    return;
  }
  // Between characters: no byte that goes on with one is next to a cut.
  const auto boundary = [&](std::size_t at) {
    while (at < line.size() && (static_cast<unsigned char>(line[at]) & 0xC0U) == 0x80U) ++at;
    return at;
  };
  to += printable(line.substr(0, boundary(kKeptStart)));
  to += " … ";
  to += printable(line.substr(boundary(line.size() - kKeptEnd)));
}

}  // namespace

std::string clean_message(std::string_view message) {
  std::string clean;
  while (true) {
    const std::size_t end = message.find('\n');
    append_clean_line(clean, message.substr(0, end));
    if (end == std::string_view::npos) return clean;
    clean += '\n';
    message.remove_prefix(end + 1);
  }
}

}  // namespace reluscope
