#pragma once
// Element-wise arithmetic works on blocks of a fixed number of lanes: one vector register of the CPU that the build is
// for. A block has no remainder loop, so exp and log always run through Eigen's vectorised functions and never through
// libm, whose result depends on the CPU. Blocks have the operators of numbers; a comparison gives a mask for `?:`.

#ifdef __AVX512F__
#include <immintrin.h>
#endif

#include <Eigen/Core>
#include <array>
#include <cmath>
#include <cstring>
#include <type_traits>

#include "nn/matrix.hpp"

namespace reluscope {

#if defined(__AVX512F__)
inline constexpr int kBlockBytes = 64;
#elif defined(__AVX__)
inline constexpr int kBlockBytes = 32;
#else
inline constexpr int kBlockBytes = 16;
#endif

template <class T>
inline constexpr int kLanes = kBlockBytes / static_cast<int>(sizeof(T));

/// `count` rounded up to whole blocks of every type.
constexpr Index padded(Index count) { return (count + kBlockBytes - 1) / kBlockBytes * kBlockBytes; }

namespace detail {
template <class T>
struct BlockOf {
  using Type [[gnu::vector_size(kBlockBytes)]] = T;
};
}  // namespace detail

template <class T>
using Block = typename detail::BlockOf<T>::Type;

/// The number type of a block type.
template <class B>
using LaneOf = std::remove_cvref_t<decltype(std::declval<B&>()[0])>;

/// Every lane `value`.
template <class T>
Block<T> fill_block(T value) {
  return value - Block<T>{};  // x − 0 is x for every x, −0 included
}

/// Reads the first `count` ≤ kLanes values; the remaining lanes are 0.
template <class T>
Block<T> load_block(const T* from, Index count) {
  Block<T> block{};
  if (count == kLanes<T>) {
    std::memcpy(&block, from, sizeof block);
    return block;
  }
#ifdef __AVX512F__
  const auto mask = (1U << static_cast<unsigned>(count)) - 1U;
  if constexpr (std::is_same_v<T, float>) {
    return _mm512_maskz_loadu_ps(static_cast<__mmask16>(mask), from);
  } else {
    return _mm512_maskz_loadu_pd(static_cast<__mmask8>(mask), from);
  }
#else
  for (Index lane = 0; lane < count; ++lane) block[lane] = from[lane];
  return block;
#endif
}

/// Writes the first `count` ≤ kLanes lanes.
template <class T>
void store_block(Block<T> block, T* to, Index count) {
  if (count == kLanes<T>) {
    std::memcpy(to, &block, sizeof block);
    return;
  }
#ifdef __AVX512F__
  const auto mask = (1U << static_cast<unsigned>(count)) - 1U;
  if constexpr (std::is_same_v<T, float>) {
    _mm512_mask_storeu_ps(to, static_cast<__mmask16>(mask), block);
  } else {
    _mm512_mask_storeu_pd(to, static_cast<__mmask8>(mask), block);
  }
#else
  for (Index lane = 0; lane < count; ++lane) to[lane] = block[lane];
#endif
}

template <class B>
B min_block(B a, B b) {
  return b < a ? b : a;  // a NaN in `a` stays
}
template <class B>
B max_block(B a, B b) {
  return b > a ? b : a;
}

namespace detail {
/// f of the block as an Eigen array.
template <class B, class Function>
B with_eigen(B x, Function function) {
  using T = LaneOf<B>;
  Eigen::Array<T, kLanes<T>, 1> array;
  std::memcpy(array.data(), &x, sizeof x);
  const Eigen::Array<T, kLanes<T>, 1> result = function(array);
  std::memcpy(&x, result.data(), sizeof x);
  return x;
}
}  // namespace detail

template <class B>
B abs_block(B x) {
  return detail::with_eigen(x, [](const auto& array) { return array.abs(); });
}
template <class B>
B exp_block(B x) {
  return detail::with_eigen(x, [](const auto& array) { return array.exp(); });
}
template <class B>
B log_block(B x) {
  return detail::with_eigen(x, [](const auto& array) { return array.log(); });
}
/// Rounded as IEEE 754 wants it, so that the bits are those of every CPU. (Eigen's fast square root starts from
/// rsqrtps, an estimate whose digits are each maker's own.) The compiler makes one vector instruction of the loop.
template <class B>
B sqrt_block(B x) {
  std::array<LaneOf<B>, sizeof(B) / sizeof(LaneOf<B>)> lanes;
  std::memcpy(lanes.data(), &x, sizeof x);
  for (LaneOf<B>& lane : lanes) lane = std::sqrt(lane);
  std::memcpy(&x, lanes.data(), sizeof x);
  return x;
}

/// The sum of the lanes.
template <class B>
LaneOf<B> sum_block(B x) {
  using T = LaneOf<B>;
  Eigen::Array<T, kLanes<T>, 1> array;
  std::memcpy(array.data(), &x, sizeof x);
  return array.sum();
}

/// exp(x) − 1 without cancellation near 0, x ≤ 0, given exp_x = exp(x). Near 0 the Taylor series, cut where the next
/// term is below the type's precision; even and odd powers apart, so that the two chains run side by side.
template <class B>
B expm1_block(B x, B exp_x) {
  using T = LaneOf<B>;
  constexpr std::size_t kTerms = std::is_same_v<T, float> ? 5 : 8;  // of either chain
  constexpr auto kInverseFactorials = [] {
    std::array<T, 2 * kTerms> values{};  // 1/1!, 1/2!, …
    double factorial = 1.0;
    for (std::size_t at = 0; at < values.size(); ++at) {
      factorial *= static_cast<double>(at + 1);
      values[at] = static_cast<T>(1.0 / factorial);
    }
    return values;
  }();
  const B near = max_block(x, fill_block(T(-0.5)));  // keeps the series finite where it is not used
  const B square = near * near;
  B even{};
  B odd{};
  for (std::size_t at = kTerms; at-- > 0;) {
    even = even * square + kInverseFactorials[2 * at];
    odd = odd * square + kInverseFactorials[2 * at + 1];
  }
  const B series = x * (even + near * odd);
  return x < T(-0.5) ? exp_x - T(1) : series;
}

template <class B>
B tanh_block(B x) {
  using T = LaneOf<B>;
  if constexpr (std::is_same_v<T, float>) {
    // By its own name: with EIGEN_FAST_MATH=0 array.tanh() is libm's.
    using Packet = Eigen::internal::packet_traits<float>::type;
    static_assert(sizeof(Packet) == sizeof(B));
    return B(Eigen::internal::generic_fast_tanh_float(Packet(x)));
  } else {
    // Eigen has no vectorised tanh for double: tanh |x| = −m / (m + 2) with m = exp(−2|x|) − 1.
    const B twice = T(-2) * abs_block(x);
    const B m = expm1_block(twice, exp_block(twice));
    const B magnitude = -m / (m + T(2));
    return x < T(0) ? -magnitude : magnitude;
  }
}

template <class B>
B sigmoid_block(B x) {
  using T = LaneOf<B>;
  return T(1) / (T(1) + exp_block(-x));
}

/// log(1 + e) for e ≥ 0 without losing small e. Kahan's correction: log(u) e / (u − 1) with u = 1 + e.
template <class B>
B log1p_block(B e) {
  using T = LaneOf<B>;
  const B u = T(1) + e;
  const B corrected = log_block(u) * e / (u - T(1));
  return u == T(1) ? e : corrected;
}

/// The standard normal distribution function at z, given `gauss` = exp(−z²/2).
/// Cody 1969, "Rational Chebyshev approximations for the error function": erf below 0.46875, erfc = exp(−x²) R(x)
/// above.
template <class B>
B normal_cdf_block(B z, B gauss) {
  using T = LaneOf<B>;
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
  const auto polynomial = [](const auto& coefficients, B x) {
    B sum{};
    for (std::size_t power = std::size(coefficients); power-- > 0;) sum = sum * x + coefficients[power];
    return sum;
  };
  constexpr T kSqrtHalf = T(0.70710678118654752440);
  constexpr T kInverseSqrtPi = T(0.56418958354775628695);
  const B one = fill_block(T(1));
  const B x = abs_block(z) * kSqrtHalf;
  const B square = x * x;
  const B near = T(0.5) - T(0.5) * x * polynomial(kNearP, square) / polynomial(kNearQ, square);
  const B mid = T(0.5) * gauss * polynomial(kMidP, x) / polynomial(kMidQ, x);
  const B inverse = T(1) / max_block(one, square);
  const B ratio = inverse * polynomial(kFarP, inverse) / polynomial(kFarQ, inverse);
  const B far = T(0.5) * gauss * (kInverseSqrtPi + ratio) / max_block(one, x);
  const B tail = x <= T(0.46875) ? near : (x <= T(4) ? mid : far);
  return z > T(0) ? T(1) - tail : tail;
}

}  // namespace reluscope
