#include "nn/graph.hpp"

#include <algorithm>
#include <stdexcept>
#include <string>
#include <utility>

namespace reluscope {

Graph::Graph(std::vector<std::vector<std::size_t>> inputs) : inputs_(std::move(inputs)), readers_(inputs_.size()) {
  for (std::size_t node = 0; node < inputs_.size(); ++node) {
    const std::string name = "node " + std::to_string(node);
    if (inputs_[node].empty()) throw std::logic_error(name + " has no inputs");
    for (const std::size_t input : inputs_[node]) {
      if (input == kNetworkInput) continue;
      if (input >= node) throw std::logic_error(name + " comes before its input " + std::to_string(input));
      readers_[input].push_back(node);
    }
  }
  for (std::size_t node = 0; node + 1 < inputs_.size(); ++node)
    if (readers_[node].empty()) throw std::logic_error("node " + std::to_string(node) + " feeds nothing");
}

bool Graph::is_chain(std::size_t nodes) const {
  for (std::size_t node = 0; node < nodes; ++node)
    if (inputs_[node] != std::vector<std::size_t>{node == 0 ? kNetworkInput : node - 1}) return false;
  return true;
}

std::vector<bool> Graph::ancestors_of(std::size_t node) const {
  std::vector<bool> found(inputs_.size());
  found[node] = true;
  for (std::size_t at = node + 1; at-- > 0;)
    if (found[at])
      for (const std::size_t input : inputs_[at])
        if (input != kNetworkInput) found[input] = true;
  return found;
}

std::vector<bool> Graph::reach(const std::vector<bool>& ends, const std::vector<bool>& blocked) const {
  std::vector<bool> reach = ends;
  for (std::size_t node = inputs_.size(); node-- > 0;)
    if (!reach[node] && !blocked[node])
      reach[node] = std::any_of(readers_[node].begin(), readers_[node].end(),
                                [&](std::size_t reader) { return static_cast<bool>(reach[reader]); });
  return reach;
}

bool Graph::input_reaches_output(const std::vector<bool>& blocked) const {
  std::vector<bool> output(inputs_.size());
  output.back() = !blocked.back();
  const std::vector<bool> on_way = reach(output, blocked);
  for (std::size_t node = 0; node < inputs_.size(); ++node)
    if (on_way[node] && std::find(inputs_[node].begin(), inputs_[node].end(), kNetworkInput) != inputs_[node].end())
      return true;
  return false;
}

}  // namespace reluscope
