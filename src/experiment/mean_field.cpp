#include "experiment/mean_field.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>
#include <utility>

#include "nn/affine.hpp"

namespace reluscope {

namespace {

double mean_of(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

Index kernel_positions(const LayerPlace& place) {
  return place.entry->wants == Wants::positions ? place.entry->fan_in(*place.layer, place.input) / place.input.channels
                                                : 1;
}

}  // namespace

MapMoments map_moments(const LayerPlace& place, std::size_t stream) {
  const LayerSpec& spec = *place.layer;
  const Index fan_in = place.entry->fan_in(spec, place.input);
  MapMoments map;
  map.moments = initial_moments(
      spec.init->weights, spec.init->bias,
      init_context(spec, fan_in, place.entry->fan_out(spec, place.input), 0, stream, kernel_positions(place)));
  double pairs = 0.0;
  for (const double places : place.entry->cover(spec, place.input)) pairs += places;
  map.sees = static_cast<double>(place.input.channels) * pairs / static_cast<double>(place.output.positions());
  map.seen_by = map.sees * static_cast<double>(place.output.size()) / static_cast<double>(place.input.size());
  return map;
}

Vector<double> first_map_weights(const std::vector<LayerPlace>& places) {
  for (const LayerPlace& place : places) {
    if (place.entry->cover == nullptr) {
      if (place.entry->moment_divisor == nullptr) return {};
      continue;
    }
    const std::vector<double> cover = place.entry->cover(*place.layer, place.input);
    if (std::all_of(cover.begin(), cover.end(), [](double places_seen) { return places_seen == 1.0; }) &&
        place.output.positions() == 1)
      return {};
    const auto positions = static_cast<double>(place.output.positions());
    return (Eigen::Map<const Vector<double>>(cover.data(), std::ssize(cover)) / positions)
        .replicate(place.input.channels, 1);  // data are channel by channel
  }
  return {};
}

ForwardMoments::ForwardMoments(const std::vector<LayerPlace>& places, std::vector<double> norms) : places_(places) {
  data_.known = data_.is_data = true;
  data_.squares = std::move(norms);
}

void ForwardMoments::run(Theory& theory) {
  std::size_t site = 0;
  for (std::size_t at = 0; at < places_.size(); ++at) {
    const LayerPlace& place = places_[at];
    const Signal& below = place.inputs[0] == kNetworkInput ? data_ : signals_[place.inputs[0]];
    Signal signal = place.inputs.size() == 1 ? through(place, below, site) : Signal();
    moments.emplace_back();
    if (place.activation != nullptr) {
      if (signal.known) theory.layers[site].q = mean_of(signal.variances) + signal.mean * signal.mean;
      variances = signal.known ? signal.variances : std::vector<double>();
      if (at + 1 < places_.size()) activate(*place.activation, signal);  // nothing reads what the output yields
      ++site;
    }
    signals_.push_back(std::move(signal));
  }
}

Signal ForwardMoments::through(const LayerPlace& place, const Signal& below, std::size_t site) {
  Signal signal = below;
  if (place.entry->is_norm) {  // whatever feeds it, if it differs at all
    signal = Signal();
    signal.known = signal.is_normal = !below.is_constant;
    signal.variances.assign(data_.squares.size(), 1.0);
    signal.squares = signal.variances;
  } else if (place.entry->cover != nullptr) {
    const MapMoments map = map_moments(place, site);
    // Another map on the data sees other values.
    signal.known = below.known && map.moments.weight.mean == 0.0 && !(below.is_data && data_is_read_);
    data_is_read_ = data_is_read_ || below.is_data;
    signal.is_constant = map.moments.weight.variance == 0.0;
    if (!signal.known) return signal;
    signal.mean = map.moments.bias.mean;
    signal.variances.resize(below.squares.size());
    for (std::size_t group = 0; group < below.squares.size(); ++group) {
      const double inputs = below.is_data ? below.squares[group] : map.sees * below.squares[group];
      signal.variances[group] = map.moments.weight.variance * inputs / below.kept + map.moments.bias.variance;
      signal.squares[group] = signal.variances[group] + signal.mean * signal.mean;
    }
    signal.is_data = false;
    signal.is_normal = true;
    signal.kept = 1.0;
  } else if (place.entry->moment_divisor != nullptr) {
    const double divisor = place.entry->moment_divisor(*place.layer);
    signal.kept *= divisor;
    signal.is_normal = signal.is_normal && divisor == 1.0;
  } else {
    signal.known = false;
  }
  if (place.activation != nullptr && !signal.is_normal) signal.known = false;
  return signal;
}

void ForwardMoments::activate(const Choice& phi, Signal& signal) {
  if (!signal.known) return;
  for (std::size_t group = 0; group < signal.variances.size(); ++group) {
    moments.back().push_back(second_moments(phi, signal.mean, signal.variances[group]));
    signal.squares[group] = moments.back().back().value;
  }
  signal.is_normal = phi.name == "identity";
}

void predict_deltas(const std::vector<LayerPlace>& places, const ForwardMoments& forward,
                    std::vector<double> delta_square, Theory& theory) {
  std::size_t site = theory.layers.size();
  std::optional<MapMoments> above;
  double kept = 1.0;
  for (std::size_t at = places.size(); at-- > 0;) {
    const LayerPlace& place = places[at];
    if (place.activation != nullptr) {
      --site;
      TheoryLayer& row = theory.layers[site];
      if (at + 1 < places.size()) {
        if (!above || forward.moments[at].empty()) return;
        const double weight_variance = above->moments.weight.variance / kept;
        double chi1 = 0.0;
        for (std::size_t group = 0; group < delta_square.size(); ++group) {
          delta_square[group] *= above->seen_by * weight_variance * forward.moments[at][group].slope;
          chi1 += above->sees * weight_variance * forward.moments[at][group].slope;
        }
        row.chi1 = chi1 / static_cast<double>(delta_square.size());
      }
      row.delta_rms = std::sqrt(mean_of(delta_square) * static_cast<double>(place.output.positions()));
      above.reset();
      kept = 1.0;
    }
    if (place.entry->cover != nullptr) {
      if (above) return;
      above = map_moments(place, site);
    } else if (place.entry->moment_divisor != nullptr) {
      kept *= place.entry->moment_divisor(*place.layer);
    } else {
      return;
    }
    if (at == 0 || place.inputs != std::vector<std::size_t>{at - 1}) return;
  }
}

}  // namespace reluscope
