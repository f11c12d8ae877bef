#pragma once
// Rigorous bounds on what a network computes: over a box of inputs (interval arithmetic), and on how far it has moved
// since other parameters. Death is decided by *computed* values, so every bound here is one on computed values: it
// holds for the number that the forward pass yields, rounding included.
//
// Slack. Let u be the unit roundoff of T (2^−24 or 2^−53). In whatever order, fused or not, a computed sum
// ẑ = b + Σ_j w_j h_j of n products differs from the exact one by at most γ_(n+1) (|b| + Σ|w_j h_j|), with
// γ_k = ku/(1 − ku) (Higham 2002, section 3.1 and lemma 3.1), and n·min(T) where products underflow. The bounds
// themselves are sums of terms that are not negative, taken in T: they are too small by a factor of at most 1 −
// γ_(n+1). Both are covered by slack() = 2 (n + 8) u · (|b| + Σ|w_j h_j|) + tiny, about twice what is needed. φ is
// computed to within kActivationSlack·u·(1 + |z|) (held by nn.activation_test).

#include <Eigen/Core>
#include <cmath>
#include <limits>
#include <vector>

#include "nn/matrix.hpp"

namespace reluscope {

inline constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// u: 2^−24 or 2^−53.
template <class T>
inline constexpr double kRoundoff = 0.5 * static_cast<double>(std::numeric_limits<T>::epsilon());
inline constexpr double kActivationSlack = 32.0;

/// Smallest and largest value of each channel.
struct Box {
  Eigen::VectorXd low;
  Eigen::VectorXd high;
  /// Of what may be anything.
  static Box unknown(Index size) {
    return {Eigen::VectorXd::Constant(size, -kInfinity), Eigen::VectorXd::Constant(size, kInfinity)};
  }
};

/// Bounds on pre-activations.
struct PreActivationBox {
  Box z;
  /// Units that no input raises above their bias: no w_j·h_j can be positive, and no rounding makes it so, since a sum
  /// of terms that are not positive is not positive in any order. Of units on an affine map alone.
  std::vector<bool> at_most_bias;
};

/// What is known of a vector h(x) while parameters move, over all x in D.
struct Drift {
  double norm = 0.0;        ///< ‖h(x)‖ before, at most
  Eigen::VectorXd element;  ///< |Δh_j(x)| of each channel, at most; exactly 0 only where no bit can have changed
  static Drift unknown(Index size) { return {kInfinity, Eigen::VectorXd::Constant(size, kInfinity)}; }
};

/// A sum that is not below the exact one.
inline double add_up(double left, double right) {
  const double sum = left + right;
  return right == 0.0 ? left : std::nextafter(sum, kInfinity);
}

/// The nearest T that is not below x.
template <class T>
T not_below(double x) {
  const T rounded = static_cast<T>(x);
  return static_cast<double>(rounded) < x ? std::nextafter(rounded, std::numeric_limits<T>::infinity()) : rounded;
}

/// The nearest T that is not above x.
template <class T>
T not_above(double x) {
  const T rounded = static_cast<T>(x);
  return static_cast<double>(rounded) > x ? std::nextafter(rounded, -std::numeric_limits<T>::infinity()) : rounded;
}

/// Covers γ_(n+1) of a computed sum and of a bound on it.
template <class T>
double relative_slack(Index terms) {
  return 2.0 * static_cast<double>(terms + 8) * kRoundoff<T>;
}

/// What products and squares that underflow can lose, in all.
template <class T>
double tiny(Index terms) {
  return static_cast<double>(terms + 8) * static_cast<double>(std::numeric_limits<T>::min());
}

/// An upper bound on the norm whose square was summed up in T over `terms` terms.
template <class T>
double norm_from(T square, Index terms) {
  const double norm = std::sqrt(static_cast<double>(square)) * (1.0 + relative_slack<T>(terms));
  return norm + std::sqrt(static_cast<double>(terms) * static_cast<double>(std::numeric_limits<T>::min()));
}

}  // namespace reluscope
