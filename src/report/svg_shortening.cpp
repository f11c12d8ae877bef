#include "report/svg_shortening.hpp"

#include <charconv>
#include <string_view>

#include "util/format.hpp"

namespace reluscope {

namespace {

void replace_each(std::string& text, std::string_view from, std::string_view to) {
  std::string result;
  std::size_t done = 0;
  for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, done)) {
    result.append(text, done, at - done).append(to);
    done = at + from.size();
  }
  text = result.append(text, done);
}

/// Groups with nothing in them: "<g …></g>".
void drop_empty_groups(std::string& svg) {
  constexpr std::string_view kEnd = "</g>";
  std::string result;
  for (std::size_t at = 0; at < svg.size();) {
    const bool begins = svg.compare(at, 3, "<g ") == 0 || svg.compare(at, 3, "<g>") == 0;
    const std::size_t close = begins ? svg.find('>', at) : std::string::npos;
    const std::size_t inside =
        begins && close != std::string::npos ? svg.find_first_not_of(" \t\n", close + 1) : std::string::npos;
    if (inside != std::string::npos && svg.compare(inside, kEnd.size(), kEnd) == 0) {
      at = inside + kEnd.size();
    } else {
      result += svg[at++];
    }
  }
  svg = std::move(result);
}

bool is_number_letter(char letter) { return (letter >= '0' && letter <= '9') || letter == '.' || letter == '-'; }

/// "101.38" is 101.4, and "222.00" 222.
void append_rounded(std::string& to, std::string_view number) {
  double value = 0.0;
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), value);
  if (error != std::errc() || end != number.data() + number.size()) {
    to += number;
    return;
  }
  std::string text = format_fixed(value, 1);
  if (text.ends_with(".0")) text.resize(text.size() - 2);
  to += text == "-0" ? "0" : text;
}

/// The numbers of paths and polygons.
void round_coordinates(std::string& svg) {
  std::string result;
  for (std::size_t at = 0; at < svg.size();) {
    const bool path = svg.compare(at, 3, "d='") == 0;
    const bool polygon = svg.compare(at, 10, "points = '") == 0;
    if (!path && !polygon) {
      result += svg[at++];
      continue;
    }
    const std::size_t first = svg.find('\'', at) + 1;
    const std::size_t end = std::min(svg.find('\'', first), svg.size());
    result += path ? "d='" : "points='";
    for (std::size_t place = first; place < end;) {
      std::size_t after = place;
      while (after < end && is_number_letter(svg[after])) ++after;
      if (after > place) {
        append_rounded(result, std::string_view(svg).substr(place, after - place));
        place = after;
      } else if (svg[place] == '\n' || svg[place] == '\t' || svg[place] == ' ') {
        if (result.back() != ' ') result += ' ';
        ++place;
      } else {
        result += svg[place++];
      }
    }
    at = end;
  }
  svg = std::move(result);
}

}  // namespace

std::string shorten_svg(std::string svg) {
  replace_each(svg, " stroke-width=\"1.00\"", "");
  replace_each(svg, " stroke-linecap=\"butt\"", "");
  replace_each(svg, " stroke-linejoin=\"miter\"", "");
  replace_each(svg, " font-family=\"sans-serif\"", "");
  replace_each(svg, " font-size=\"13.00\"", "");
  replace_each(svg, " color=\"gray\"", "");
  replace_each(svg, " color=\"white\"", "");
  replace_each(svg, " class=\"gridline\"", "");
  replace_each(svg, "<g fill=\"none\"", "<g");
  replace_each(svg, "  ", " ");
  round_coordinates(svg);
  // A group in an empty one goes with it.
  for (std::size_t size = svg.size() + 1; svg.size() < size;) {
    size = svg.size();
    drop_empty_groups(svg);
  }
  replace_each(svg, "\n\n", "\n");
  replace_each(svg, "\t", "");
  const std::size_t tag = svg.find("<svg");
  if (tag != std::string::npos) svg.insert(tag + 4, " fill=\"none\" font-family=\"sans-serif\" font-size=\"13\"");
  return svg;
}

}  // namespace reluscope
