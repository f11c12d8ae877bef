#include "util/excerpt.hpp"

#include <algorithm>

#include "util/format.hpp"

namespace reluscope {

namespace {

/// Characters of a line that are shown, and those of them before the place where the line is long.
constexpr std::size_t kMostShown = 72;
constexpr std::size_t kShownBefore = 30;

bool continues_character(char byte) { return (static_cast<unsigned char>(byte) & 0xC0U) == 0x80U; }

std::size_t count_characters(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char b) { return !continues_character(b); }));
}

/// The bytes before the first `characters` of the text, from the end of it.
std::size_t bytes_of_last(std::string_view text, std::size_t characters) {
  std::size_t at = text.size();
  while (at > 0 && characters > 0)
    if (!continues_character(text[--at])) --characters;
  return at;
}

}  // namespace

std::size_t TextPlace::column() const { return count_characters(std::string_view(text).substr(0, byte)) + 1; }

std::string TextPlace::numbers() const { return std::to_string(line) + ":" + std::to_string(column()); }

TextPlace place_in(std::string_view text, std::size_t from, std::size_t length) {
  from = std::min(from, text.size());
  TextPlace place;
  const std::string_view before = text.substr(0, from);
  place.line = 1 + static_cast<std::uint64_t>(std::count(before.begin(), before.end(), '\n'));
  const std::size_t last = before.rfind('\n');
  const std::size_t start = last == std::string_view::npos ? 0 : last + 1;
  std::size_t end = std::min(text.find('\n', from), text.size());
  if (end > start && text[end - 1] == '\r') --end;
  place.text = std::string(text.substr(start, end - start));
  place.byte = std::min(from - start, place.text.size());
  place.length = std::min(length, place.text.size() - place.byte);
  return place;
}

std::string excerpt(const TextPlace& place) {
  const std::string_view line = place.text;
  const std::size_t byte = std::min(place.byte, line.size());
  std::size_t first = 0;
  if (count_characters(line.substr(0, byte)) + std::min<std::size_t>(place.length, kMostShown - kShownBefore) >
      kMostShown)
    first = bytes_of_last(line.substr(0, byte), kShownBefore);
  const std::string shown = first_characters(line.substr(first), kMostShown);
  const bool is_cut = first + shown.size() < line.size();
  const std::string number = std::to_string(place.line);
  // A tab is one column here: else the caret would not stand below its place.
  const auto clean = [](std::string_view text) { return printable(text); };
  const std::string lead = (first > 0 ? "…" : "") + clean(std::string_view(shown).substr(0, byte - first));
  const std::string marked = clean(std::string_view(shown).substr(byte - first, place.length));
  const std::string rest =
      clean(std::string_view(shown).substr(std::min(shown.size(), byte - first + place.length))) + (is_cut ? "…" : "");
  return "\n  " + number + " | " + lead + marked + rest + "\n  " + std::string(number.size(), ' ') + " | " +
         std::string(count_characters(lead), ' ') +
         std::string(std::max<std::size_t>(1, count_characters(marked)), '^');
}

std::string help_line(std::string_view help) { return help.empty() ? "" : "\n  help: " + std::string(help); }

}  // namespace reluscope
