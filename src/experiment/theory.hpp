#pragma once
// What mean-field theory says of a network before it is trained, and the same measured on fresh initialisations.
//
// For wide layers with independent weights of mean 0, pre-activations are normal. For a sample x whose layer ℓ has
// variance s and bias mean m,
//   z ~ N(m, s),  q = s + m²,  s' = n Var[w'] E[φ(z)²] + Var[b'],  s₁ = Var[w₁] ‖x‖² + Var[b₁]
// with n the units of the layer (Poole et al. 2016, eq. 2–4), and backwards
//   E[δ²] = E[δ'²] n' Var[w'] E[φ'(z)²]
// with n' the units of the layer above (Schoenholz et al. 2017, eq. 14). χ₁ = n Var[w'] E[φ'(z)²] is how the squared
// length of a small difference, and for layers of one width that of a gradient, grows through a layer: below 1 the
// network is ordered (gradients vanish), above 1 chaotic (they explode). Inverted dropout multiplies E[φ²] and E[φ'²]
// by 1/(1 − p).
//
// In a convolution n is c times the positions that a window sees (He et al. 2015, section 2.2), on average over its
// places: zero padding is left out. Of the data it is counted exactly how often each value is seen. Beyond that all
// positions are taken for alike. δ_rms is over samples and units, the positions of a unit summed in square. Behind a
// norm with scale 1 and shift 0, z ~ N(0, 1) whatever feeds it, where the variance is far above ε; how gradients pass
// one depends on how alike the samples are (Yang et al. 2019), and is left out.
//
// The δ of the outputs comes from the loss at random outputs of the predicted variance, with the data's
// own targets.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "config/spec.hpp"
#include "data/dataset.hpp"
#include "trace/theory_record.hpp"
#include "util/thread_pool.hpp"

namespace reluscope {

/// A measured mean with its 95 % confidence interval.
struct Interval {
  double value = 0.0;
  double low = 0.0;
  double high = 0.0;
};

struct TheoryLayer {
  std::string name;
  std::string activation;
  std::int64_t units = 0;
  std::optional<std::int64_t> fan_in;     ///< absent, as the next, where no map feeds it directly
  std::optional<double> weight_variance;  ///< fan_in · Var[w]
  /// Absent where weights have a mean other than 0, here or below, behind pools and sums: the theory does not cover
  /// that.
  std::optional<double> q;
  std::optional<double> delta_rms;  ///< absent also where that is so above, and below a norm
  std::optional<double> chi1;       ///< absent for the output layer, and below a norm
  std::optional<Interval> q_sampled;
  std::optional<Interval> delta_rms_sampled;
};

/// P(some hidden layer is dead for every input), at initialisation.
struct BornDeadTheory {
  std::optional<double> lower;
  std::optional<double> upper;
  std::optional<Interval> sampled;
};

struct Theory {
  std::vector<TheoryLayer> layers;
  /// The weights come from a file: nothing is drawn, and there is nothing to predict or to sample.
  bool from_file = false;
  /// Σ 1/n over the hidden layers: the fourth moments of the entries of a ReLU network's input-output Jacobian lie
  /// between exponentials of two multiples of it (Hanin 2018, theorem 1).
  double hanin_sum = 0.0;
  std::optional<double> gradient_moment_ratio;  ///< relu_moment_ratio(), of ReLU networks without dropout
  BornDeadTheory born_dead;
  std::int64_t samples = 0;  ///< fresh networks measured
};

/// The predictions alone.
Theory predict(const ExperimentSpec& spec, const Dataset& dataset);

/// The predictions, and the same measured on `samples` networks with the seeds spec.seed, spec.seed + 1, …; none where
/// the weights come from a file.
Theory predict_and_sample(const ExperimentSpec& spec, const Dataset& dataset, std::int64_t samples, ThreadPool& pool);

/// Between initialisations of a ReLU network: E[‖δ‖⁴] / E[‖δ‖²]² of δ = ∂L/∂z in the first hidden layer, for a given
/// gradient at the output. In each hidden layer of n units a fixed vector v becomes D Wᵀ v, where D keeps each unit
/// with probability 1/2, independently of W (Hanin & Nica 2020). For normal weights with Var[w] = 2/n that has E[‖·‖²]
/// = ‖v‖² and E[‖·‖⁴] = (4/n²)(n·3/2 + n(n − 1)/4)‖v‖⁴ = (1 + 5/n)‖v‖⁴, so the whole is Π (1 + 5/n), about exp(5 Σ
/// 1/n), for normal weights of any variance; others change the 5 by their excess kurtosis over the units above.
/// `hidden`: units of each hidden layer.
double relu_moment_ratio(std::span<const Index> hidden);

/// Bounds on the probability that a network whose activation is dead for z ≤ 0 is born dead, for weights and biases
/// that are symmetric about 0. Upper: at one input each unit is active with probability 1/2, whatever the layer below
/// says, so it survives there with probability Π(1 − 2^−n) (Lu et al. 2019, theorem 3). Lower, for one input feature
/// and biases of 0: the network is linear on either side of 0, and lives while it does on one of them. With A and B for
/// these, P(A or B) = 2 Π(1 − 2^−n) − P(A and B); where both live, a unit is inactive on both with probability
/// (π − θ)/(2π), at least 1/4 since the angle θ between two vectors of activations is at most π/2, so both survive a
/// layer with probability 1 − 2·2^−n + 4^−n or more; in the first layer, where θ = π, with 1 − 2·2^−n.
/// `hidden`: units of each hidden layer.
double born_dead_upper_bound(std::span<const Index> hidden);
double born_dead_lower_bound(std::span<const Index> hidden);

/// The rows of theory.csv.
std::vector<TheoryRecord> theory_records(const Theory& theory);

/// theory.csv as text.
std::string theory_csv(const Theory& theory);
/// The whole as JSON.
std::string theory_json(const Theory& theory);

}  // namespace reluscope
