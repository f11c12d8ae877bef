#pragma once

#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace reluscope::test {

inline bool contains(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

/// The same of sentences for people, wherever their lines are broken.
inline bool says(std::string_view text, std::string_view part) {
  const auto unbroken = [](std::string_view words) {
    std::string joined;
    for (const char letter : words) {
      const char one = letter == '\n' ? ' ' : letter;
      if (one != ' ' || (!joined.empty() && joined.back() != ' ')) joined += one;
    }
    return joined;
  };
  return contains(unbroken(text), unbroken(part));
}

inline std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

}  // namespace reluscope::test
