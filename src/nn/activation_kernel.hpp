#pragma once
// The fused loops around an activation function φ. A `Phi` is a small struct
//   static constexpr bool kLearnedSlope;      // a slope per unit that is trained (prelu)
//   template <class T> void operator()(const Place<T>& at, const Block<T>& z, Block<T>& a, Block<T>& d) const;
//   template <class T> Block<T> margin(const Block<T>& z, const Block<T>& slope) const;
// that works on one block of lanes: neighbouring units of one column.

#include <algorithm>
#include <cmath>

#include "nn/activation.hpp"

namespace reluscope {

/// What φ may need besides z.
template <class T>
struct Place {
  const Block<T>& slope;  ///< learned slopes of the block's units
  const RandomSlopes& random;
  Index unit;    ///< first unit of the block
  Index column;  ///< in the batch
};

/// A block of units in one column, as a measuring struct sees it. Lanes from `count` on are padding.
template <class T>
struct Measured {
  const Block<T>& z;
  const Block<T>& a;
  const Block<T>& d;
  const Block<T>& margin;
  Index count;
  Index column;  ///< in the shard
};

template <class T>
struct MeasureNothing {
  static constexpr bool kWanted = false;
  explicit MeasureNothing(const ForwardCall<T>& /*call*/) {}
  void add(const Measured<T>& /*seen*/) {}
  void store(Index /*unit*/, Index /*count*/) {}
};

/// Accumulates BatchSums for one block of units.
template <class T>
struct MeasureBatch {
  static constexpr bool kWanted = true;
  explicit MeasureBatch(const ForwardCall<T>& call) : sums(*call.batch), column_square(call.a_column_square) {}

  void add(const Measured<T>& seen) {
    for (int lane = 0; lane < kLanes; ++lane) {
      const T size = std::abs(seen.a[lane]);
      a_max[lane] = size > a_max[lane] ? size : a_max[lane];
      zeros[lane] += seen.a[lane] == T(0) ? T(1) : T(0);
      // Written so that a NaN counts as active: such a unit is broken, not dead.
      active[lane] += seen.margin[lane] >= T(0) ? T(0) : T(1);
    }
    z_sum += seen.z;
    z_square += seen.z.square();
    a_sum += seen.a;
    const Block<T> square = seen.a.square();
    a_square += square;
    column_square[seen.column] += seen.count == kLanes ? square.sum() : square.head(seen.count).sum();
  }

  void store(Index unit, Index count) {
    store_block(z_sum, sums.z_sum.data() + unit, count);
    store_block(z_square, sums.z_square.data() + unit, count);
    store_block(a_sum, sums.a_sum.data() + unit, count);
    store_block(a_square, sums.a_square.data() + unit, count);
    store_block(a_max, sums.a_max.data() + unit, count);
    store_block(zeros, sums.zeros.data() + unit, count);
    store_block(active, sums.active.data() + unit, count);
  }

  BatchSums<T>& sums;
  T* column_square;
  Block<T> z_sum = Block<T>::Zero();
  Block<T> z_square = Block<T>::Zero();
  Block<T> a_sum = Block<T>::Zero();
  Block<T> a_square = Block<T>::Zero();
  Block<T> a_max = Block<T>::Zero();
  Block<T> zeros = Block<T>::Zero();
  Block<T> active = Block<T>::Zero();
};

/// Accumulates CensusSums for one block of units.
template <class T>
struct MeasureCensus {
  static constexpr bool kWanted = true;
  explicit MeasureCensus(const ForwardCall<T>& call) : sums(*call.census) {}

  void add(const Measured<T>& seen) {
    for (int lane = 0; lane < kLanes; ++lane) {
      const T m = seen.margin[lane];
      // A NaN margin wins and stays, so that the unit is never called dead.
      margin[lane] = m >= margin[lane] ? margin[lane] : m;
      active[lane] += m >= T(0) ? T(0) : T(1);
      const T steepness = std::abs(seen.d[lane]);
      steepest[lane] = steepness > steepest[lane] ? steepness : steepest[lane];
      a_abs[lane] += std::abs(seen.a[lane]);
    }
  }

  void store(Index unit, Index count) {
    store_block(margin, sums.margin.data() + unit, count);
    store_block(active, sums.active.data() + unit, count);
    store_block(steepest, sums.steepest.data() + unit, count);
    store_block(a_abs, sums.a_abs.data() + unit, count);
  }

  CensusSums<T>& sums;
  Block<T> margin = Block<T>::Constant(std::numeric_limits<T>::infinity());
  Block<T> active = Block<T>::Zero();
  Block<T> steepest = Block<T>::Zero();
  Block<T> a_abs = Block<T>::Zero();
};

template <class T, class Phi>
class FusedKernel final : public ActivationKernel<T> {
 public:
  explicit FusedKernel(Phi phi) : phi_(phi) {}

  void forward(const ForwardCall<T>& call) const override {
    if (call.census != nullptr) {
      sweep<MeasureCensus<T>>(call);
    } else if (call.batch != nullptr) {
      std::fill_n(call.a_column_square, call.columns, T(0));
      sweep<MeasureBatch<T>>(call);
    } else {
      sweep<MeasureNothing<T>>(call);
    }
  }

  void backward(const BackwardCall<T>& call) const override {
    const bool squares = call.delta_column_square != nullptr;
    if (squares) std::fill_n(call.delta_column_square, call.columns, T(0));
    for (Index unit = 0; unit < call.units; unit += kLanes) {
      const Index count = std::min<Index>(kLanes, call.units - unit);
      const Block<T> slope = slopes_of(call.slopes, unit, count);
      Block<T> sum = Block<T>::Zero();
      Block<T> slope_sum = Block<T>::Zero();
      for (Index column = 0; column < call.columns; ++column) {
        T* delta = call.delta + column * call.stride + unit;
        const Block<T> saved = load_block(call.saved + column * call.stride + unit, count);
        Block<T> value = load_block(delta, count);
        if constexpr (Phi::kLearnedSlope) {
          // Here `saved` is z: ∂a/∂slope = z where z ≤ 0, and φ'(z) = slope there.
          for (int lane = 0; lane < kLanes; ++lane) {
            const bool positive = saved[lane] > T(0);
            slope_sum[lane] += positive ? T(0) : value[lane] * saved[lane];
            value[lane] *= positive ? T(1) : slope[lane];
          }
        } else {
          value *= saved;
        }
        store_block(value, delta, count);
        sum += value;
        if (squares) call.delta_column_square[column] += value.square().sum();  // padding lanes are 0
      }
      store_block(sum, call.delta_sum + unit, count);
      if constexpr (Phi::kLearnedSlope) store_block(slope_sum, call.slope_sum + unit, count);
    }
  }

 private:
  static Block<T> slopes_of(const T* slopes, Index unit, Index count) {
    if constexpr (Phi::kLearnedSlope) return load_block(slopes + unit, count);
    return Block<T>::Zero();
  }

  template <class Measure>
  void sweep(const ForwardCall<T>& call) const {
    for (Index unit = 0; unit < call.units; unit += kLanes) {
      const Index count = std::min<Index>(kLanes, call.units - unit);
      const Block<T> bias = load_block(call.bias + unit, count);
      const Block<T> slope = slopes_of(call.slopes, unit, count);
      Measure measure(call);
      for (Index column = 0; column < call.columns; ++column) {
        const Index offset = column * call.stride + unit;
        const Block<T> z = load_block(call.z + offset, count) + bias;
        Block<T> a;
        Block<T> d;
        phi_(Place<T>{slope, call.random, unit, call.first_column + column}, z, a, d);
        store_block(Phi::kLearnedSlope ? z : d, call.z + offset, count);
        store_block(a, call.a + offset, count);
        if constexpr (Measure::kWanted) {
          const Block<T> margin = phi_.margin(z, slope);
          measure.add({z, a, d, margin, count, column});
        }
      }
      measure.store(unit, count);
    }
  }

  Phi phi_;
};

}  // namespace reluscope
