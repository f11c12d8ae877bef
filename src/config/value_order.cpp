#include "config/value_order.hpp"

#include <algorithm>
#include <map>

#include "data/cells.hpp"

namespace reluscope {

std::vector<std::size_t> value_ranks(std::span<const std::string> values) {
  std::map<std::string, std::size_t> places;
  std::vector<std::string> distinct;
  for (const std::string& value : values)
    if (places.try_emplace(value, 0).second) distinct.push_back(value);
  if (std::all_of(distinct.begin(), distinct.end(),
                  [](const std::string& one) { return parse_number(one).has_value(); }))
    std::stable_sort(distinct.begin(), distinct.end(), [](const std::string& left, const std::string& right) {
      return *parse_number(left) < *parse_number(right);
    });
  for (std::size_t place = 0; place < distinct.size(); ++place) places[distinct[place]] = place;
  std::vector<std::size_t> ranks;
  for (const std::string& value : values) ranks.push_back(places.at(value));
  return ranks;
}

}  // namespace reluscope
