#include "optim/update_rule.hpp"

#include <algorithm>
#include <cmath>

#include "optim/sweep.hpp"
#include "util/portable_math.hpp"

namespace reluscope {

SweepSums& SweepSums::operator+=(const SweepSums& other) {
  gradient_square += other.gradient_square;
  gradient_max = other.gradient_max > gradient_max ? other.gradient_max : gradient_max;
  gradient_abs += other.gradient_abs;
  gradient_zeros += other.gradient_zeros;
  value_square += other.value_square;
  update_square += other.update_square;
  return *this;
}

namespace {

/// L2 decay that goes through adaptive rates moves each element at its own pace: no common factor.
constexpr std::nullopt_t kOwnPace = std::nullopt;

/// Lower bound on Π (1 − pull·lr) over the steps to come: ln(1 − x) ≥ −x/(1 − x) for x in [0, 1).
std::optional<double> product_shrink(double pull, const RatesAhead& rates) {
  const double most = pull * rates.largest;
  if (!(most < 1.0)) return std::nullopt;
  return portable_exp(-pull * rates.sum / (1.0 - most)) * (1.0 - 1e-9);
}

/// What is left of a momentum buffer b that decays as μ^k b: Σ_k≥1 lr μ^k |b|.
double momentum_rest(double momentum, const RatesAhead& rates, double buffer) {
  return rates.largest * momentum / (1.0 - momentum) * std::abs(buffer) * (1.0 + 1e-6);
}

/// What most rules share. How they coast is not among it: each says that itself.
struct RuleBasics {
  static constexpr int kMaxState = 2;
  double weight_decay = 0.0;
  double initial_state = 0.0;
  [[nodiscard]] static StepFactors next(const StepFactors& /*previous*/, std::int64_t steps, double lr) {
    StepFactors factors;
    factors.lr = lr;
    factors.first = steps == 0;
    return factors;
  }
};

/// v ← μ v + (1 − dampening) g, v = g at the first step; θ ← θ − lr·v, or − lr·(g + μ v) with nesterov.
/// Polyak 1964; Sutskever et al. 2013. The rate stays outside the buffer, as in PyTorch.
struct Sgd final : RuleBasics {
  static constexpr bool kDecoupledDecay = false;
  explicit Sgd(const ParamValues& params)
      : momentum(params.number("momentum")), dampening(params.number("dampening")), nesterov(params.flag("nesterov")) {
    weight_decay = params.number("weight_decay");
  }
  [[nodiscard]] int state_count() const { return momentum == 0.0 ? 0 : 1; }
  [[nodiscard]] bool has_momentum() const { return momentum != 0.0; }
  /// With g = λθ alone, λ ≤ l2 in each step. μ = 0: θ ← (1 − lr λ) θ. μ > 0: the recurrence is linear, so θ_k = α_k θ_0
  /// + β_k v_0. While the ratio u = v/θ of the first part is in [0, U], it becomes (μu + λ)/(1 − lr(μu + λ)), which is
  /// at most U again if U is the smaller root of lr μ U² − (1 − μ − lr λ) U + λ = 0 for the largest lr; so α shrinks by
  /// 1 − lr(μU + λ) a step at most. β starts from 0, falls by at most Σ lr μ^k, and from where its v turns it is a part
  /// of the first kind, which only shrinks: |β| ≤ lr μ/(1 − μ).
  [[nodiscard]] std::optional<double> decay_shrink(double l2, double /*decoupled*/, const RatesAhead& rates) const {
    if (momentum == 0.0) return product_shrink(l2, rates);
    if (nesterov || dampening != 0.0 || rates.largest == 0.0) return std::nullopt;
    const double slope = 1.0 - momentum - rates.largest * l2;
    const double discriminant = slope * slope - 4.0 * rates.largest * momentum * l2;
    if (!(slope > 0.0 && discriminant >= 0.0)) return std::nullopt;
    const double ratio = (slope - std::sqrt(discriminant)) / (2.0 * rates.largest * momentum);
    return product_shrink((momentum * ratio + l2) * (1.0 + 1e-6), rates);
  }
  [[nodiscard]] double rest(const StepFactors& /*factors*/, const RatesAhead& rates, const double* state) const {
    return momentum == 0.0 ? 0.0 : momentum_rest(momentum, rates, state[0]);
  }
  template <class T>
  Block<T> step(const StepFactors& factors, Block<T> value, Block<T> g, Block<T>* state) const {
    const T lr = static_cast<T>(factors.lr);
    if (momentum == 0.0) return value - lr * g;
    const T mu = static_cast<T>(momentum);
    if (factors.first) {
      state[0] = g;
    } else {
      state[0] = mu * state[0] + static_cast<T>(1.0 - dampening) * g;
    }
    return value - lr * (nesterov ? g + mu * state[0] : state[0]);
  }
  double momentum;
  double dampening;
  bool nesterov;
};

/// Kingma & Ba 2015, algorithm 1, in PyTorch's arrangement:
/// θ ← θ − (lr/(1 − β₁^t)) m / (√v/√(1 − β₂^t) + eps).
struct AdamMoments : RuleBasics {
  explicit AdamMoments(const ParamValues& params)
      : beta1(params.numbers("betas")[0]), beta2(params.numbers("betas")[1]), eps(params.number("eps")) {
    weight_decay = params.number("weight_decay");
  }
  [[nodiscard]] static int state_count() { return 2; }
  /// Without a gradient m and v decay by β₁ and β₂, and both corrections grow, so the k-th update is at most
  /// lr/(1 − β₁^t) · min(|m|/√v · (β₁/√β₂)^k, |m|/eps · β₁^k). Moments that have sunk to where T's spacing keeps them
  /// from decaying move an element by less than 1e-18·lr a step.
  [[nodiscard]] double moments_rest(const StepFactors& factors, const RatesAhead& rates, const double* state) const {
    const double m = std::abs(state[0]);
    if (m == 0.0 || beta1 == 0.0) return 0.0;
    const double decay = beta1 / std::sqrt(beta2);
    double updates = m / eps * beta1 / (1.0 - beta1);
    if (decay < 1.0 && state[1] > 1e-20) updates = std::min(updates, m / std::sqrt(state[1]) * decay / (1.0 - decay));
    return rates.largest * (updates / factors.correction1 + rates.steps * 1e-18) * (1.0 + 1e-4);
  }
  [[nodiscard]] StepFactors next(const StepFactors& previous, std::int64_t steps, double lr) const {
    StepFactors factors = RuleBasics::next(previous, steps, lr);
    // 1 − β^t = 1 − β (1 − (1 − β^(t−1))), without pow.
    factors.correction1 = steps == 0 ? 1.0 - beta1 : 1.0 - beta1 * (1.0 - previous.correction1);
    factors.correction2 = steps == 0 ? 1.0 - beta2 : 1.0 - beta2 * (1.0 - previous.correction2);
    return factors;
  }
  template <class T>
  Block<T> step(const StepFactors& factors, Block<T> value, Block<T> g, Block<T>* state) const {
    state[0] = static_cast<T>(beta1) * state[0] + static_cast<T>(1.0 - beta1) * g;
    state[1] = static_cast<T>(beta2) * state[1] + static_cast<T>(1.0 - beta2) * g * g;
    const T rate = static_cast<T>(factors.lr / factors.correction1);
    const T root = static_cast<T>(1.0 / std::sqrt(factors.correction2));
    return value - rate * state[0] / (sqrt_block(state[1]) * root + static_cast<T>(eps));
  }
  double beta1;
  double beta2;
  double eps;
};

struct Adam final : AdamMoments {
  using AdamMoments::AdamMoments;
  static constexpr bool kDecoupledDecay = false;
  [[nodiscard]] bool has_momentum() const { return beta1 != 0.0; }
  [[nodiscard]] double rest(const StepFactors& factors, const RatesAhead& rates, const double* state) const {
    return moments_rest(factors, rates, state);
  }
  [[nodiscard]] static std::optional<double> decay_shrink(double /*l2*/, double /*decoupled*/,
                                                          const RatesAhead& /*rates*/) {
    return kOwnPace;
  }
};

/// Adam with decoupled weight decay θ ← θ − lr·λ θ. Loshchilov & Hutter 2019, algorithm 2.
struct AdamW final : AdamMoments {
  using AdamMoments::AdamMoments;
  static constexpr bool kDecoupledDecay = true;
  [[nodiscard]] bool has_momentum() const { return beta1 != 0.0; }
  [[nodiscard]] double rest(const StepFactors& factors, const RatesAhead& rates, const double* state) const {
    return moments_rest(factors, rates, state);
  }
  [[nodiscard]] static std::optional<double> decay_shrink(double l2, double decoupled, const RatesAhead& rates) {
    return l2 == 0.0 ? product_shrink(decoupled, rates) : kOwnPace;
  }
};

/// v ← α v + (1 − α) g²; centered: minus the square of the running mean; eps outside the root; optional momentum.
/// Tieleman & Hinton 2012; Graves 2013.
struct RmsProp final : RuleBasics {
  static constexpr bool kDecoupledDecay = false;
  static constexpr int kMaxState = 3;
  explicit RmsProp(const ParamValues& params)
      : alpha(params.number("alpha")),
        eps(params.number("eps")),
        momentum(params.number("momentum")),
        centered(params.flag("centered")) {
    weight_decay = params.number("weight_decay");
  }
  [[nodiscard]] int state_count() const { return 1 + (momentum > 0.0 ? 1 : 0) + (centered ? 1 : 0); }
  [[nodiscard]] bool has_momentum() const { return momentum != 0.0; }
  [[nodiscard]] double rest(const StepFactors& /*factors*/, const RatesAhead& rates, const double* state) const {
    return momentum == 0.0 ? 0.0 : momentum_rest(momentum, rates, state[centered ? 2 : 1]);
  }
  [[nodiscard]] static std::optional<double> decay_shrink(double /*l2*/, double /*decoupled*/,
                                                          const RatesAhead& /*rates*/) {
    return kOwnPace;
  }
  template <class T>
  Block<T> step(const StepFactors& factors, Block<T> value, Block<T> g, Block<T>* state) const {
    const T a = static_cast<T>(alpha);
    const T rest = static_cast<T>(1.0 - alpha);
    const T lr = static_cast<T>(factors.lr);
    state[0] = a * state[0] + rest * g * g;
    Block<T> spread = state[0];
    if (centered) {
      Block<T>& mean = state[1];
      mean = a * mean + rest * g;
      spread = max_block(Block<T>{}, state[0] - mean * mean);
    }
    const Block<T> scaled = g / (sqrt_block(spread) + static_cast<T>(eps));
    if (momentum == 0.0) return value - lr * scaled;
    Block<T>& buffer = state[centered ? 2 : 1];
    buffer = static_cast<T>(momentum) * buffer + scaled;
    return value - lr * buffer;
  }
  double alpha;
  double eps;
  double momentum;
  bool centered;
};

/// s ← s + g²; θ ← θ − lr/(1 + t·lr_decay) · g/(√s + eps). Duchi et al. 2011.
struct Adagrad final : RuleBasics {
  static constexpr bool kDecoupledDecay = false;
  explicit Adagrad(const ParamValues& params) : lr_decay(params.number("lr_decay")), eps(params.number("eps")) {
    weight_decay = params.number("weight_decay");
    initial_state = params.number("initial_accumulator_value");
  }
  [[nodiscard]] static int state_count() { return 1; }
  [[nodiscard]] static bool has_momentum() { return false; }
  [[nodiscard]] static double rest(const StepFactors& /*factors*/, const RatesAhead& /*rates*/,
                                   const double* /*state*/) {
    return 0.0;
  }
  [[nodiscard]] static std::optional<double> decay_shrink(double /*l2*/, double /*decoupled*/,
                                                          const RatesAhead& /*rates*/) {
    return kOwnPace;
  }
  [[nodiscard]] StepFactors next(const StepFactors& previous, std::int64_t steps, double lr) const {
    return RuleBasics::next(previous, steps, lr / (1.0 + static_cast<double>(steps) * lr_decay));
  }
  template <class T>
  Block<T> step(const StepFactors& factors, Block<T> value, Block<T> g, Block<T>* state) const {
    state[0] += g * g;
    return value - static_cast<T>(factors.lr) * g / (sqrt_block(state[0]) + static_cast<T>(eps));
  }
  double lr_decay;
  double eps;
};

template <class T, class Rule>
std::unique_ptr<UpdateRule<T>> make_rule(const ParamValues& params) {
  return std::make_unique<SweptRule<T, Rule>>(params);
}

template <class Rule>
OptimizerEntry entry(std::string name, std::vector<Param> params, std::string doc) {
  OptimizerEntry row;
  row.name = std::move(name);
  row.params = std::move(params);
  row.doc = std::move(doc);
  row.make_float = make_rule<float, Rule>;
  row.make_double = make_rule<double, Rule>;
  return row;
}

Param learning_rate(double fallback) { return number("lr", fallback, "learning rate").at_least(0); }
Param weight_decay(double fallback, std::string doc) {
  return number("weight_decay", fallback, std::move(doc)).at_least(0);
}
Param epsilon(double fallback) { return number("eps", fallback, "added to the root's result").above(0); }

std::vector<OptimizerEntry> make_table() {
  const std::string coupled = "L2 penalty added to the gradient";
  const auto betas = [] {
    return numbers("betas", {0.9, 0.999}, "decay of the first and second moment").of_length(2).at_least(0).below(1);
  };
  std::vector<OptimizerEntry> table;
  table.push_back(
      entry<Sgd>("sgd",
                 {learning_rate(0.01), number("momentum", 0.0, "μ of the momentum buffer").at_least(0).below(1),
                  number("dampening", 0.0, "the buffer takes (1 − dampening)·g").at_least(0).at_most(1),
                  boolean("nesterov", false, "Nesterov's look-ahead; needs momentum > 0 and no dampening"),
                  weight_decay(0.0, coupled)},
                 "stochastic gradient descent, with momentum (Polyak 1964) or nesterov (Sutskever et al. 2013)"));
  table.push_back(entry<Adam>("adam", {learning_rate(1e-3), betas(), epsilon(1e-8), weight_decay(0.0, coupled)},
                              "Kingma & Ba 2015; Keras' eps is 1e-7"));
  table.push_back(entry<AdamW>(
      "adamw",
      {learning_rate(1e-3), betas(), epsilon(1e-8), weight_decay(0.01, "decoupled: θ shrinks by lr·weight_decay")},
      "Adam with decoupled weight decay (Loshchilov & Hutter 2019)"));
  table.push_back(entry<RmsProp>(
      "rmsprop",
      {learning_rate(0.01), number("alpha", 0.99, "decay of the mean square").at_least(0).below(1), epsilon(1e-8),
       number("momentum", 0.0, "momentum of the scaled gradient").at_least(0).below(1),
       boolean("centered", false, "divide by the variance instead of the mean square"), weight_decay(0.0, coupled)},
      "Tieleman & Hinton 2012; eps outside the root, where Keras has it inside"));
  table.push_back(entry<Adagrad>(
      "adagrad",
      {learning_rate(0.01), number("lr_decay", 0.0, "the rate is lr/(1 + t·lr_decay)").at_least(0), epsilon(1e-10),
       number("initial_accumulator_value", 0.0, "what the sum of squares starts from").at_least(0),
       weight_decay(0.0, coupled)},
      "Duchi et al. 2011"));
  return table;
}

}  // namespace

std::span<const OptimizerEntry> optimizer_table() {
  static const std::vector<OptimizerEntry> table = make_table();
  return table;
}

}  // namespace reluscope
