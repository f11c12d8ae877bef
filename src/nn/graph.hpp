#pragma once
// Who feeds whom: the network's nodes in an order in which each comes after its inputs. The last one is the output.

#include <cstddef>
#include <span>
#include <vector>

namespace reluscope {

/// Among a node's inputs: the network's own.
inline constexpr std::size_t kNetworkInput = static_cast<std::size_t>(-1);

class Graph {
 public:
  Graph() = default;
  /// `inputs` of each node. Throws std::logic_error for an input that is no earlier node, a node without inputs, and
  /// one that feeds nothing though it is not the last.
  explicit Graph(std::vector<std::vector<std::size_t>> inputs);

  [[nodiscard]] std::size_t size() const { return inputs_.size(); }
  [[nodiscard]] std::span<const std::size_t> inputs_of(std::size_t node) const { return inputs_[node]; }
  /// The nodes that read a node's output; one that reads it twice is there twice.
  [[nodiscard]] std::span<const std::size_t> readers_of(std::size_t node) const { return readers_[node]; }
  /// Whether each of the first `nodes` nodes reads the one before it, and nothing else.
  [[nodiscard]] bool is_chain(std::size_t nodes) const;
  /// Of each node: whether `node` depends on it. It does on itself.
  [[nodiscard]] std::vector<bool> ancestors_of(std::size_t node) const;
  /// Of each node: whether it is among `ends`, or there is a way from it to one of them on which no node is `blocked`
  /// but the last, perhaps.
  [[nodiscard]] std::vector<bool> reach(const std::vector<bool>& ends, const std::vector<bool>& blocked) const;
  /// Whether there is a way from the network's input to its output on which no node is `blocked`.
  [[nodiscard]] bool input_reaches_output(const std::vector<bool>& blocked) const;

 private:
  std::vector<std::vector<std::size_t>> inputs_;
  std::vector<std::vector<std::size_t>> readers_;
};

}  // namespace reluscope
