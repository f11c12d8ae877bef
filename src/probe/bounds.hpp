#pragma once
// Rigorous bounds on what pre-activations can be: over a box of inputs (interval arithmetic), and on how far they have
// moved since other parameters. Death is decided by *computed* values, so every bound here is one on computed values:
// it holds for the number that the forward pass yields, rounding included.
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
#include <optional>
#include <vector>

#include "data/dataset.hpp"
#include "nn/network.hpp"
#include "util/thread_pool.hpp"

namespace reluscope {

inline constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// u: 2^−24 or 2^−53.
template <class T>
inline constexpr double kRoundoff = 0.5 * static_cast<double>(std::numeric_limits<T>::epsilon());
inline constexpr double kActivationSlack = 32.0;

/// Smallest and largest value of each element.
struct Box {
  Eigen::VectorXd low;
  Eigen::VectorXd high;
};

/// What the normalised inputs in D are like; infinite where an input is not finite.
struct DataExtent {
  Box box;            ///< of each feature, exact
  double norm = 0.0;  ///< max ‖x‖, rounded up
};
template <class T>
DataExtent measure_extent(const Dataset& dataset, ThreadPool& pool);

/// The extent, measured when somebody first asks.
template <class T>
class LazyExtent {
 public:
  LazyExtent(const Dataset& dataset, ThreadPool& pool) : dataset_(dataset), pool_(pool) {}
  const DataExtent& get() {
    if (!extent_) extent_ = measure_extent<T>(dataset_, pool_);
    return *extent_;
  }

 private:
  const Dataset& dataset_;
  ThreadPool& pool_;
  std::optional<DataExtent> extent_;
};

/// Bounds on the computed pre-activations of layer `layer` (one with units) for every input in the box.
struct PreActivationBox {
  Box z;
  /// Units for which no w_j·h_j can be positive: no input raises z above the bias, and no rounding does either, since a
  /// sum of terms that are not positive is not positive in any order.
  std::vector<bool> at_most_bias;
};
template <class T>
PreActivationBox bound_pre_activations(const Layer<T>& layer, const Box& inputs);

/// Bounds on the computed activations where z is in the box. Ends that are not finite stay so.
template <class T>
Box bound_activations(const Layer<T>& layer, const Box& z);

/// Whether φ' = 0 for every z in [low, high]; false if an end is NaN.
bool dead_between(const ActivationShape& shape, double low, double high);

/// How far each unit's parameters are apart in two networks; weights as ‖Δw_u‖.
struct UnitMotion {
  Eigen::VectorXd weights, bias, slope;
};
template <class T>
UnitMotion measure_motion(const Layer<T>& from, const Layer<T>& to);

/// What is known of a layer's input while parameters move: over all x in D.
struct InputDrift {
  double norm = 0.0;        ///< ‖h(x)‖ before, at most
  Eigen::VectorXd element;  ///< |Δh_j(x)|, at most
};

/// Bound on |Δẑ_u(x)| over D for each unit, where the parameters moved by `motion` to the layer's present ones and its
/// input as `input` says:
///   Δz = Δw·h_before + w_now·Δh + Δb  ⟹  |Δz| ≤ ‖Δw‖‖h_before‖ + Σ_j |w_now,j||Δh_j| + |Δb|  (Cauchy–Schwarz), plus
///   the
/// slack of both computed values. Exactly 0 for a unit whose parameters and inputs stayed bit for bit the same: the
/// same numbers give the same result.
template <class T>
Eigen::VectorXd bound_z_drift(const Layer<T>& now, const UnitMotion& motion, const InputDrift& input);

/// Bound on |Δâ_u(x)| from that of ẑ: the Lipschitz constant, the slope's own change, and the slack of φ; 0 where ẑ
/// cannot have moved and the slope did not.
template <class T>
Eigen::VectorXd bound_a_drift(const Layer<T>& now, const UnitMotion& motion, const InputDrift& input,
                              const Eigen::VectorXd& z_drift);

/// A sum that is not below the exact one.
double add_up(double left, double right);

/// The nearest T that is not below x.
template <class T>
T not_below(double x) {
  const T rounded = static_cast<T>(x);
  return static_cast<double>(rounded) < x ? std::nextafter(rounded, std::numeric_limits<T>::infinity()) : rounded;
}

}  // namespace reluscope
