#include "util/nearest.hpp"

#include <algorithm>
#include <vector>

namespace reluscope {

std::size_t edit_distance(std::string_view left, std::string_view right) {
  std::vector<std::size_t> before_last(right.size() + 1);
  std::vector<std::size_t> last(right.size() + 1);
  std::vector<std::size_t> row(right.size() + 1);
  for (std::size_t column = 0; column <= right.size(); ++column) row[column] = column;
  for (std::size_t i = 1; i <= left.size(); ++i) {
    before_last.swap(last);
    last.swap(row);
    row[0] = i;
    for (std::size_t j = 1; j <= right.size(); ++j) {
      const std::size_t substitution = last[j - 1] + (left[i - 1] == right[j - 1] ? 0 : 1);
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, substitution});
      if (i > 1 && j > 1 && left[i - 1] == right[j - 2] && left[i - 2] == right[j - 1])
        row[j] = std::min(row[j], before_last[j - 2] + 1);
    }
  }
  return row[right.size()];
}

std::string bare_name(std::string_view name) {
  std::string bare;
  for (const char letter : name)
    if (letter >= 'A' && letter <= 'Z') {
      bare += static_cast<char>(letter - 'A' + 'a');
    } else if (letter != '_' && letter != '-' && letter != ' ') {
      bare += letter;
    }
  return bare;
}

std::optional<std::string> nearest_name(std::string_view word, std::span<const std::string> candidates) {
  constexpr std::size_t kLongestWord = 64;  // longer ones are no slip of the finger
  if (word.empty() || word.size() > kLongestWord) return std::nullopt;
  const std::string* best = nullptr;
  std::size_t best_distance = 0;
  const std::string bare = bare_name(word);
  for (const std::string& candidate : candidates)
    if (!bare.empty() && candidate.size() <= kLongestWord && bare_name(candidate) == bare) return candidate;
  for (const std::string& candidate : candidates) {
    const std::size_t longer = std::max(word.size(), candidate.size());
    std::size_t distance = edit_distance(word, candidate);
    const bool begins =
        word.size() >= 3 && candidate.size() >= 3 && (candidate.starts_with(word) || word.starts_with(candidate));
    if (distance > std::max<std::size_t>(1, longer / 3) && !begins) continue;
    if (distance == longer) continue;  // nothing in common
    if (best == nullptr || distance < best_distance) {
      best = &candidate;
      best_distance = distance;
    }
  }
  return best == nullptr ? std::nullopt : std::optional(*best);
}

}  // namespace reluscope
