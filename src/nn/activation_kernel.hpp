#pragma once
// The fused loops around an activation function φ. A `Phi` is a small struct
//   static constexpr bool kLearnedSlope;                                // a slope per unit that is trained (prelu)
//   template <class T> Response<T> operator()(const Place<T>& at, Block<T> z) const;
//   template <class T> Block<T> margin(const Place<T>& at, Block<T> z) const;
// that works on one block of lanes: neighbouring units of one column.

#include <algorithm>
#include <array>
#include <limits>
#include <vector>

#include "nn/activation.hpp"
#include "nn/block.hpp"

namespace reluscope {

/// What φ may need besides z.
template <class T>
struct Place {
  Block<T> slope;  ///< learned slopes of the block's units
  const RandomSlopes& random;
  Index unit;    ///< first unit of the block
  Index column;  ///< in the batch
};

/// φ(z) and φ'(z).
template <class T>
struct Response {
  Block<T> a;
  Block<T> d;
};

/// A block of units in one column, as it is measured.
template <class T>
struct Measured {
  Block<T> column;  ///< its number in the batch
  Block<T> z;
  Block<T> a;
  Block<T> d;
  Block<T> margin;
};

/// Room for a value per column of a call: a shard's on the stack, so that a step allocates nothing; more on the heap.
template <class V>
class PerColumn {
 public:
  explicit PerColumn(Index columns) {
    if (columns <= kShardColumns) return;
    many_.resize(static_cast<std::size_t>(columns));
    values_ = many_.data();
  }
  PerColumn(const PerColumn&) = delete;
  PerColumn& operator=(const PerColumn&) = delete;
  V& operator[](Index column) { return values_[column]; }
  const V& operator[](Index column) const { return values_[column]; }

 private:
  std::array<V, kShardColumns> few_;
  std::vector<V> many_;
  V* values_ = few_.data();
};

/// The squares of a matrix, added up column by column: lanes side by side first, across the lanes at the end.
template <class T>
class ColumnSquares {
 public:
  explicit ColumnSquares(Index columns) : columns_(columns), lanes_(columns) {
    for (Index column = 0; column < columns; ++column) lanes_[column] = Block<T>{};
  }
  void add(Index column, Block<T> square) { lanes_[column] += square; }
  void store(T* sums) const {
    for (Index column = 0; column < columns_; ++column) sums[column] = sum_block(lanes_[column]);
  }

 private:
  Index columns_;
  PerColumn<Block<T>> lanes_;
};

// What is summed up for one block of units over the columns. Plain locals of the loop, so that they stay in registers.

/// The smallest of some margins. A NaN wins, so that its unit is never called dead. (Of single units: is_nearer in
/// probe/activity.hpp.)
template <class T>
class SmallestMargin {
 public:
  /// Where this margin is smaller than all before it.
  auto add(Block<T> margin) {
    const auto nearer = margin < smallest_;
    smallest_ = nearer ? margin : smallest_;
    broken_ |= margin != margin;  // NOLINT(misc-redundant-expression): true for a NaN
    return nearer;
  }
  [[nodiscard]] Block<T> value() const {
    const Block<T> nan = fill_block(std::numeric_limits<T>::quiet_NaN());
    return broken_ ? nan : smallest_;
  }

 private:
  Block<T> smallest_ = fill_block(std::numeric_limits<T>::infinity());
  decltype(Block<T>{} != Block<T>{}) broken_{};
};

/// The smallest of some margins, and the column that had it.
template <class T>
class NearestColumn {
 public:
  void resume(const ForwardCall<T>& call, Index unit, Index count) {
    smallest_.add(load_block(call.activity->margin.data() + unit, count));
    column_ = load_block(call.activity->column.data() + unit, count);
  }
  void add(Block<T> margin, Block<T> column) { column_ = smallest_.add(margin) ? column : column_; }
  void store(const ForwardCall<T>& call, Index unit, Index count) const {
    store_block<T>(smallest_.value(), call.activity->margin.data() + unit, count);
    store_block<T>(column_, call.activity->column.data() + unit, count);
  }

 private:
  SmallestMargin<T> smallest_;
  Block<T> column_{};
};

/// What a sweep leaves in z: what the backward pass needs, nothing, or the margin at each place.
enum class Kept { saved, nothing, margin };

template <class T>
struct NothingLanes {
  static constexpr bool kWanted = false;
  static constexpr bool kColumnSquares = false;
  static constexpr Kept kKept = Kept::saved;
  void resume(const ForwardCall<T>& /*call*/, Index /*unit*/, Index /*count*/) {}
  void store(const ForwardCall<T>& /*call*/, Index /*unit*/, Index /*count*/) const {}
};

template <class T, bool kSquares>
struct BatchLanes {
  static constexpr bool kWanted = true;
  static constexpr bool kColumnSquares = kSquares;
  static constexpr Kept kKept = Kept::saved;
  Block<T> z_sum{}, z_square{}, z_max{}, a_sum{}, a_square{}, a_max{}, zeros{}, active{};
  NearestColumn<T> nearest;

  void add(const Measured<T>& seen) {
    nearest.add(seen.margin, seen.column);
    const Block<T> zero{};
    const Block<T> one = fill_block(T(1));
    z_max = max_block(z_max, abs_block(seen.z));
    a_max = max_block(a_max, abs_block(seen.a));
    zeros += seen.a == T(0) ? one : zero;
    // Written so that a NaN counts as active: such a unit is broken, not dead.
    active += seen.margin >= T(0) ? zero : one;
    z_sum += seen.z;
    z_square += seen.z * seen.z;
    a_sum += seen.a;
    a_square += seen.a * seen.a;
  }

  void resume(const ForwardCall<T>& call, Index unit, Index count) {
    nearest.resume(call, unit, count);
    const BatchSums<T>& sums = *call.batch;
    z_sum = load_block(sums.z_sum.data() + unit, count);
    z_square = load_block(sums.z_square.data() + unit, count);
    a_sum = load_block(sums.a_sum.data() + unit, count);
    a_square = load_block(sums.a_square.data() + unit, count);
    z_max = load_block(sums.z_max.data() + unit, count);
    a_max = load_block(sums.a_max.data() + unit, count);
    zeros = load_block(sums.zeros.data() + unit, count);
    active = load_block(sums.active.data() + unit, count);
  }

  void store(const ForwardCall<T>& call, Index unit, Index count) const {
    nearest.store(call, unit, count);
    BatchSums<T>& sums = *call.batch;
    store_block<T>(z_sum, sums.z_sum.data() + unit, count);
    store_block<T>(z_square, sums.z_square.data() + unit, count);
    store_block<T>(a_sum, sums.a_sum.data() + unit, count);
    store_block<T>(a_square, sums.a_square.data() + unit, count);
    store_block<T>(z_max, sums.z_max.data() + unit, count);
    store_block<T>(a_max, sums.a_max.data() + unit, count);
    store_block<T>(zeros, sums.zeros.data() + unit, count);
    store_block<T>(active, sums.active.data() + unit, count);
  }
};

template <class T>
struct ActivityLanes {
  static constexpr bool kWanted = true;
  static constexpr bool kColumnSquares = false;
  static constexpr Kept kKept = Kept::saved;
  NearestColumn<T> nearest;

  void resume(const ForwardCall<T>& call, Index unit, Index count) { nearest.resume(call, unit, count); }
  void add(const Measured<T>& seen) { nearest.add(seen.margin, seen.column); }
  void store(const ForwardCall<T>& call, Index unit, Index count) const { nearest.store(call, unit, count); }
};

template <class T>
struct MarginLanes {
  static constexpr bool kWanted = true;
  static constexpr bool kColumnSquares = false;
  static constexpr Kept kKept = Kept::nothing;
  SmallestMargin<T> margin;

  void resume(const ForwardCall<T>& call, Index unit, Index count) {
    margin.add(load_block<T>(call.margin + unit, count));
  }
  void add(const Measured<T>& seen) { margin.add(seen.margin); }
  void store(const ForwardCall<T>& call, Index unit, Index count) const {
    store_block<T>(margin.value(), call.margin + unit, count);
  }
};

template <class T>
struct CensusLanes {
  static constexpr bool kWanted = true;
  static constexpr bool kColumnSquares = false;
  static constexpr Kept kKept = Kept::margin;
  SmallestMargin<T> margin;
  Block<T> active{}, steepest{}, a_abs{}, a_sum{}, zeros{};

  void add(const Measured<T>& seen) {
    const Block<T> zero{};
    const Block<T> one = fill_block(T(1));
    margin.add(seen.margin);
    active += seen.margin >= T(0) ? zero : one;
    steepest = max_block(steepest, abs_block(seen.d));
    a_abs += abs_block(seen.a);
    a_sum += seen.a;
    zeros += seen.a == T(0) ? one : zero;
  }

  void resume(const ForwardCall<T>& call, Index unit, Index count) {
    const CensusSums<T>& sums = *call.census;
    margin.add(load_block(sums.margin.data() + unit, count));
    active = load_block(sums.active.data() + unit, count);
    steepest = load_block(sums.steepest.data() + unit, count);
    a_abs = load_block(sums.a_abs.data() + unit, count);
    a_sum = load_block(sums.a_sum.data() + unit, count);
    zeros = load_block(sums.zeros.data() + unit, count);
  }

  void store(const ForwardCall<T>& call, Index unit, Index count) const {
    CensusSums<T>& sums = *call.census;
    store_block<T>(margin.value(), sums.margin.data() + unit, count);
    store_block<T>(active, sums.active.data() + unit, count);
    store_block<T>(steepest, sums.steepest.data() + unit, count);
    store_block<T>(a_abs, sums.a_abs.data() + unit, count);
    store_block<T>(a_sum, sums.a_sum.data() + unit, count);
    store_block<T>(zeros, sums.zeros.data() + unit, count);
  }
};

template <class T, class Phi>
class FusedKernel final : public ActivationKernel<T> {
 public:
  explicit FusedKernel(Phi phi) : phi_(phi) {}

  void forward(const ForwardCall<T>& call) const override {
    if (call.census != nullptr) {
      sweep<CensusLanes<T>>(call);
    } else if (call.margin != nullptr) {
      sweep<MarginLanes<T>>(call);
    } else if (call.batch != nullptr && call.a_column_square != nullptr) {
      sweep<BatchLanes<T, true>>(call);
    } else if (call.batch != nullptr) {
      sweep<BatchLanes<T, false>>(call);
    } else if (call.activity != nullptr) {
      sweep<ActivityLanes<T>>(call);
    } else {
      sweep<NothingLanes<T>>(call);
    }
  }

  void backward(const BackwardCall<T>& call) const override {
    if (call.delta_column_square != nullptr) {
      backward_sweep<Squares::of_columns>(call);
    } else if (call.delta_square != nullptr) {
      backward_sweep<Squares::of_all>(call);
    } else {
      backward_sweep<Squares::none>(call);
    }
  }

 private:
  enum class Squares { none, of_columns, of_all };  ///< of ∂L/∂z, wanted

  static Block<T> slopes_of(const T* slopes, Index unit, Index count) {
    if constexpr (Phi::kLearnedSlope) return load_block(slopes + unit, count);
    return Block<T>{};
  }

  template <class Lanes>
  void sweep(const ForwardCall<T>& call) const {
    ColumnSquares<T> squares(Lanes::kColumnSquares ? call.columns : 0);
    for (Index unit = 0; unit < call.units; unit += kLanes<T>) {
      const Index count = std::min<Index>(kLanes<T>, call.units - unit);
      // Two loops: a block's loads and stores are plain ones where the compiler knows that it is full.
      if (count == kLanes<T>) {
        sweep_block<Lanes>(call, squares, unit, std::integral_constant<Index, kLanes<T>>());
      } else {
        sweep_block<Lanes>(call, squares, unit, count);
      }
    }
    if constexpr (Lanes::kColumnSquares) squares.store(call.a_column_square);
  }

  // Flattened: φ's helpers belong into the loop, where their constants stay in registers.
  template <class Lanes, class Count>
  void sweep_block(const ForwardCall<T>& call, ColumnSquares<T>& squares, Index unit, Count count) const {
    const Block<T> bias = load_block(call.bias + unit, count);
    Place<T> at{slopes_of(call.slopes, unit, count), call.random, unit, call.first_column};
    // Beyond the last unit the lanes hold φ(0), which must not count.
    std::array<T, kLanes<T>> ones;
    ones.fill(T(1));
    const Block<T> is_unit = load_block(ones.data(), count);
    Lanes lanes;
    if (call.go_on) lanes.resume(call, unit, count);
    Block<T> number = fill_block(static_cast<T>(call.first_column));
    const T* const source = call.source != nullptr ? call.source : call.z;
    for (Index column = 0; column < call.columns; ++column, ++at.column, number += T(1)) {
      const Index offset = column * call.stride + unit;
      const Block<T> z = load_block(source + offset, count) + bias;
      const Response<T> response = phi_(at, z);
      if constexpr (Lanes::kKept == Kept::saved)
        store_block<T>(Phi::kLearnedSlope ? z : response.d, call.z + offset, count);
      if constexpr (Lanes::kKept == Kept::margin) store_block<T>(phi_.margin(at, z), call.z + offset, count);
      store_block<T>(response.a, call.a + offset, count);
      if constexpr (Lanes::kWanted) lanes.add({number, z, response.a, response.d, phi_.margin(at, z)});
      if constexpr (Lanes::kColumnSquares) {
        const Block<T> counted = std::is_same_v<Count, Index> ? response.a * is_unit : response.a;
        squares.add(column, counted * counted);
      }
    }
    lanes.store(call, unit, count);
  }

  template <Squares kSquares>
  void backward_sweep(const BackwardCall<T>& call) const {
    ColumnSquares<T> squares(kSquares == Squares::of_columns ? call.columns : 0);
    for (Index unit = 0; unit < call.units; unit += kLanes<T>) {
      const Index count = std::min<Index>(kLanes<T>, call.units - unit);
      if (count == kLanes<T>) {
        backward_block<kSquares>(call, squares, unit, std::integral_constant<Index, kLanes<T>>());
      } else {
        backward_block<kSquares>(call, squares, unit, count);
      }
    }
    if constexpr (kSquares == Squares::of_columns) squares.store(call.delta_column_square);
  }

  template <Squares kSquares, class Count>
  void backward_block(const BackwardCall<T>& call, ColumnSquares<T>& squares, Index unit, Count count) const {
    const Block<T> slope = slopes_of(call.slopes, unit, count);
    Block<T> sum{};
    Block<T> slope_sum{};
    Block<T> square{};
    if (call.go_on) {
      sum = load_block<T>(call.delta_sum + unit, count);
      if constexpr (Phi::kLearnedSlope) slope_sum = load_block<T>(call.slope_sum + unit, count);
    }
    for (Index column = 0; column < call.columns; ++column) {
      T* delta = call.delta + column * call.stride + unit;
      const Block<T> saved = load_block(call.saved + column * call.stride + unit, count);
      Block<T> value = load_block<T>(delta, count);
      if constexpr (Phi::kLearnedSlope) {
        // Here `saved` is z: ∂a/∂slope = z where z ≤ 0, and φ'(z) = slope there.
        const Block<T> zero{};
        const Block<T> left = value * saved;
        const Block<T> scaled = value * slope;
        slope_sum += saved > T(0) ? zero : left;
        value = saved > T(0) ? value : scaled;
      } else {
        value *= saved;
      }
      store_block<T>(value, delta, count);
      sum += value;
      if constexpr (kSquares == Squares::of_columns)
        squares.add(column, value * value);  // lanes that are no units are 0
      if constexpr (kSquares == Squares::of_all) square += value * value;
    }
    if constexpr (kSquares == Squares::of_all) *call.delta_square += sum_block(square);
    store_block<T>(sum, call.delta_sum + unit, count);
    if constexpr (Phi::kLearnedSlope) store_block<T>(slope_sum, call.slope_sum + unit, count);
  }

  Phi phi_;
};

}  // namespace reluscope
