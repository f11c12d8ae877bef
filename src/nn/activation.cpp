#include "nn/activation.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "nn/activation_kernel.hpp"
#include "nn/softmax.hpp"
#include "util/random.hpp"

namespace reluscope {

template <class T>
void BatchSums<T>::resize(Index units) {
  for (Vector<T>* sum : {&z_sum, &z_square, &z_max, &a_sum, &a_square, &a_max, &zeros, &active}) sum->setZero(units);
}

template <class T>
void ActivitySums<T>::resize(Index units) {
  for (Vector<T>* sum : {&margin, &column}) sum->setZero(units);
}

template <class T>
void CensusSums<T>::resize(Index units) {
  for (Vector<T>* sum : {&margin, &active, &steepest, &a_abs, &a_sum, &zeros, &live_samples}) sum->setZero(units);
}

template <class T>
void BatchSums<T>::add(const BatchSums& other) {
  z_sum += other.z_sum;
  z_square += other.z_square;
  z_max = z_max.cwiseMax(other.z_max);
  a_sum += other.a_sum;
  a_square += other.a_square;
  a_max = a_max.cwiseMax(other.a_max);
  zeros += other.zeros;
  active += other.active;
}

template <class T>
void ActivitySums<T>::add(const ActivitySums& other, Index sample) {
  for (Index unit = 0; unit < margin.size(); ++unit) {
    if (!is_nearer(other.margin[unit], margin[unit])) continue;
    margin[unit] = other.margin[unit];
    column[unit] = static_cast<T>(sample);
  }
}

template <class T>
void CensusSums<T>::add(const CensusSums& sample) {
  for (Index unit = 0; unit < margin.size(); ++unit) {
    if (is_nearer(sample.margin[unit], margin[unit])) margin[unit] = sample.margin[unit];
    if (!(sample.margin[unit] >= T(0))) live_samples[unit] += T(1);
  }
  active += sample.active;
  steepest = steepest.cwiseMax(sample.steepest);
  a_abs += sample.a_abs;
  a_sum += sample.a_sum;
  zeros += sample.zeros;
}

template struct BatchSums<float>;
template struct BatchSums<double>;
template struct ActivitySums<float>;
template struct ActivitySums<double>;
template struct CensusSums<float>;
template struct CensusSums<double>;

namespace {

/// What `margin` is where a function cannot die.
template <class T>
Block<T> never() {
  return fill_block(-std::numeric_limits<T>::infinity());
}

/// Functions whose derivative is nowhere exactly 0 on an interval cannot die.
struct NeverDead {
  static constexpr bool kLearnedSlope = false;
  template <class T>
  Block<T> margin(const Place<T>& /*at*/, Block<T> /*z*/) const {
    return never<T>();
  }
};

/// Functions that are `scale`·(something with derivative 0 only if scale = 0) for z ≤ 0: dead there if scale is 0.
template <class T>
Block<T> margin_of_scaled_negative(Block<T> z, double scale) {
  return static_cast<T>(scale) == T(0) ? -z : never<T>();
}

using Shape = ActivationShape;
constexpr double kNowhere = Shape::kNowhereBelow;

/// Functions that are dead below 0 if their scale there is 0.
Shape scaled_negative(double lipschitz, double scale, double lowest) {
  if (scale == 0.0) return {.lipschitz = lipschitz, .dead_below = 0.0, .lowest = 0.0};
  return {.lipschitz = lipschitz, .lowest = lowest};
}
/// The same of functions that are linear there.
Shape leaky(double slope) {
  Shape shape = scaled_negative(std::max(1.0, slope), slope, kNowhere);
  shape.saturates = slope == 0.0;
  return shape;
}

struct Identity : NeverDead {
  explicit Identity(const ParamValues& /*params*/) {}
  [[nodiscard]] static Shape shape() { return {.saturates = false}; }
  [[nodiscard]] static std::vector<double> kinks() { return {}; }
  [[nodiscard]] static double negative_slope_square() { return 1.0; }
  template <class T>
  Response<T> operator()(const Place<T>& /*at*/, Block<T> z) const {
    return {z, fill_block(T(1))};
  }
};

/// max(0, z). Nair & Hinton 2010. φ'(0) = 0. Written so that a NaN stays one.
struct Relu {
  static constexpr bool kLearnedSlope = false;
  explicit Relu(const ParamValues& /*params*/) {}
  [[nodiscard]] static Shape shape() { return {.dead_below = 0.0, .lowest = 0.0}; }
  [[nodiscard]] static std::vector<double> kinks() { return {0.0}; }
  [[nodiscard]] static double negative_slope_square() { return 0.0; }
  template <class T>
  Response<T> operator()(const Place<T>& /*at*/, Block<T> z) const {
    const Block<T> zero{};
    const Block<T> one = fill_block(T(1));
    return {z <= T(0) ? zero : z, z <= T(0) ? zero : one};
  }
  template <class T>
  Block<T> margin(const Place<T>& /*at*/, Block<T> z) const {
    return -z;
  }
};

/// z for z > 0, slope·z otherwise: what leaky_relu, prelu and rrelu share.
template <class T>
Response<T> two_slopes(Block<T> z, Block<T> slope) {
  const Block<T> one = fill_block(T(1));
  const Block<T> derivative = z > T(0) ? one : slope;
  return {z * derivative, derivative};
}

/// z for z > 0, negative_slope·z otherwise. Maas et al. 2013.
struct LeakyRelu {
  static constexpr bool kLearnedSlope = false;
  explicit LeakyRelu(const ParamValues& params) : negative_slope(params.number("negative_slope")) {}
  [[nodiscard]] Shape shape() const { return leaky(negative_slope); }
  [[nodiscard]] static std::vector<double> kinks() { return {0.0}; }
  [[nodiscard]] double negative_slope_square() const { return negative_slope * negative_slope; }
  template <class T>
  Response<T> operator()(const Place<T>& /*at*/, Block<T> z) const {
    return two_slopes<T>(z, fill_block(static_cast<T>(negative_slope)));
  }
  template <class T>
  Block<T> margin(const Place<T>& /*at*/, Block<T> z) const {
    return margin_of_scaled_negative<T>(z, negative_slope);
  }
  double negative_slope;
};

/// Leaky relu with a learned slope. He et al. 2015, eq. 1; gradient of the slope: eq. 6.
struct Prelu {
  static constexpr bool kLearnedSlope = true;
  explicit Prelu(const ParamValues& params) : init(params.number("init")) {}
  [[nodiscard]] static Shape shape() { return {.saturates = false}; }
  [[nodiscard]] static std::vector<double> kinks() { return {0.0}; }
  [[nodiscard]] double negative_slope_square() const { return init * init; }
  template <class T>
  Response<T> operator()(const Place<T>& at, Block<T> z) const {
    return two_slopes<T>(z, at.slope);
  }
  template <class T>
  Block<T> margin(const Place<T>& at, Block<T> z) const {
    const Block<T> alive = never<T>();
    return at.slope == T(0) ? -z : alive;
  }
  double init;  ///< slope at the start
};

/// Leaky relu whose slope is drawn from U(lower, upper) for each element while training, and is the mean
/// (lower + upper)/2 in evaluation. Xu et al. 2015.
struct Rrelu {
  static constexpr bool kLearnedSlope = false;
  explicit Rrelu(const ParamValues& params) : lower(params.number("lower")), upper(params.number("upper")) {}
  [[nodiscard]] Shape shape() const { return leaky(upper); }
  [[nodiscard]] static std::vector<double> kinks() { return {0.0}; }
  [[nodiscard]] double negative_slope_square() const { return (lower * lower + lower * upper + upper * upper) / 3.0; }
  template <class T>
  Response<T> operator()(const Place<T>& at, Block<T> z) const {
    const T low = static_cast<T>(lower);
    const T width = static_cast<T>(upper - lower);
    Block<T> slope = fill_block(low + width * T(0.5));
    if (at.random.sampling) {
      // Four units share a Philox block; 2^20 blocks are set aside for each column.
      float uniform[4];
      for (int lane = 0; lane < kLanes<T>; ++lane) {
        const auto element = static_cast<std::uint64_t>(at.unit + lane);
        if (lane == 0 || element % 4 == 0)
          uniform_block(at.random.seed, Purpose::noise, at.random.stream,
                        (static_cast<std::uint64_t>(at.column) << 20) + element / 4, uniform);
        slope[lane] = low + width * static_cast<T>(uniform[element % 4]);
      }
    }
    return two_slopes<T>(z, slope);
  }
  template <class T>
  Block<T> margin(const Place<T>& /*at*/, Block<T> z) const {
    return margin_of_scaled_negative<T>(z, upper);
  }
  double lower;
  double upper;
};

/// z for z > 0, outer·(exp(inner·z) − 1) otherwise: elu, selu and celu are members of this family.
struct ExponentialUnit {
  static constexpr bool kLearnedSlope = false;
  double positive;  ///< slope for z > 0
  double outer;
  double inner;
  [[nodiscard]] Shape shape() const {
    return scaled_negative(std::max(positive, std::abs(outer * inner)), outer, -std::abs(outer));
  }
  [[nodiscard]] static std::vector<double> kinks() { return {0.0}; }
  template <class T>
  Response<T> operator()(const Place<T>& /*at*/, Block<T> z) const {
    const Block<T> x = min_block(static_cast<T>(inner) * z, Block<T>{});
    const Block<T> e = exp_block(x);
    const Block<T> left = static_cast<T>(outer) * expm1_block(x, e);
    const Block<T> right = static_cast<T>(positive) * z;
    const Block<T> left_slope = static_cast<T>(outer * inner) * e;
    const Block<T> right_slope = fill_block(static_cast<T>(positive));
    return {z <= T(0) ? left : right, z <= T(0) ? left_slope : right_slope};
  }
  template <class T>
  Block<T> margin(const Place<T>& /*at*/, Block<T> z) const {
    return margin_of_scaled_negative<T>(z, outer);
  }
};

/// Clevert et al. 2016, eq. 15.
struct Elu : ExponentialUnit {
  explicit Elu(const ParamValues& params) : ExponentialUnit{1.0, params.number("alpha"), 1.0} {}
};

/// Klambauer et al. 2017, eq. 2, with the fixed point's constants of its appendix.
struct Selu : ExponentialUnit {
  static constexpr double kAlpha = 1.6732632423543772848170429916717;
  static constexpr double kScale = 1.0507009873554804934193349852946;
  explicit Selu(const ParamValues& /*params*/) : ExponentialUnit{kScale, kScale * kAlpha, 1.0} {}
};

/// Barron 2017, eq. 2: continuously differentiable for every alpha.
struct Celu : ExponentialUnit {
  explicit Celu(const ParamValues& params)
      : ExponentialUnit{1.0, params.number("alpha"), 1.0 / params.number("alpha")} {}
};

/// z Φ(z). Hendrycks & Gimpel 2016; with approximate = tanh: 0.5 z (1 + tanh(√(2/π)(z + 0.044715 z³))).
struct Gelu : NeverDead {
  explicit Gelu(const ParamValues& params) : tanh(params.text("approximate") == "tanh") {}
  /// Both forms: φ' is largest at about √2.
  [[nodiscard]] static Shape shape() { return {.lipschitz = 1.13, .lowest = -0.1701, .valley = -0.752}; }
  [[nodiscard]] static std::vector<double> kinks() { return {}; }
  template <class T>
  Response<T> operator()(const Place<T>& /*at*/, Block<T> z) const {
    const Block<T> square = z * z;
    if (tanh) {
      constexpr T kSqrtTwoOverPi = T(0.79788456080286535588);
      constexpr T kCubic = T(0.044715);
      const Block<T> t = tanh_block(kSqrtTwoOverPi * z * (T(1) + kCubic * square));
      const Block<T> inner_slope = kSqrtTwoOverPi * (T(1) + T(3) * kCubic * square);
      return {T(0.5) * z * (T(1) + t), T(0.5) * (T(1) + t) + T(0.5) * z * (T(1) - t * t) * inner_slope};
    }
    constexpr T kInverseSqrtTwoPi = T(0.39894228040143267794);
    const Block<T> gauss = exp_block(T(-0.5) * square);
    const Block<T> cdf = normal_cdf_block(z, gauss);
    return {z * cdf, cdf + z * gauss * kInverseSqrtTwoPi};
  }
  bool tanh;
};

/// z σ(z), also called swish. Elfwing et al. 2017; Ramachandran et al. 2017.
struct Silu : NeverDead {
  explicit Silu(const ParamValues& /*params*/) {}
  [[nodiscard]] static Shape shape() { return {.lipschitz = 1.1, .lowest = -0.27847, .valley = -1.2785}; }
  [[nodiscard]] static std::vector<double> kinks() { return {}; }
  template <class T>
  Response<T> operator()(const Place<T>& /*at*/, Block<T> z) const {
    const Block<T> s = sigmoid_block(z);
    return {z * s, s * (T(1) + z * (T(1) - s))};
  }
};

/// z tanh(softplus(z)). Misra 2019. With e = exp z, tanh(softplus z) = (e² + 2e)/(e² + 2e + 2).
struct Mish : NeverDead {
  explicit Mish(const ParamValues& /*params*/) {}
  [[nodiscard]] static Shape shape() { return {.lipschitz = 1.09, .lowest = -0.30885, .valley = -1.1925}; }
  [[nodiscard]] static std::vector<double> kinks() { return {}; }
  template <class T>
  Response<T> operator()(const Place<T>& /*at*/, Block<T> z) const {
    const Block<T> e = exp_block(min_block(z, fill_block(T(20))));  // above 20 the quotient is 1 in double already
    const Block<T> n = e * (e + T(2));
    const Block<T> t = n / (n + T(2));
    // dt/dz = (1 − t²) σ(z), with 1 − t = 2/(n + 2) kept free of cancellation.
    const Block<T> one_minus_t = T(2) / (n + T(2));
    return {z * t, t + z * one_minus_t * (T(1) + t) * (e / (T(1) + e))};
  }
};

/// log(1 + exp(beta z))/beta, linear where beta z > threshold. Dugas et al. 2001; PyTorch's threshold.
struct Softplus : NeverDead {
  explicit Softplus(const ParamValues& params) : beta(params.number("beta")), threshold(params.number("threshold")) {}
  [[nodiscard]] static Shape shape() { return {.lowest = 0.0}; }
  [[nodiscard]] std::vector<double> kinks() const { return {threshold / beta}; }
  template <class T>
  Response<T> operator()(const Place<T>& /*at*/, Block<T> z) const {
    const T b = static_cast<T>(beta);
    const T limit = static_cast<T>(threshold);
    const Block<T> x = b * z;
    const Block<T> e = exp_block(min_block(x, fill_block(limit)));
    const Block<T> soft = log1p_block(e) / b;
    const Block<T> slope = e / (T(1) + e);
    const Block<T> one = fill_block(T(1));
    return {x <= limit ? soft : z, x <= limit ? slope : one};  // a NaN passes through
  }
  double beta;
  double threshold;
};

struct Sigmoid : NeverDead {
  explicit Sigmoid(const ParamValues& /*params*/) {}
  [[nodiscard]] static Shape shape() { return {.lipschitz = 0.25, .lowest = 0.0, .highest = 1.0}; }
  [[nodiscard]] static std::vector<double> kinks() { return {}; }
  template <class T>
  Response<T> operator()(const Place<T>& /*at*/, Block<T> z) const {
    const Block<T> s = sigmoid_block(z);
    return {s, s * sigmoid_block(-z)};  // σ' = σ(z) σ(−z): no cancellation for large z
  }
};

struct Tanh : NeverDead {
  explicit Tanh(const ParamValues& /*params*/) {}
  [[nodiscard]] static Shape shape() { return {.lowest = -1.0, .highest = 1.0}; }
  [[nodiscard]] static std::vector<double> kinks() { return {}; }
  template <class T>
  Response<T> operator()(const Place<T>& /*at*/, Block<T> z) const {
    const Block<T> t = tanh_block(z);
    return {t, T(1) - t * t};
  }
};

/// min(max(0, z), 6). Krizhevsky 2010. Dead on both sides.
struct Relu6 {
  static constexpr bool kLearnedSlope = false;
  explicit Relu6(const ParamValues& /*params*/) {}
  [[nodiscard]] static Shape shape() { return {.dead_below = 0.0, .dead_above = 6.0, .lowest = 0.0, .highest = 6.0}; }
  [[nodiscard]] static std::vector<double> kinks() { return {0.0, 6.0}; }
  template <class T>
  Response<T> operator()(const Place<T>& /*at*/, Block<T> z) const {
    const Block<T> zero{};
    const Block<T> one = fill_block(T(1));
    const Block<T> six = fill_block(T(6));
    const Block<T> capped = z >= T(6) ? six : z;
    const Block<T> slope = z >= T(6) ? zero : one;
    return {z <= T(0) ? zero : capped, z <= T(0) ? zero : slope};
  }
  template <class T>
  Block<T> margin(const Place<T>& /*at*/, Block<T> z) const {
    return max_block(-z, z - T(6));
  }
};

/// z·relu6(z + 3)/6. Howard et al. 2019. Its derivative is 0 on z ≤ −3 and 1 on z ≥ 3, so it dies on the left only.
struct Hardswish {
  static constexpr bool kLearnedSlope = false;
  explicit Hardswish(const ParamValues& /*params*/) {}
  [[nodiscard]] static Shape shape() {
    return {.lipschitz = 1.5, .dead_below = -3.0, .lowest = -0.375, .valley = -1.5};
  }
  [[nodiscard]] static std::vector<double> kinks() { return {-3.0, 3.0}; }
  template <class T>
  Response<T> operator()(const Place<T>& /*at*/, Block<T> z) const {
    const Block<T> zero{};
    const Block<T> one = fill_block(T(1));
    const Block<T> middle = z * (z + T(3)) / T(6);
    const Block<T> middle_slope = z / T(3) + T(0.5);
    const Block<T> a = z >= T(3) ? z : middle;
    const Block<T> d = z >= T(3) ? one : middle_slope;
    return {z <= T(-3) ? zero : a, z <= T(-3) ? zero : d};
  }
  template <class T>
  Block<T> margin(const Place<T>& /*at*/, Block<T> z) const {
    return T(-3) - z;
  }
};

template <class T, class Phi>
std::unique_ptr<ActivationKernel<T>> make_kernel(const ParamValues& params) {
  return std::make_unique<FusedKernel<T, Phi>>(Phi(params));
}

double no_slope(const ParamValues& /*params*/) { return 0.0; }

template <class Phi>
ActivationEntry entry(std::string name, std::vector<std::string> aliases, std::vector<Param> params, std::string doc,
                      double (*negative_slope)(const ParamValues&) = no_slope) {
  ActivationEntry row;
  row.name = std::move(name);
  row.aliases = std::move(aliases);
  row.params = std::move(params);
  row.doc = std::move(doc);
  row.make_float = make_kernel<float, Phi>;
  row.make_double = make_kernel<double, Phi>;
  row.negative_slope = negative_slope;
  row.shape = [](const ParamValues& values) { return Phi(values).shape(); };
  row.kinks = [](const ParamValues& values) { return Phi(values).kinks(); };
  row.negative_slope_square = [](const ParamValues& values) -> std::optional<double> {
    if constexpr (requires(const Phi& phi) { phi.negative_slope_square(); }) return Phi(values).negative_slope_square();
    return std::nullopt;
  };
  row.learned_slope = Phi::kLearnedSlope;
  row.random = std::is_same_v<Phi, Rrelu>;
  return row;
}

ActivationEntry softmax_entry() {
  ActivationEntry row;
  row.name = "softmax";
  row.doc = "exp(z)/Σ exp(z) over the units of the output layer (Bridle 1990); nowhere else";
  row.make_float = [](const ParamValues&) { return make_softmax_kernel<float>(); };
  row.make_double = [](const ParamValues&) { return make_softmax_kernel<double>(); };
  row.negative_slope = no_slope;
  row.shape = [](const ParamValues&) -> ActivationShape { return {.lowest = 0.0, .highest = 1.0}; };
  row.kinks = [](const ParamValues&) { return std::vector<double>(); };
  row.negative_slope_square = [](const ParamValues&) -> std::optional<double> { return std::nullopt; };
  row.coupled = true;
  return row;
}

std::vector<ActivationEntry> make_table() {
  std::vector<ActivationEntry> table;
  table.push_back(entry<Identity>("identity", {"linear"}, {}, "z: no activation"));
  table.push_back(entry<Relu>("relu", {}, {}, "max(0, z); derivative 0 at 0 (Nair & Hinton 2010)"));
  table.push_back(entry<LeakyRelu>(
      "leaky_relu", {"lrelu"}, {number("negative_slope", 0.01, "slope for z ≤ 0; Keras' layer has 0.3").at_least(0)},
      "z for z > 0, negative_slope·z otherwise (Maas et al. 2013)",
      [](const ParamValues& params) { return params.number("negative_slope"); }));
  table.push_back(entry<Prelu>(
      "prelu", {},
      {number("init", 0.25, "initial slope for z ≤ 0; Keras has 0"),
       text("slopes", "unit", "one learned slope per unit (as Keras) or one per layer (as PyTorch's default)")
           .one_of({"unit", "layer"}),
       boolean("weight_decay", false, "whether weight_decay pulls the slopes towards 0 as well")},
      "leaky relu with a learned slope (He et al. 2015)",
      [](const ParamValues& params) { return params.number("init"); }));
  table.push_back(entry<Rrelu>(
      "rrelu", {},
      {number("lower", 1.0 / 8.0, "lower bound of the random slope").at_least(0),
       number("upper", 1.0 / 3.0, "upper bound of the random slope").at_least(0)},
      "leaky relu with slope U(lower, upper) per element in training, the mean 11/48 in evaluation (Xu et al. 2015)",
      [](const ParamValues& params) { return 0.5 * (params.number("lower") + params.number("upper")); }));
  table.push_back(entry<Elu>("elu", {}, {number("alpha", 1.0, "height of the negative plateau").at_least(0)},
                             "z for z > 0, alpha·(exp z − 1) otherwise (Clevert et al. 2016)"));
  table.push_back(entry<Selu>("selu", {}, {}, "scaled elu with self-normalising constants (Klambauer et al. 2017)"));
  table.push_back(entry<Celu>("celu", {}, {number("alpha", 1.0, "scale of the exponential").above(0)},
                              "z for z > 0, alpha·(exp(z/alpha) − 1) otherwise (Barron 2017)"));
  table.push_back(entry<Gelu>(
      "gelu", {},
      {text("approximate", "none", "none: exact, with Φ; tanh: the tanh approximation").one_of({"none", "tanh"})},
      "z·Φ(z) (Hendrycks & Gimpel 2016)"));
  table.push_back(entry<Silu>("silu", {"swish"}, {}, "z·σ(z) (Elfwing et al. 2017)"));
  table.push_back(entry<Mish>("mish", {}, {}, "z·tanh(softplus z) (Misra 2019)"));
  table.push_back(entry<Softplus>("softplus", {},
                                  {number("beta", 1.0, "sharpness").above(0),
                                   number("threshold", 20.0, "linear where beta·z exceeds this").above(0).at_most(80)},
                                  "log(1 + exp(beta z))/beta (Dugas et al. 2001)"));
  table.push_back(entry<Sigmoid>("sigmoid", {"logistic"}, {}, "1/(1 + exp(−z))"));
  table.push_back(entry<Tanh>("tanh", {}, {}, "tanh z"));
  table.push_back(entry<Relu6>("relu6", {}, {}, "min(max(0, z), 6): dead on both sides (Krizhevsky 2010)"));
  table.push_back(
      entry<Hardswish>("hardswish", {"hard_swish"}, {}, "z·relu6(z + 3)/6: dead for z ≤ −3 (Howard et al. 2019)"));
  table.push_back(softmax_entry());
  return table;
}

}  // namespace

std::span<const ActivationEntry> activation_table() {
  static const std::vector<ActivationEntry> table = make_table();
  return table;
}

void evaluate_activation(const Choice& choice, std::span<const double> z, std::span<double> a, std::span<double> d) {
  const ActivationEntry* entry = find_entry(activation_table(), choice.name);
  const auto kernel = entry->make<double>(choice.params);
  // One unit, a column per value: what forward leaves in z is φ'(z), except where the slope is learned.
  Matrix<double> saved(1, static_cast<Index>(z.size()));
  std::copy(z.begin(), z.end(), saved.data());
  const double bias = 0.0;
  const double slope = entry->learned_slope ? entry->negative_slope(choice.params) : 0.0;
  ForwardCall<double> call;
  call.units = 1;
  call.columns = saved.cols();
  call.z = saved.data();
  call.a = a.data();
  call.stride = 1;
  call.bias = &bias;
  call.slopes = &slope;
  kernel->forward(call);
  for (std::size_t at = 0; at < z.size(); ++at)
    d[at] = entry->learned_slope ? (z[at] > 0 ? 1.0 : slope) : saved(0, static_cast<Index>(at));
}

}  // namespace reluscope
