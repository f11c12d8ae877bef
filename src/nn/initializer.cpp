#include "nn/initializer.hpp"

#include <Eigen/QR>
#include <cmath>

#include "util/portable_math.hpp"
#include "util/random.hpp"

namespace reluscope {

namespace {

template <class Draw>
void fill(Matrix<double>& weights, Draw draw) {
  // Unit by unit, so that the first units of a layer start alike in a wider one.
  for (Index unit = 0; unit < weights.rows(); ++unit)
    for (Index input = 0; input < weights.cols(); ++input) weights(unit, input) = draw();
}

Rng weight_stream(const InitContext& context) { return {context.seed, Purpose::weights, context.layer}; }
Rng bias_stream(const InitContext& context) { return {context.seed, Purpose::bias, context.layer}; }

void fill_normal(const InitContext& context, double std, InitialParameters& out) {
  Rng rng = weight_stream(context);
  fill(out.weights, [&] { return std * rng.normal(); });
}

void fill_uniform(const InitContext& context, double bound, InitialParameters& out) {
  Rng rng = weight_stream(context);
  fill(out.weights, [&] { return rng.uniform(-bound, bound); });
}

/// He et al. 2015, eq. 14: Var[w] = 2 / ((1 + a²) fan_in), or fan_out for the backward case (eq. 12).
double he_std(const ParamValues& params, const InitContext& context) {
  const double slope = params.maybe_number("negative_slope").value_or(context.negative_slope);
  const double gain = params.maybe_number("gain").value_or(std::sqrt(2.0 / (1.0 + slope * slope)));
  const Index fan = params.text("mode") == "fan_out" ? context.fan_out : context.fan_in;
  return gain / std::sqrt(static_cast<double>(fan));
}

/// Glorot & Bengio 2010, eq. 12 and 16: Var[w] = 2 / (fan_in + fan_out).
double glorot_std(const ParamValues& params, const InitContext& context) {
  return params.number("gain") * std::sqrt(2.0 / static_cast<double>(context.fan_in + context.fan_out));
}

/// LeCun et al. 1998, section 4.6: Var[w] = 1 / fan_in.
double lecun_std(const ParamValues& params, const InitContext& context) {
  return params.number("gain") / std::sqrt(static_cast<double>(context.fan_in));
}

void pytorch_default(const ParamValues& /*params*/, const InitContext& context, InitialParameters& out) {
  const double bound = 1.0 / std::sqrt(static_cast<double>(context.fan_in));
  fill_uniform(context, bound, out);
  Rng rng = bias_stream(context);
  for (double& value : out.bias) value = rng.uniform(-bound, bound);
}

/// Saxe et al. 2014: Q of the QR decomposition of a normal matrix, its signs fixed so that it is Haar distributed.
void orthogonal(const ParamValues& params, const InitContext& context, InitialParameters& out) {
  Rng rng = weight_stream(context);
  const Index longer = std::max(context.units(), context.fan_in);
  const Index shorter = std::min(context.units(), context.fan_in);
  Matrix<double> normal(longer, shorter);
  for (Index row = 0; row < longer; ++row)
    for (Index column = 0; column < shorter; ++column) normal(row, column) = rng.normal();
  const Eigen::HouseholderQR<Matrix<double>> qr(normal);
  Matrix<double> q = qr.householderQ() * Matrix<double>::Identity(longer, shorter);
  for (Index column = 0; column < shorter; ++column)
    if (qr.matrixQR()(column, column) < 0) q.col(column) = -q.col(column);
  out.weights = params.number("gain") * (context.units() >= context.fan_in ? q : Matrix<double>(q.transpose()));
}

/// Lu et al. 2019, section 4 (randomised asymmetric initialisation): each unit's weights and bias are normal, and one
/// of these fan_in + 1 numbers, chosen at random, is drawn from Beta(2, 1) instead, which is never negative.
void randomized_asymmetric(const ParamValues& params, const InitContext& context, InitialParameters& out) {
  Rng rng = weight_stream(context);
  const double std = params.number("std") / std::sqrt(static_cast<double>(context.fan_in));
  for (Index unit = 0; unit < context.units(); ++unit) {
    for (Index input = 0; input < context.fan_in; ++input) out.weights(unit, input) = std * rng.normal();
    out.bias[unit] = std * rng.normal();
    const auto chosen = static_cast<Index>(rng.below(static_cast<std::uint64_t>(context.fan_in) + 1));
    (chosen < context.fan_in ? out.weights(unit, chosen) : out.bias[unit]) = rng.beta21();
  }
}

/// Of weights with mean 0 and this standard deviation, and biases of 0.
InitMoments centered(double std) { return {{0.0, std * std}, {}}; }

Moments uniform_moments(double low, double high) { return {0.5 * (low + high), (high - low) * (high - low) / 12.0}; }

/// A normal distribution cut off at ±bound standard deviations keeps 1 − 2 b φ(b)/(2Φ(b) − 1) of its variance.
Moments truncated_normal_moments(double mean, double std, double bound) {
  const double density = 0.39894228040143267794 * portable_exp(-0.5 * bound * bound);
  return {mean, std * std * (1.0 - 2.0 * bound * density / (2.0 * normal_cdf(bound) - 1.0))};
}

/// Each of a unit's fan_in + 1 numbers is N(0, s²) with probability fan_in/(fan_in + 1), else Beta(2, 1), whose mean is
/// 2/3 and whose second moment is 1/2.
InitMoments randomized_asymmetric_moments(const ParamValues& params, const InitContext& context) {
  const auto fan_in = static_cast<double>(context.fan_in);
  const double std = params.number("std") / std::sqrt(fan_in);
  const double chosen = 1.0 / (fan_in + 1.0);
  Moments both;
  both.mean = chosen * 2.0 / 3.0;
  both.variance = (1.0 - chosen) * std * std + chosen * 0.5 - both.mean * both.mean;
  return {both, both};
}

std::vector<WeightInitEntry> make_weight_table() {
  const std::vector<Param> he = {
      unset("gain", ParamKind::number, "factor on 1/√fan; null: √(2/(1 + a²)) with the activation's slope a")
          .at_least(0),
      unset("negative_slope", ParamKind::number, "the slope a in the gain; null: the activation's own"),
      text("mode", "fan_in", "which fan keeps its variance: forward (fan_in) or backward (fan_out) signal")
          .one_of({"fan_in", "fan_out"})};
  const std::vector<Param> gain = {number("gain", 1.0, "factor on the standard deviation").at_least(0)};
  using P = const ParamValues&;
  using C = const InitContext&;
  using Out = InitialParameters&;
  // A uniform on ±√3·std has the standard deviation std.
  static constexpr double kSqrtThree = 1.7320508075688772935;
  return {
      {{"pytorch", {"torch_default"}, {}, "U(±1/√fan_in) for weights and bias: the default of PyTorch's Linear"},
       pytorch_default,
       [](P /*p*/, C c) -> InitMoments {
         const double variance = 1.0 / (3.0 * static_cast<double>(c.fan_in));
         return {{0.0, variance}, {0.0, variance}};
       }},
      {{"he_normal",
        {"kaiming_normal"},
        he,
        "N(0, gain²/fan), not truncated (He et al. 2015, eq. 14); Keras truncates"},
       [](P p, C c, Out out) { fill_normal(c, he_std(p, c), out); },
       [](P p, C c) { return centered(he_std(p, c)); }},
      {{"he_uniform", {"kaiming_uniform"}, he, "uniform with the variance of he_normal (He et al. 2015)"},
       [](P p, C c, Out out) { fill_uniform(c, kSqrtThree * he_std(p, c), out); },
       [](P p, C c) { return centered(he_std(p, c)); }},
      {{"glorot_normal", {"xavier_normal"}, gain, "N(0, gain²·2/(fan_in + fan_out)) (Glorot & Bengio 2010)"},
       [](P p, C c, Out out) { fill_normal(c, glorot_std(p, c), out); },
       [](P p, C c) { return centered(glorot_std(p, c)); }},
      {{"glorot_uniform", {"xavier_uniform"}, gain, "uniform with that variance (Glorot & Bengio 2010, eq. 16)"},
       [](P p, C c, Out out) { fill_uniform(c, kSqrtThree * glorot_std(p, c), out); },
       [](P p, C c) { return centered(glorot_std(p, c)); }},
      {{"lecun_normal", {}, gain, "N(0, gain²/fan_in) (LeCun et al. 1998)"},
       [](P p, C c, Out out) { fill_normal(c, lecun_std(p, c), out); },
       [](P p, C c) { return centered(lecun_std(p, c)); }},
      {{"lecun_uniform", {}, gain, "uniform with that variance (LeCun et al. 1998)"},
       [](P p, C c, Out out) { fill_uniform(c, kSqrtThree * lecun_std(p, c), out); },
       [](P p, C c) { return centered(lecun_std(p, c)); }},
      {{"orthogonal", {}, gain, "rows or columns orthonormal, times gain (Saxe et al. 2014)"},
       orthogonal,
       [](P p, C c) {
         return centered(p.number("gain") / std::sqrt(static_cast<double>(std::max(c.fan_in, c.units()))));
       }},
      {{"normal",
        {},
        {number("mean", 0.0, "mean"), number("std", 0.01, "standard deviation").at_least(0)},
        "N(mean, std²)"},
       [](P p, C c, Out out) {
         Rng rng = weight_stream(c);
         fill(out.weights, [&, mean = p.number("mean"), std = p.number("std")] { return mean + std * rng.normal(); });
       },
       [](P p, C /*c*/) -> InitMoments {
         return {{p.number("mean"), p.number("std") * p.number("std")}, {}};
       }},
      {{"truncated_normal",
        {},
        {number("mean", 0.0, "mean"), number("std", 0.01, "standard deviation before truncation").at_least(0),
         number("bound", 2.0, "cut off at this many standard deviations").above(0)},
        "N(mean, std²) cut off at ± bound·std"},
       [](P p, C c, Out out) {
         Rng rng = weight_stream(c);
         fill(out.weights, [&, mean = p.number("mean"), std = p.number("std"), bound = p.number("bound")] {
           return mean + std * rng.truncated_normal(bound);
         });
       },
       [](P p, C /*c*/) -> InitMoments {
         return {truncated_normal_moments(p.number("mean"), p.number("std"), p.number("bound")), {}};
       }},
      {{"uniform", {}, {number("low", -0.05, "lower bound"), number("high", 0.05, "upper bound")}, "U(low, high)"},
       [](P p, C c, Out out) {
         Rng rng = weight_stream(c);
         fill(out.weights, [&, low = p.number("low"), high = p.number("high")] { return rng.uniform(low, high); });
       },
       [](P p, C /*c*/) -> InitMoments {
         return {uniform_moments(p.number("low"), p.number("high")), {}};
       }},
      {{"constant", {}, {number("value", 0.0, "the value of every weight")}, "all weights equal"},
       [](P p, C /*c*/, Out out) { out.weights.setConstant(p.number("value")); },
       [](P p, C /*c*/) -> InitMoments {
         return {{p.number("value"), 0.0}, {}};
       }},
      {{"zeros", {}, {}, "all weights 0"},
       [](P /*p*/, C /*c*/, Out out) { out.weights.setZero(); },
       [](P /*p*/, C /*c*/) { return InitMoments(); }},
      {{"rai",
        {"randomized_asymmetric"},
        {number("std", 0.6007, "standard deviation times √fan_in; 0.6007 keeps relu's length (Lu et al. 2019)")
             .above(0)},
        "randomised asymmetric, weights and bias together: fewer born dead units (Lu et al. 2019)"},
       randomized_asymmetric,
       randomized_asymmetric_moments},
  };
}

std::vector<BiasInitEntry> make_bias_table() {
  using P = const ParamValues&;
  using C = const InitContext&;
  using Out = Vector<double>&;
  return {
      {{"auto", {}, {}, "what goes with the weights: U(±1/√fan_in) for pytorch, drawn jointly for rai, else zeros"},
       nullptr,
       nullptr},
      {{"none", {}, {}, "the layer has no biases, as PyTorch's bias=False; `false` is short for it"},
       [](P /*p*/, C /*c*/, Out bias) { bias.setZero(); },
       [](P /*p*/) { return Moments(); }},
      {{"zeros", {}, {}, "all biases 0"},
       [](P /*p*/, C /*c*/, Out bias) { bias.setZero(); },
       [](P /*p*/) { return Moments(); }},
      {{"constant", {}, {number("value", 0.0, "the value of every bias; may be negative")}, "all biases equal"},
       [](P p, C /*c*/, Out bias) { bias.setConstant(p.number("value")); },
       [](P p) -> Moments {
         return {p.number("value"), 0.0};
       }},
      {{"normal",
        {},
        {number("mean", 0.0, "mean"), number("std", 0.01, "standard deviation").at_least(0)},
        "N(mean, std²)"},
       [](P p, C c, Out bias) {
         Rng rng = bias_stream(c);
         for (double& value : bias) value = p.number("mean") + p.number("std") * rng.normal();
       },
       [](P p) -> Moments {
         return {p.number("mean"), p.number("std") * p.number("std")};
       }},
      {{"uniform", {}, {number("low", -0.05, "lower bound"), number("high", 0.05, "upper bound")}, "U(low, high)"},
       [](P p, C c, Out bias) {
         Rng rng = bias_stream(c);
         for (double& value : bias) value = rng.uniform(p.number("low"), p.number("high"));
       },
       [](P p) { return uniform_moments(p.number("low"), p.number("high")); }},
  };
}

}  // namespace

std::span<const WeightInitEntry> weight_init_table() {
  static const std::vector<WeightInitEntry> table = make_weight_table();
  return table;
}

std::span<const BiasInitEntry> bias_init_table() {
  static const std::vector<BiasInitEntry> table = make_bias_table();
  return table;
}

void draw_initial_parameters(const Choice& weight_init, const Choice& bias_init, const InitContext& context,
                             InitialParameters& drawn) {
  drawn.weights.resize(context.units(), context.fan_in);
  drawn.bias.setZero(context.units());
  find_entry(weight_init_table(), weight_init.name)->draw(weight_init.params, context, drawn);
  const BiasInitEntry* bias = find_entry(bias_init_table(), bias_init.name);
  if (bias->draw != nullptr) bias->draw(bias_init.params, context, drawn.bias);
}

InitMoments initial_moments(const Choice& weight_init, const Choice& bias_init, const InitContext& context) {
  InitMoments moments = find_entry(weight_init_table(), weight_init.name)->moments(weight_init.params, context);
  const BiasInitEntry* bias = find_entry(bias_init_table(), bias_init.name);
  if (bias->moments != nullptr) moments.bias = bias->moments(bias_init.params);
  return moments;
}

}  // namespace reluscope
