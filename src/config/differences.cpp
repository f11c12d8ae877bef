#include "config/differences.hpp"

#include <algorithm>
#include <array>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

#include "util/format.hpp"

namespace reluscope {

namespace {

using Json = nlohmann::ordered_json;

/// What each config has at a place; nullptr: nothing.
using ValuesThere = std::vector<const Json*>;

struct DifferingPlace {
  std::vector<std::string> words;
  std::vector<bool> is_index;  ///< of each word: it counts the values of a list
  ValuesThere values;
};

constexpr std::array<std::string_view, 3> kNoDifferences = {"name", "seed", "$schema"};
/// The key of an object that says which option it is; a layer has a type, and a name of its own.
constexpr std::array<const char*, 3> kChoices = {"kind", "type", "name"};

bool is_list_of_places(const Json& value) {
  return value.is_array() &&
         std::any_of(value.begin(), value.end(), [](const Json& one) { return one.is_structured(); });
}

bool is_equal(const Json* left, const Json* right) {
  return left == nullptr || right == nullptr ? left == right : *left == *right;
}

bool are_equal(const ValuesThere& values) {
  return std::all_of(values.begin(), values.end(), [&](const Json* one) { return is_equal(one, values.front()); });
}

const Json* member_of(const Json* object, const std::string& key) {
  if (object == nullptr || !object->is_object()) return nullptr;
  const auto found = object->find(key);
  return found == object->end() ? nullptr : &*found;
}

ValuesThere members_of(const ValuesThere& objects, const std::string& key) {
  ValuesThere members;
  for (const Json* object : objects) members.push_back(member_of(object, key));
  return members;
}

std::string text_of_value(const Json* value) {
  if (value == nullptr) return "";
  return value->is_string() ? value->get<std::string>() : value->dump(-1, ' ', false, Json::error_handler_t::replace);
}

/// Goes through all configs at once, and notes where they differ.
class DifferenceFinder {
 public:
  void look_at(const ValuesThere& values) {
    if (are_equal(values)) return;
    const std::size_t first = found_.size();
    look_into_objects(values);
    if (!words_.empty()) leave_out_foreign_parameters(values, first);
    look_into_lists(values);
    note_plain_values(values);
  }
  [[nodiscard]] std::vector<DifferingPlace> take() { return std::move(found_); }

 private:
  void look_at_child(const std::string& word, bool is_index, const ValuesThere& values) {
    words_.push_back(word);
    is_index_.push_back(is_index);
    look_at(values);
    words_.pop_back();
    is_index_.pop_back();
  }

  void look_into_objects(const ValuesThere& values) {
    std::vector<std::string> keys;
    for (const Json* value : values)
      if (value != nullptr && value->is_object())
        for (const auto& [key, member] : value->items())
          if (std::find(keys.begin(), keys.end(), key) == keys.end()) keys.push_back(key);
    for (const std::string& key : keys) {
      const bool is_left_out =
          words_.empty() && std::find(kNoDifferences.begin(), kNoDifferences.end(), key) != kNoDifferences.end();
      if (!is_left_out) look_at_child(key, false, members_of(values, key));
    }
  }

  void look_into_lists(const ValuesThere& values) {
    std::size_t size = 0;
    for (const Json* value : values)
      if (value != nullptr && is_list_of_places(*value)) size = std::max(size, value->size());
    for (std::size_t at = 0; at < size; ++at) {
      ValuesThere there;
      for (const Json* value : values)
        there.push_back(value != nullptr && is_list_of_places(*value) && at < value->size() ? &(*value)[at] : nullptr);
      look_at_child(std::to_string(at), true, there);
    }
  }

  void note_plain_values(const ValuesThere& values) {
    ValuesThere plain;
    for (const Json* value : values)
      plain.push_back(value != nullptr && !value->is_object() && !is_list_of_places(*value) ? value : nullptr);
    if (!are_equal(plain)) found_.push_back({words_, is_index_, std::move(plain)});
  }

  /// Of the places found from `first` on, which are in these objects: that an option has other parameters than another
  /// one is said by its name.
  void leave_out_foreign_parameters(const ValuesThere& objects, std::size_t first) {
    for (const char* key : kChoices) {
      const ValuesThere options = members_of(objects, key);
      if (std::all_of(options.begin(), options.end(), [](const Json* option) { return option == nullptr; })) continue;
      if (are_equal(options)) return;
      const auto is_foreign = [&](const DifferingPlace& place) {
        if (place.words.back() == key && place.words.size() == words_.size() + 1) return false;
        if (std::find(place.values.begin(), place.values.end(), nullptr) == place.values.end()) return false;
        std::map<std::string, const Json*> seen;
        for (std::size_t config = 0; config < options.size(); ++config) {
          const auto [same, is_new] = seen.try_emplace(text_of_value(options[config]), place.values[config]);
          if (!is_new && !is_equal(same->second, place.values[config])) return false;
        }
        return true;
      };
      found_.erase(std::remove_if(found_.begin() + static_cast<std::ptrdiff_t>(first), found_.end(), is_foreign),
                   found_.end());
      return;
    }
  }

  std::vector<std::string> words_;
  std::vector<bool> is_index_;
  std::vector<DifferingPlace> found_;
};

bool differ_alike(const DifferingPlace& left, const DifferingPlace& right) {
  return std::equal(left.values.begin(), left.values.end(), right.values.begin(), is_equal);
}

/// Makes one of the places that differ in the index at `depth` alone, if all of them differ in the same way.
void join_list_places(std::vector<DifferingPlace>& places, std::size_t depth) {
  std::map<std::vector<std::string>, std::vector<std::size_t>> lists;
  for (std::size_t at = 0; at < places.size(); ++at) {
    if (places[at].words.size() <= depth || !places[at].is_index[depth]) continue;
    std::vector<std::string> words = places[at].words;
    words[depth] = "*";
    lists[std::move(words)].push_back(at);
  }
  std::vector<bool> is_joined(places.size(), false);
  for (const auto& [words, members] : lists) {
    const DifferingPlace& first = places[members.front()];
    const bool all = std::all_of(members.begin(), members.end(),
                                 [&](std::size_t member) { return differ_alike(places[member], first); });
    if (members.size() < 2 || !all) continue;
    places[members.front()].words = words;
    for (std::size_t at = 1; at < members.size(); ++at) is_joined[members[at]] = true;
  }
  std::vector<DifferingPlace> rest;
  for (std::size_t at = 0; at < places.size(); ++at)
    if (!is_joined[at]) rest.push_back(std::move(places[at]));
  places = std::move(rest);
}

}  // namespace

std::vector<ConfigDifference> config_differences(std::span<const Json> configs) {
  ValuesThere known;
  for (const Json& config : configs)
    if (config.is_object()) known.push_back(&config);
  if (known.empty()) return {};
  DifferenceFinder finder;
  finder.look_at(known);
  std::vector<DifferingPlace> places = finder.take();
  std::size_t deepest = 0;
  for (const DifferingPlace& place : places) deepest = std::max(deepest, place.words.size());
  while (deepest > 0) join_list_places(places, --deepest);

  std::vector<ConfigDifference> differences;
  for (const DifferingPlace& place : places) {
    ConfigDifference difference{joined(place.words, "."), {}};
    auto value = place.values.begin();
    for (const Json& config : configs) difference.values.push_back(config.is_object() ? text_of_value(*value++) : "");
    differences.push_back(std::move(difference));
  }
  return differences;
}

}  // namespace reluscope
