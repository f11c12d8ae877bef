#pragma once
// Windows that slide over the positions of a sample: those of convolutions and pools.

#include "nn/shape.hpp"

namespace reluscope {

/// Positions along one side. `low` and `high`: of what is padded before the first and after the last.
struct WindowSide {
  Index input = 1;
  Index kernel = 1;
  Index stride = 1;
  Index low = 0;
  Index high = 0;
  /// Places that the window takes; below 1: it does not fit.
  [[nodiscard]] Index places() const {
    const Index room = input + low + high - kernel;
    return room < 0 ? 0 : room / stride + 1;
  }
};

/// A square window.
struct Window {
  Index channels = 1;  ///< of the input
  WindowSide rows;
  WindowSide columns;

  Window() = default;
  Window(const Shape& input, Index kernel, Index stride, Index low, Index high)
      : channels(input.channels),
        rows{input.height, kernel, stride, low, high},
        columns{input.width, kernel, stride, low, high} {}
  [[nodiscard]] Index size() const { return rows.kernel * columns.kernel; }
  [[nodiscard]] Index input_positions() const { return rows.input * columns.input; }
  [[nodiscard]] Index places() const { return rows.places() * columns.places(); }
  [[nodiscard]] bool pads() const { return rows.low + rows.high + columns.low + columns.high > 0; }
  /// Places that see a position, at most.
  [[nodiscard]] Index overlap() const {
    const auto side = [](const WindowSide& one) { return (one.kernel + one.stride - 1) / one.stride; };
    return side(rows) * side(columns);
  }
  /// Whether it is the input's positions, one by one.
  [[nodiscard]] bool is_identity() const { return size() == 1 && rows.stride == 1 && columns.stride == 1 && !pads(); }

  /// Calls visit(position of the input, place in the window) for what the window sees from its `place`-th place; what
  /// is padded is left out.
  template <class Visit>
  void look(Index place, Visit visit) const {
    const Index top = place / columns.places() * rows.stride - rows.low;
    const Index left = place % columns.places() * columns.stride - columns.low;
    for (Index row = 0; row < rows.kernel; ++row) {
      const Index y = top + row;
      if (y < 0 || y >= rows.input) continue;
      for (Index column = 0; column < columns.kernel; ++column) {
        const Index x = left + column;
        if (x >= 0 && x < columns.input) visit(y * columns.input + x, row * columns.kernel + column);
      }
    }
  }
};

}  // namespace reluscope
