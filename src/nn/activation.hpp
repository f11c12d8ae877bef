#pragma once
// The table of activation functions, and the fused kernels that a layer runs over its units.
//
// Forward, one sweep: z ← W h + b, a = φ(z), and beside it whatever is measured. What the backward pass needs (φ'(z),
// or z itself where the slope is learned) overwrites z. Backward, one sweep: ∂L/∂z = ∂L/∂a · φ'(z) with the sums that
// the bias and the slope need.
//
// Death. An activation has a *dead region*: the pre-activations where φ' is exactly 0 as a function (z ≤ 0 for relu,
// z ≤ 0 or z ≥ 6 for relu6, z ≤ −3 for hardswish; nowhere for elu, sigmoid, tanh, …, whose φ' may only underflow:
// such a unit is saturated, not dead). The *margin* of a pre-activation is its signed distance to the live region,
// ≥ 0 inside the dead region; a unit is dead on a set exactly if its smallest margin over the set is ≥ 0.

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "nn/matrix.hpp"
#include "util/param.hpp"

namespace reluscope {

/// Samples of a shard (network.hpp). Kernels take any number of columns, and are made for so many.
inline constexpr Index kShardColumns = 64;

/// Whether a margin takes the place of the smallest one so far. A NaN wins and stays, so that its unit is never called
/// dead. (Of blocks of units: SmallestMargin in activation_kernel.hpp.)
template <class T>
bool is_nearer(T margin, T smallest) {
  return !(margin >= smallest) && smallest == smallest;  // NOLINT(misc-redundant-expression): false for a NaN
}

/// What a mini-batch shows of a layer's units: sums over the columns of one shard, one value per unit.
template <class T>
struct BatchSums {
  Vector<T> z_sum, z_square, a_sum, a_square;
  Vector<T> z_max;   ///< max |z|
  Vector<T> a_max;   ///< max |a|
  Vector<T> zeros;   ///< how often a is exactly 0
  Vector<T> active;  ///< how often z is outside the dead region
  void resize(Index units);
  void add(const BatchSums& other);
};

/// How near a layer's units came to their live region over the columns of one shard: the cheapest thing to know about
/// death. One value per unit.
template <class T>
struct ActivitySums {
  Vector<T> margin;  ///< smallest margin; −∞ for an activation that cannot die; NaN if a margin was one
  Vector<T> column;  ///< the sample that has it, counted in the batch
  void resize(Index units);
  /// Takes over the margins that are smaller, as those of a sample.
  void add(const ActivitySums& other, Index sample);
};

/// What a census sees of a layer's units over some columns, one value per unit.
template <class T>
struct CensusSums {
  Vector<T> margin;    ///< smallest margin; −∞ for an activation that cannot die
  Vector<T> active;    ///< how often z is outside the dead region
  Vector<T> steepest;  ///< max |φ'(z)|
  Vector<T> a_abs;     ///< Σ |a|
  Vector<T> a_sum;     ///< Σ a
  Vector<T> zeros;     ///< how often a is exactly 0
  /// Of a unit with several positions: samples with z outside the dead region at one of them.
  Vector<T> live_samples;
  void resize(Index units);
  /// `sample`: those of the positions of one sample.
  void add(const CensusSums& sample);
};

/// Random slopes of rrelu: addressed by (seed, stream, column, unit), so that shards and threads do not matter.
struct RandomSlopes {
  std::uint64_t seed = 0;
  std::uint64_t stream = 0;
  bool sampling = false;  ///< false: evaluation, the mean slope
};

/// One shard's forward call. Matrices are units × columns, column-major.
template <class T>
struct ForwardCall {
  Index units = 0;
  Index columns = 0;
  Index first_column = 0;     ///< in the batch
  const T* source = nullptr;  ///< W h, where it is not in z
  T* z = nullptr;             ///< in: W h; out: what backward needs
  T* a = nullptr;             ///< out: φ(W h + b)
  Index stride = 0;           ///< between columns of z and of a
  const T* bias = nullptr;
  const T* slopes = nullptr;  ///< prelu: one slope per unit
  RandomSlopes random;
  bool go_on = false;                   ///< what is measured adds to what these hold, instead of taking its place
  BatchSums<T>* batch = nullptr;        ///< measured if given; then `activity` must be given too
  ActivitySums<T>* activity = nullptr;  ///< measured if given
  CensusSums<T>* census = nullptr;      ///< measured if given (then z has the margins afterwards)
  T* margin = nullptr;                  ///< smallest margin of each unit, measured if given (then z keeps no meaning)
  T* a_column_square = nullptr;         ///< with `batch`, if given: ‖a‖² of each column
};

/// One shard's backward call.
template <class T>
struct BackwardCall {
  Index units = 0;
  Index columns = 0;
  const T* saved = nullptr;  ///< what forward left in z
  T* delta = nullptr;        ///< in: ∂L/∂a; out: ∂L/∂z
  Index stride = 0;
  T* delta_sum = nullptr;  ///< per unit: Σ ∂L/∂z over the columns (the bias gradient)
  const T* slopes = nullptr;
  bool go_on = false;                ///< the sums add to what these hold
  T* slope_sum = nullptr;            ///< per unit: Σ ∂L/∂slope over the columns, where the slope is learned
  T* delta_column_square = nullptr;  ///< if given: ‖∂L/∂z‖² of each column
  T* delta_square = nullptr;  ///< if given, and the other is not: ‖∂L/∂z‖² of all columns is added to it
};

/// An activation with its parameters bound. Immutable; calls are safe from several threads.
template <class T>
class ActivationKernel {
 public:
  ActivationKernel() = default;
  ActivationKernel(const ActivationKernel&) = delete;
  ActivationKernel& operator=(const ActivationKernel&) = delete;
  virtual ~ActivationKernel() = default;
  virtual void forward(const ForwardCall<T>& call) const = 0;
  virtual void backward(const BackwardCall<T>& call) const = 0;
};

/// What bounds on a function need to know of it.
struct ActivationShape {
  double lipschitz = 1.0;             ///< |φ(x) − φ(y)| ≤ lipschitz · |x − y|; a learned slope is not counted
  double dead_below = kNowhereBelow;  ///< φ'(z) = 0 for all z ≤ this, and φ is 0 there
  double dead_above = kNowhereAbove;  ///< φ'(z) = 0 for all z ≥ this
  double lowest = kNowhereBelow;      ///< φ is never below this
  double highest = kNowhereAbove;     ///< φ is never above this
  double valley = kNowhereBelow;      ///< φ falls up to about here and rises from here on; −∞: it only rises
  bool saturates = true;              ///< φ' comes near 0 somewhere; a leaky slope, however small, is one to learn by
  static constexpr double kNowhereBelow = -std::numeric_limits<double>::infinity();
  static constexpr double kNowhereAbove = std::numeric_limits<double>::infinity();
  /// Whether a unit with this function can die at all (a learned slope of exactly 0 aside).
  [[nodiscard]] bool mortal() const { return dead_below > kNowhereBelow || dead_above < kNowhereAbove; }
  /// Whether φ' = 0 for every z in [low, high]; false if an end is NaN.
  [[nodiscard]] bool is_dead_between(double low, double high) const { return high <= dead_below || low >= dead_above; }
};

struct ActivationEntry : Entry {
  std::unique_ptr<ActivationKernel<float>> (*make_float)(const ParamValues&) = nullptr;
  std::unique_ptr<ActivationKernel<double>> (*make_double)(const ParamValues&) = nullptr;
  /// Slope for z < 0 that initialisers use in their gain (He et al. 2015, section 2.2): 0 unless the function is
  /// linear there.
  double (*negative_slope)(const ParamValues&) = nullptr;
  ActivationShape (*shape)(const ParamValues&) = nullptr;
  /// Where φ is not smooth: it, its slope, or that one's slope jumps. An integral over φ is taken between them.
  std::vector<double> (*kinks)(const ParamValues&) = nullptr;
  /// Where φ is z for z > 0 and slope·z otherwise: E[slope²], over the draws where the slope is random.
  std::optional<double> (*negative_slope_square)(const ParamValues&) = nullptr;
  bool learned_slope = false;
  bool random = false;   ///< draws random numbers in training (rrelu)
  bool coupled = false;  ///< each output depends on all units' z (softmax): of the output layer alone, and no curve

  template <class T>
  std::unique_ptr<ActivationKernel<T>> make(const ParamValues& values) const {
    if constexpr (std::is_same_v<T, float>) {
      return make_float(values);
    } else {
      return make_double(values);
    }
  }
};

/// relu, leaky_relu, prelu, elu, … with PyTorch's defaults, and softmax.
std::span<const ActivationEntry> activation_table();

/// a = φ(z) and d = φ'(z) for each z: evaluation mode, and for prelu the initial slope (`reluscope curves`). Not for
/// one that is coupled.
void evaluate_activation(const Choice& choice, std::span<const double> z, std::span<double> a, std::span<double> d);

}  // namespace reluscope
