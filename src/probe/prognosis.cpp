#include "probe/prognosis.hpp"

#include <algorithm>
#include <cmath>

#include "probe/domain.hpp"

namespace reluscope {

namespace {

constexpr std::int64_t kLongestWait = 64;

/// Whether an element that coasts so does not move by a bit.
template <class T>
bool is_still(double value, double rest) {
  return rest == 0.0 || rest <= std::abs(value) * kRoundoff<T> / 4.0;
}

}  // namespace

std::string_view lock_name(Lock lock) {
  switch (lock) {
    case Lock::none:
      return "";
    case Lock::domain:
      return "domain";
    case Lock::sign:
      return "sign";
    case Lock::frozen:
      return "frozen";
  }
  return "";
}

template <class T>
Prognosis<T>::Prognosis(const Network<T>& network, const Optimizer<T>& optimizer, LazyExtent<T>& extent)
    : network_(network), optimizer_(optimizer), extent_(extent) {
  std::size_t parameter = 0;
  bool random = false;
  for (std::size_t layer = 0; layer < network.depth(); ++layer) {
    if (network.layer(layer).activation() != nullptr) {
      first_parameter_.push_back(parameter);
      random_before_.push_back(random);
      const auto units = static_cast<std::size_t>(network.layer(layer).outputs());
      locks_.emplace_back(units);
      patience_.emplace_back(units);
    }
    random = random || network.layer(layer).random_in_training();
    parameter += network.layer(layer).parameters().size();
  }
}

template <class T>
std::optional<typename Prognosis<T>::Coasting> Prognosis<T>::coasting(std::size_t layer, Index unit,
                                                                      const RatesAhead& rates) const {
  const std::size_t first = first_parameter_[layer];
  const std::optional<double> weights = optimizer_.shrink(first, rates);
  const std::optional<double> bias = optimizer_.shrink(first + 1, rates);
  if (!weights || weights != bias) return std::nullopt;
  const auto parameters = network_.layer(network_.unit_layers()[layer]).parameters();
  const Matrix<T>& w = parameters[0]->value;
  Coasting result;
  result.shrink = *weights;
  result.still = *weights == 1.0;
  double square = 0.0;
  for (Index input = 0; input < w.cols(); ++input) {
    const double rest = optimizer_.rest(first, rates, input * w.rows() + unit);
    square += rest * rest;
    result.still = result.still && is_still<T>(static_cast<double>(w(unit, input)), rest);
  }
  result.weights = std::sqrt(square) * (1.0 + 1e-9);
  result.bias = optimizer_.rest(first + 1, rates, unit);
  result.still = result.still && is_still<T>(static_cast<double>(parameters[1]->value(unit, 0)), result.bias);
  return result;
}

template <class T>
bool Prognosis<T>::stays_dead(std::size_t layer, Index unit, const Coasting& coasting, double margin, double norm,
                              double steps) const {
  if (coasting.still) return margin >= 0.0;
  const Layer<T>& at = network_.layer(network_.unit_layers()[layer]);
  const ActivationShape shape = at.shape();
  const auto parameters = at.parameters();
  const double weights = parameters[0]->value.row(unit).template cast<double>().norm();
  const double size = weights * norm + std::abs(static_cast<double>(parameters[1]->value(unit, 0)));
  const double moved = coasting.weights * norm + coasting.bias;
  const double roundings = 2.0 * (steps + static_cast<double>(parameters[0]->value.cols()) + 8.0);
  const double slack =
      roundings * kRoundoff<T> * (size + moved) * 1.01 + static_cast<double>(std::numeric_limits<T>::min()) * roundings;
  if (coasting.shrink == 1.0) return margin >= moved + slack;
  // With decay the distance to 0 shrinks, so the side of the dead region matters.
  if (shape.dead_above < ActivationShape::kNowhereAbove) return false;
  const double highest = shape.dead_below - margin;  // of z now
  const auto after = [&](double s) { return s * highest + moved + slack <= shape.dead_below; };
  return after(1.0) && after(coasting.shrink);
}

template <class T>
bool Prognosis<T>::keeps_sign(std::size_t layer, Index unit, const RatesAhead& rates) const {
  if (layer == 0) return false;
  if (network_.layer(network_.unit_layers()[layer - 1]).shape().lowest < 0.0) return false;
  const Layer<T>& at = network_.layer(network_.unit_layers()[layer]);
  const double dead_below = at.shape().dead_below;
  const std::size_t first = first_parameter_[layer];
  const auto parameters = at.parameters();
  const auto bias = static_cast<double>(parameters[1]->value(unit, 0));
  if (!(bias <= dead_below)) return false;
  const std::optional<double> shrink = optimizer_.shrink(first, rates);
  if (!shrink || shrink != optimizer_.shrink(first + 1, rates)) return false;
  const double rounding = 2.0 * rates.steps * kRoundoff<T>;
  // s·θ + r, with a rounding of each update.
  const auto highest = [&](double value, double rest, double s) {
    return rest == 0.0 ? s * value : s * value + rest + rounding * (std::abs(value) + rest);
  };
  const double bias_rest = optimizer_.rest(first + 1, rates, unit);
  const bool bias_moves = !(is_still<T>(bias, bias_rest) && *shrink == 1.0);
  if (bias_moves) {
    // Multiplying by factors below 1 cannot lift a bias above 0, but it can lift it above a dead region that ends
    // below.
    const double slack = dead_below < 0.0 ? rounding * std::abs(bias) : 0.0;
    if (highest(bias, bias_rest, 1.0) + slack > dead_below || highest(bias, bias_rest, *shrink) + slack > dead_below)
      return false;
  }
  const Matrix<T>& w = parameters[0]->value;
  for (Index input = 0; input < w.cols(); ++input) {
    const auto value = static_cast<double>(w(unit, input));
    if (!(value <= 0.0)) return false;
    const double rest = optimizer_.rest(first, rates, input * w.rows() + unit);
    if (is_still<T>(value, rest) && *shrink == 1.0) continue;
    if (highest(value, rest, 1.0) > 0.0 || highest(value, rest, *shrink) > 0.0) return false;
  }
  return true;
}

template <class T>
Lock Prognosis<T>::certify(std::size_t layer, Index unit, const UnitCensus& census, const RatesAhead& rates) {
  const Layer<T>& at = network_.layer(network_.unit_layers()[layer]);
  if (at.activation()->learned_slope) return Lock::none;
  if (keeps_sign(layer, unit, rates)) return Lock::sign;
  if (layer > 0) return Lock::none;
  const std::optional<Coasting> coast = coasting(layer, unit, rates);
  if (!coast) return Lock::none;
  if (!domain_) domain_ = bound_domain();
  const ActivationShape shape = at.shape();
  const double domain_margin =
      std::max(shape.dead_below - domain_->z.high[unit], domain_->z.low[unit] - shape.dead_above);
  if (stays_dead(layer, unit, *coast, domain_margin, domain_->norm, rates.steps)) return Lock::domain;
  if (!random_before_[0] && stays_dead(layer, unit, *coast, census.margin, extent_.get().norm, rates.steps))
    return Lock::frozen;
  return Lock::none;
}

template <class T>
typename Prognosis<T>::Domain Prognosis<T>::bound_domain() {
  Box box = extent_.get().box;
  if (random_before_[0]) {
    double factor = 1.0 + 1e-6;
    for (std::size_t below = 0; below < network_.unit_layers()[0]; ++below)
      factor *= network_.layer(below).training_factor();
    box.low = (box.low * factor).cwiseMin(0.0);
    box.high = (box.high * factor).cwiseMax(0.0);
  }
  const double norm = box.low.cwiseAbs().cwiseMax(box.high.cwiseAbs()).norm() * (1.0 + 1e-9);
  return {bound_pre_activations(network_.layer(network_.unit_layers()[0]), box).z, norm};
}

template <class T>
std::size_t Prognosis<T>::wholly_dead_layers(const CensusResult& census) const {
  for (std::size_t at = census.layers.size(); at-- > 0;)
    // Learned slopes get a gradient of their own even where they are exactly 0.
    if (!random_before_[at] && !network_.layer(network_.unit_layers()[at]).activation()->learned_slope &&
        census.layers[at].dead() == static_cast<std::int64_t>(census.layers[at].units.size()))
      return at + 1;
  return 0;
}

template <class T>
bool Prognosis<T>::all_still(std::size_t layers, const RatesAhead& rates) const {
  for (std::size_t at = 0; at < layers; ++at) {
    const auto parameters = network_.layer(network_.unit_layers()[at]).parameters();
    for (std::size_t which = 0; which < parameters.size(); ++which) {
      const std::size_t index = first_parameter_[at] + which;
      if (optimizer_.shrink(index, rates) != 1.0) return false;
      const Matrix<T>& value = parameters[which]->value;
      for (Index element = 0; element < value.size(); ++element)
        if (!is_still<T>(static_cast<double>(value.data()[element]), optimizer_.rest(index, rates, element)))
          return false;
    }
  }
  return true;
}

template <class T>
void Prognosis<T>::judge(std::int64_t step, const CensusResult& census, const RatesAhead& rates) {
  domain_.reset();
  const auto is_due = [step](Patience& patience) {
    if (step < patience.next) return false;
    patience.next = step + patience.wait;
    patience.wait = std::min(2 * patience.wait, kLongestWait);
    return true;
  };
  for (std::size_t at = 0; at < census.layers.size(); ++at)
    for (std::size_t unit = 0; unit < census.layers[at].units.size(); ++unit) {
      Patience& patience = patience_[at][unit];
      if (!census.layers[at].units[unit].dead) {
        patience = Patience();
      } else if (locks_[at][unit] == Lock::none && is_due(patience)) {
        locks_[at][unit] = certify(at, static_cast<Index>(unit), census.layers[at].units[unit], rates);
      }
    }
  const std::size_t dead_layers = wholly_dead_layers(census);
  if (dead_layers == 0) {
    frozen_patience_ = Patience();
  } else if (is_due(frozen_patience_) && all_still(dead_layers, rates)) {
    for (std::size_t at = 0; at < dead_layers; ++at)
      for (std::size_t unit = 0; unit < locks_[at].size(); ++unit)
        if (census.layers[at].units[unit].dead && locks_[at][unit] == Lock::none) locks_[at][unit] = Lock::frozen;
  }
}

template class Prognosis<float>;
template class Prognosis<double>;

}  // namespace reluscope
