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

/// A tab is a space here, one column wide: else the caret would not stand below its place.
std::string shown_text(std::string text) {
  std::replace(text.begin(), text.end(), '\t', ' ');
  return printable(text);
}

}  // namespace

std::string TextPlace::numbers() const { return std::to_string(line) + ":" + std::to_string(column); }

TextPlace place_in(std::string_view text, std::size_t from, std::size_t length) {
  if (text.starts_with(kUtf8Mark)) {
    text.remove_prefix(kUtf8Mark.size());
    from -= std::min(from, kUtf8Mark.size());
  }
  from = std::min(from, text.size());
  TextPlace place;
  std::string_view before = text.substr(0, from);
  place.line = 1 + static_cast<std::uint64_t>(std::count(before.begin(), before.end(), '\n'));
  if (const std::size_t last = before.rfind('\n'); last != std::string_view::npos) before.remove_prefix(last + 1);
  place.column = count_characters(before) + 1;
  std::string_view rest = text.substr(from);
  rest = rest.substr(0, rest.find('\n'));
  if (rest.ends_with('\r')) rest.remove_suffix(1);
  const std::size_t first = bytes_of_last(before, kMostShown);
  place.is_cut = first > 0;
  place.before = std::string(before.substr(first));
  const std::string shown = first_characters(rest, kMostShown + 1);
  place.marked = shown.substr(0, length);
  place.after = shown.substr(place.marked.size());
  return place;
}

std::string excerpt(const TextPlace& place) {
  std::string lead = shown_text(place.before);
  std::string marked = shown_text(first_characters(place.marked, kMostShown - kShownBefore));
  if (place.is_cut || count_characters(lead) + count_characters(marked) > kMostShown)
    lead = "…" + lead.substr(bytes_of_last(lead, kShownBefore));
  std::string rest = shown_text(place.after);
  const std::size_t used = count_characters(lead) + count_characters(marked);
  const std::string fits = first_characters(rest, used < kMostShown ? kMostShown - used : 0);
  rest = fits.size() < rest.size() ? fits + "…" : fits;
  const std::string number = std::to_string(place.line);
  return "\n  " + number + " | " + lead + marked + rest + "\n  " + std::string(number.size(), ' ') + " | " +
         std::string(count_characters(lead), ' ') +
         std::string(std::max<std::size_t>(1, count_characters(marked)), '^');
}

std::string help_line(std::string_view help) { return help.empty() ? "" : "\n  help: " + std::string(help); }

}  // namespace reluscope
