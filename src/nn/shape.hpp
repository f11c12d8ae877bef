#pragma once

#include "nn/matrix.hpp"

namespace reluscope {

/// What one sample is like somewhere in a network. A vector of features is so many channels of one position.
struct Shape {
  Index channels = 1;
  Index height = 1;
  Index width = 1;

  Shape() = default;
  Shape(Index channel_count, Index rows = 1, Index columns = 1)  // NOLINT(google-explicit-constructor): a vector
      : channels(channel_count), height(rows), width(columns) {}
  [[nodiscard]] Index positions() const { return height * width; }
  [[nodiscard]] Index size() const { return channels * positions(); }
  bool operator==(const Shape&) const = default;
};

}  // namespace reluscope
