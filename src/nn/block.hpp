#pragma once
// Element-wise arithmetic works on blocks of a fixed number of lanes. A fixed-size Eigen array has no remainder loop,
// so exp and log always run through Eigen's vectorised functions and never through libm, whose result depends on the
// CPU; and a loop over kLanes elements is one the compiler turns into a few vector instructions.

#include <Eigen/Core>
#include <type_traits>

#include "nn/matrix.hpp"

namespace reluscope {

inline constexpr int kLanes = 16;

template <class T>
using Block = Eigen::Array<T, kLanes, 1>;

/// `count` rounded up to whole blocks.
constexpr Index padded(Index count) { return (count + kLanes - 1) / kLanes * kLanes; }

/// Reads the first `count` ≤ kLanes values; the remaining lanes are 0.
template <class T>
Block<T> load_block(const T* from, Index count) {
  if (count == kLanes) return Eigen::Map<const Block<T>>(from);
  Block<T> block = Block<T>::Zero();
  for (Index lane = 0; lane < count; ++lane) block[lane] = from[lane];
  return block;
}

/// Writes the first `count` ≤ kLanes lanes.
template <class T>
void store_block(const Block<T>& block, T* to, Index count) {
  if (count == kLanes) {
    Eigen::Map<Block<T>>{to} = block;
    return;
  }
  for (Index lane = 0; lane < count; ++lane) to[lane] = block[lane];
}

/// exp(x) − 1 without cancellation near 0, x ≤ 0. Kahan's correction: (u − 1) x / log u with u = exp x.
template <class T>
Block<T> expm1_block(const Block<T>& x, const Block<T>& exp_x) {
  const Block<T> log_u = exp_x.log();
  Block<T> result;
  for (int lane = 0; lane < kLanes; ++lane) {
    const T u = exp_x[lane];
    const T corrected = (u - T(1)) * x[lane] / log_u[lane];
    result[lane] = u == T(1) ? x[lane] : (x[lane] < T(-1) ? u - T(1) : corrected);
  }
  return result;
}

template <class T>
Block<T> tanh_block(const Block<T>& x) {
  if constexpr (std::is_same_v<T, float>) {
    return x.tanh();
  } else {
    // Eigen has no vectorised tanh for double: tanh |x| = −m / (m + 2) with m = exp(−2|x|) − 1.
    const Block<T> twice = T(-2) * x.abs();
    const Block<T> m = expm1_block<T>(twice, twice.exp());
    Block<T> result;
    for (int lane = 0; lane < kLanes; ++lane) {
      const T magnitude = -m[lane] / (m[lane] + T(2));
      result[lane] = x[lane] < T(0) ? -magnitude : magnitude;
    }
    return result;
  }
}

template <class T>
Block<T> sigmoid_block(const Block<T>& x) {
  return T(1) / (T(1) + (-x).exp());
}

/// log(1 + e) for e ≥ 0 without losing small e. Kahan's correction: log(u) e / (u − 1) with u = 1 + e.
template <class T>
Block<T> log1p_block(const Block<T>& e) {
  const Block<T> u = T(1) + e;
  const Block<T> log_u = u.log();
  Block<T> result;
  for (int lane = 0; lane < kLanes; ++lane)
    result[lane] = u[lane] == T(1) ? e[lane] : log_u[lane] * e[lane] / (u[lane] - T(1));
  return result;
}

/// The standard normal distribution function at z, given `gauss` = exp(−z²/2).
/// Cody 1969, "Rational Chebyshev approximations for the error function": erf below 0.46875, erfc = exp(−x²) R(x)
/// above.
template <class T>
Block<T> normal_cdf_block(const Block<T>& z, const Block<T>& gauss) {
  static constexpr T kNearP[] = {T(3.20937758913846947e03), T(3.77485237685302021e02), T(1.13864154151050156e02),
                                 T(3.16112374387056560e00), T(1.85777706184603153e-1)};
  static constexpr T kNearQ[] = {T(2.84423683343917062e03), T(1.28261652607737228e03), T(2.44024637934444173e02),
                                 T(2.36012909523441209e01), T(1)};
  static constexpr T kMidP[] = {T(1.23033935479799725e03), T(2.05107837782607147e03), T(1.71204761263407058e03),
                                T(8.81952221241769090e02), T(2.98635138197400131e02), T(6.61191906371416295e01),
                                T(8.88314979438837594e00), T(5.64188496988670089e-1), T(2.15311535474403846e-8)};
  static constexpr T kMidQ[] = {T(1.23033935480374942e03), T(3.43936767414372164e03), T(4.36261909014324716e03),
                                T(3.29079923573345963e03), T(1.62138957456669019e03), T(5.37181101862009858e02),
                                T(1.17693950891312499e02), T(1.57449261107098347e01), T(1)};
  static constexpr T kFarP[] = {T(-6.58749161529837803e-4), T(-1.60837851487422766e-2), T(-1.25781726111229246e-1),
                                T(-3.60344899949804439e-1), T(-3.05326634961232344e-1), T(-1.63153871373020978e-2)};
  static constexpr T kFarQ[] = {T(2.33520497626869185e-3), T(6.05183413124413191e-2), T(5.27905102951428412e-1),
                                T(1.87295284992346725e00), T(2.56852019228982242e00), T(1)};
  const auto polynomial = [](const auto& coefficients, T x) {
    T sum = T(0);
    for (std::size_t power = std::size(coefficients); power-- > 0;) sum = sum * x + coefficients[power];
    return sum;
  };
  constexpr T kSqrtHalf = T(0.70710678118654752440);
  constexpr T kInverseSqrtPi = T(0.56418958354775628695);
  Block<T> result;
  for (int lane = 0; lane < kLanes; ++lane) {
    const T x = std::abs(z[lane]) * kSqrtHalf;
    const T square = x * x;
    const T near = T(0.5) - T(0.5) * x * polynomial(kNearP, square) / polynomial(kNearQ, square);
    const T mid = T(0.5) * gauss[lane] * polynomial(kMidP, x) / polynomial(kMidQ, x);
    const T inverse = T(1) / (square > T(1) ? square : T(1));
    const T ratio = inverse * polynomial(kFarP, inverse) / polynomial(kFarQ, inverse);
    const T far = T(0.5) * gauss[lane] * (kInverseSqrtPi + ratio) / (x > T(1) ? x : T(1));
    const T tail = x <= T(0.46875) ? near : (x <= T(4) ? mid : far);
    result[lane] = z[lane] > T(0) ? T(1) - tail : tail;
  }
  return result;
}

}  // namespace reluscope
