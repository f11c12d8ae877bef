#include "probe/prognosis.hpp"

#include <algorithm>
#include <cmath>

#include "nn/activation_node.hpp"
#include "nn/affine.hpp"

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
Prognosis<T>::Prognosis(const Network<T>& network, const Optimizer<T>& optimizer, const Penalty& penalty,
                        LazyExtent<T>& extent)
    : network_(network),
      optimizer_(optimizer),
      penalised_activations_(penalty.l1_activations != 0.0),
      extent_(extent),
      places_(parameter_places(network)),
      never_negative_(never_negative(network)),
      fed_by_data_(fed_by_data(network)),
      sees_data_(sees_what_evaluation_sees(network)),
      in_training_(network.sites().size()) {
  for (std::size_t at = 0; at < network.sites().size(); ++at) {
    const auto units = static_cast<std::size_t>(network.site(at).units());
    locks_.emplace_back(units);
    patience_.emplace_back(units);
  }
}

template <class T>
std::optional<double> Prognosis<T>::shrink(std::size_t node, ParameterRole role, const RatesAhead& rates) const {
  const std::size_t place = places_[node][place_of(role)];
  return place == kNowhere ? std::optional(1.0) : optimizer_.shrink(place, rates);
}

template <class T>
double Prognosis<T>::rest(std::size_t node, ParameterRole role, const RatesAhead& rates, Index element) const {
  const std::size_t place = places_[node][place_of(role)];
  return place == kNowhere ? 0.0 : optimizer_.rest(place, rates, element);
}

template <class T>
std::optional<typename Prognosis<T>::Coasting> Prognosis<T>::coasting(std::size_t layer, Index unit,
                                                                      const RatesAhead& rates) const {
  const std::optional<double> weights = shrink(network_.sites()[layer], ParameterRole::weight, rates);
  const std::optional<double> bias = shrink(network_.sites()[layer], ParameterRole::bias, rates);
  if (!weights || !bias) return std::nullopt;
  const Affine<T>& at = *network_.site(layer).affine();
  const Matrix<T>& w = at.weights();
  Coasting result;
  result.shrink_weights = *weights;
  result.shrink_bias = *bias;
  result.still = *weights == 1.0 && *bias == 1.0;
  double square = 0.0;
  for (Index input = 0; input < w.cols(); ++input) {
    const double moved = rest(network_.sites()[layer], ParameterRole::weight, rates, input * w.rows() + unit);
    square += moved * moved;
    result.still = result.still && is_still<T>(static_cast<double>(w(unit, input)), moved);
  }
  result.weights = std::sqrt(square) * (1.0 + 1e-9);
  result.bias = rest(network_.sites()[layer], ParameterRole::bias, rates, unit);
  result.still = result.still && is_still<T>(static_cast<double>(at.bias_of(unit)), result.bias);
  return result;
}

template <class T>
bool Prognosis<T>::stays_dead(std::size_t layer, Index unit, const Coasting& coasting, double margin, double norm,
                              double steps) const {
  if (coasting.still) return margin >= 0.0;
  const Affine<T>& at = *network_.site(layer).affine();
  const ActivationShape& shape = network_.site(layer).activation()->function();
  const auto bias = static_cast<double>(at.bias_of(unit));
  const double weights = at.weights().row(unit).template cast<double>().norm();
  const double size = weights * norm + std::abs(bias);
  const double moved = coasting.weights * norm + coasting.bias;
  const double roundings = 2.0 * (steps + static_cast<double>(at.fan_in()) + 8.0);
  const double slack =
      roundings * kRoundoff<T> * (size + moved) * 1.01 + static_cast<double>(std::numeric_limits<T>::min()) * roundings;
  if (coasting.shrink_weights == 1.0 && coasting.shrink_bias == 1.0) return margin >= moved + slack;
  // With decay the distance to 0 shrinks, so the side of the dead region matters.
  if (shape.dead_above < ActivationShape::kNowhereAbove) return false;
  const double highest = shape.dead_below - margin;  // of z now
  // Linear in both factors: the largest is at a corner. Where they are one factor, two corners are never reached.
  const bool one_factor = coasting.shrink_weights == coasting.shrink_bias || !at.parameter(ParameterRole::bias);
  const auto after = [&](double s_weights, double s_bias) {
    // The side of the bias alone may round otherwise than their sum.
    const double z = one_factor ? s_weights * highest : s_weights * (highest - bias) + s_bias * bias;
    const double rounded = one_factor ? 0.0 : 4.0 * kRoundoff<double> * (std::abs(highest) + 2.0 * std::abs(bias));
    return z + rounded + moved + slack <= shape.dead_below;
  };
  if (!after(1.0, 1.0) || !after(coasting.shrink_weights, coasting.shrink_bias)) return false;
  return one_factor || (after(coasting.shrink_weights, 1.0) && after(1.0, coasting.shrink_bias));
}

template <class T>
bool Prognosis<T>::keeps_sign(std::size_t layer, Index unit, const RatesAhead& rates) const {
  const std::size_t from = network_.graph().inputs_of(network_.sites()[layer])[0];
  if (from == kNetworkInput || !never_negative_[from]) return false;
  const Affine<T>& at = *network_.site(layer).affine();
  const double dead_below = network_.site(layer).activation()->function().dead_below;
  const auto bias = static_cast<double>(at.bias_of(unit));
  if (!(bias <= dead_below)) return false;
  const std::optional<double> shrink_weights = shrink(network_.sites()[layer], ParameterRole::weight, rates);
  const std::optional<double> shrink_bias = shrink(network_.sites()[layer], ParameterRole::bias, rates);
  if (!shrink_weights || !shrink_bias) return false;
  const double rounding = 2.0 * rates.steps * kRoundoff<T>;
  // s·θ + r, with a rounding of each update.
  const auto highest = [&](double value, double moved, double s) {
    return moved == 0.0 ? s * value : s * value + moved + rounding * (std::abs(value) + moved);
  };
  const double bias_rest = rest(network_.sites()[layer], ParameterRole::bias, rates, unit);
  const bool bias_moves = !(is_still<T>(bias, bias_rest) && *shrink_bias == 1.0);
  if (bias_moves) {
    // Multiplying by factors below 1 cannot lift a bias above 0, but it can lift it above a dead region that ends
    // below.
    const double slack = dead_below < 0.0 ? rounding * std::abs(bias) : 0.0;
    if (highest(bias, bias_rest, 1.0) + slack > dead_below ||
        highest(bias, bias_rest, *shrink_bias) + slack > dead_below)
      return false;
  }
  const Matrix<T>& w = at.weights();
  for (Index input = 0; input < w.cols(); ++input) {
    const auto value = static_cast<double>(w(unit, input));
    if (!(value <= 0.0)) return false;
    const double moved = rest(network_.sites()[layer], ParameterRole::weight, rates, input * w.rows() + unit);
    if (is_still<T>(value, moved) && *shrink_weights == 1.0) continue;
    if (highest(value, moved, 1.0) > 0.0 || highest(value, moved, *shrink_weights) > 0.0) return false;
  }
  return true;
}

template <class T>
bool Prognosis<T>::is_kept_by_norm(std::size_t layer, Index unit, const RatesAhead& rates) const {
  const std::size_t from = network_.graph().inputs_of(network_.sites()[layer])[0];
  if (from == kNetworkInput || network_.graph().readers_of(from).size() > 1) return false;
  const Node<T>& norm = network_.node(from);
  const std::optional<double> reach = norm.normal_reach();
  const Parameter<T>* scale = norm.parameter(ParameterRole::scale);
  if (!reach || scale == nullptr) return false;
  const Matrix<T>& shift = norm.parameter(ParameterRole::shift)->value;
  const std::optional<double> shrink_shift = shrink(from, ParameterRole::shift, rates);
  if (!shrink(from, ParameterRole::scale, rates) || !shrink_shift) return false;
  const ActivationShape& shape = network_.site(layer).activation()->function();
  const double roundings = 2.0 * (rates.steps + 8.0);
  const Index elements = shift.size() / norm.units();
  bool below = true;
  bool above = true;
  for (Index element = unit * elements; element < (unit + 1) * elements; ++element) {
    const double apart =
        (std::abs(static_cast<double>(scale->value(element, 0))) + rest(from, ParameterRole::scale, rates, element)) *
        *reach;
    const auto now = static_cast<double>(shift(element, 0));
    const double moved = rest(from, ParameterRole::shift, rates, element);
    const double slack = roundings * (kRoundoff<T> * 1.01 * (apart + std::abs(now) + moved) +
                                      static_cast<double>(std::numeric_limits<T>::min()));
    below = below && std::max(now, *shrink_shift * now) + moved + apart + slack <= shape.dead_below;
    above = above && std::min(now, *shrink_shift * now) - moved - apart - slack >= shape.dead_above;
  }
  return below || above;
}

template <class T>
Lock Prognosis<T>::certify(std::size_t layer, Index unit, const UnitCensus& census, const RatesAhead& rates) {
  const Node<T>& site = network_.site(layer);
  if (site.activation()->entry().learned_slope) return Lock::none;
  if (site.affine() == nullptr) return is_kept_by_norm(layer, unit, rates) ? Lock::domain : Lock::none;
  if (keeps_sign(layer, unit, rates)) return Lock::sign;
  if (!fed_by_data_[layer]) return Lock::none;
  const std::optional<Coasting> coast = coasting(layer, unit, rates);
  if (!coast) return Lock::none;
  const InTraining& bound = bound_in_training(layer);
  const ActivationShape& shape = site.activation()->function();
  const double domain_margin = std::max(shape.dead_below - bound.z.high[unit], bound.z.low[unit] - shape.dead_above);
  if (stays_dead(layer, unit, *coast, domain_margin, bound.norm, rates.steps)) return Lock::domain;
  if (!sees_data_[layer]) return Lock::none;
  return stays_dead(layer, unit, *coast, census.margin, bound.norm_over_data, rates.steps) ? Lock::frozen : Lock::none;
}

template <class T>
const typename Prognosis<T>::InTraining& Prognosis<T>::bound_in_training(std::size_t layer) {
  std::optional<InTraining>& bound = in_training_[layer];
  if (!bound) {
    const DataExtent& extent = extent_.get();
    const Affine<T>& map = *network_.site(layer).affine();
    const Box input = bound_input_in_training(network_, layer, extent.box);
    const Box patch = map.patch_of(input);
    const double norm = patch.low.cwiseAbs().cwiseMax(patch.high.cwiseAbs()).norm() * (1.0 + 1e-9);
    bound = InTraining{map.bound_map(input).z, norm, bound_input_norm(network_, layer, extent.norm)};
  }
  return *bound;
}

/// Sites of which no gradient reaches anything that they depend on, nor themselves, as long as the wholly dead ones
/// stay so.
template <class T>
std::vector<std::size_t> Prognosis<T>::cut_off_sites(const CensusResult& census) const {
  std::vector<bool> blocked(network_.depth());
  for (std::size_t at = 0; at < census.layers.size(); ++at)
    // Learned slopes get a gradient of their own even where they are exactly 0.
    blocked[network_.sites()[at]] = sees_data_[at] && !network_.site(at).activation()->entry().learned_slope &&
                                    census.layers[at].dead() == std::ssize(census.layers[at].units);
  std::vector<bool> sources(network_.depth());
  sources.back() = !blocked.back();
  for (std::size_t node = 0; node < network_.depth(); ++node)
    sources[node] = sources[node] || !network_.node(node).is_silent_without_delta() ||
                    (penalised_activations_ && !blocked[node] && network_.node(node).activation() != nullptr);
  const std::vector<bool> gets_gradient = network_.graph().reach(sources, blocked);
  // Of each node: whether something that it depends on, or itself, gets one.
  std::vector<bool> moved = gets_gradient;
  for (std::size_t node = 0; node < network_.depth(); ++node)
    for (const std::size_t from : network_.graph().inputs_of(node)) {
      if (from == kNetworkInput) continue;
      const bool penalised = penalised_activations_ && network_.node(from).activation() != nullptr;
      moved[node] = moved[node] || moved[from] || penalised;
    }
  std::vector<std::size_t> sites;
  for (std::size_t at = 0; at < census.layers.size(); ++at)
    if (!moved[network_.sites()[at]]) sites.push_back(at);
  return sites;
}

/// Whether no parameter that these sites depend on moves by a bit any more.
template <class T>
bool Prognosis<T>::all_still(const std::vector<std::size_t>& sites, const RatesAhead& rates) const {
  std::vector<bool> ends(network_.depth());
  for (const std::size_t site : sites) ends[network_.sites()[site]] = true;
  const std::vector<bool> before = network_.graph().reach(ends, std::vector<bool>(network_.depth()));
  for (std::size_t node = 0; node < before.size(); ++node) {
    if (!before[node]) continue;
    for (const Parameter<T>* parameter : network_.node(node).parameters()) {
      const std::size_t place = places_[node][place_of(parameter->role)];
      if (optimizer_.shrink(place, rates) != 1.0) return false;
      const Matrix<T>& value = parameter->value;
      for (Index element = 0; element < value.size(); ++element)
        if (!is_still<T>(static_cast<double>(value.data()[element]), optimizer_.rest(place, rates, element)))
          return false;
    }
  }
  return true;
}

template <class T>
void Prognosis<T>::judge(std::int64_t step, const CensusResult& census, const RatesAhead& rates) {
  in_training_.assign(in_training_.size(), std::nullopt);
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
  const std::vector<std::size_t> cut_off = cut_off_sites(census);
  if (cut_off.empty()) {
    frozen_patience_ = Patience();
  } else if (is_due(frozen_patience_) && all_still(cut_off, rates)) {
    for (const std::size_t at : cut_off)
      for (std::size_t unit = 0; unit < locks_[at].size(); ++unit)
        if (census.layers[at].units[unit].dead && locks_[at][unit] == Lock::none) locks_[at][unit] = Lock::frozen;
  }
}

template class Prognosis<float>;
template class Prognosis<double>;

}  // namespace reluscope
