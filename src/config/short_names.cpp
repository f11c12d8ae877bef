#include "config/short_names.hpp"

#include <algorithm>
#include <map>
#include <set>

namespace reluscope {

namespace {

/// The words of a key that say something, each of letters, digits and '_'.
std::vector<std::string> words_of(const std::string& key) {
  std::vector<std::string> words(1);
  for (const char letter : key) {
    const bool allowed = (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') ||
                         (letter >= '0' && letter <= '9') || letter == '_';
    if (letter == '.') {
      words.emplace_back();
    } else if (allowed) {
      words.back() += letter;
    } else if (letter == '-') {
      words.back() += '_';
    }
  }
  std::erase(words, "");  // "*" stands for all
  // What a choice is called is the choice: network.layers.0.activation.name.
  while (words.size() > 1 && (words.back() == "name" || words.back() == "kind" || words.back() == "type"))
    words.pop_back();
  if (words.empty()) words.emplace_back("key");
  return words;
}

bool begins_with_digit(const std::string& word) { return word.front() >= '0' && word.front() <= '9'; }

/// The last `count` words, or more: no language takes a digit at the start of a name.
std::string tail(const std::vector<std::string>& words, std::size_t count) {
  std::size_t first = words.size() - std::min(count, words.size());
  while (first > 0 && begins_with_digit(words[first])) --first;
  std::string name = begins_with_digit(words[first]) ? "key" : "";
  for (std::size_t at = first; at < words.size(); ++at) name += (name.empty() ? "" : "_") + words[at];
  return name;
}

}  // namespace

std::vector<std::string> short_names(std::span<const std::string> keys, std::span<const std::string> taken) {
  std::vector<std::vector<std::string>> words;
  for (const std::string& key : keys) words.push_back(words_of(key));
  std::set<std::string> used(taken.begin(), taken.end());
  std::vector<std::size_t> counts(keys.size(), 1);
  std::vector<std::string> names(keys.size());
  // A word more for whatever is not alone, until there are no more.
  for (bool changed = true; changed;) {
    changed = false;
    std::map<std::string, int> often;
    for (std::size_t at = 0; at < keys.size(); ++at) ++often[names[at] = tail(words[at], counts[at])];
    for (std::size_t at = 0; at < keys.size(); ++at)
      if ((often[names[at]] > 1 || used.contains(names[at])) && counts[at] < words[at].size()) {
        ++counts[at];
        changed = true;
      }
  }
  // Keys that differ in what no name can hold.
  std::map<std::string, int> numbers;
  for (std::string& name : names) {
    const std::string first = name;
    while (!used.insert(name).second)
      name = first + "_" + std::to_string(++numbers.try_emplace(first, 1).first->second);
  }
  return names;
}

}  // namespace reluscope
