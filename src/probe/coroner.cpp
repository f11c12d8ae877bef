#include "probe/coroner.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

#include "probe/sample_runner.hpp"

namespace reluscope {

namespace {

/// Witnesses run at once.
constexpr std::size_t kWitnessesAtOnce = 64;

/// The columns of some samples in a network.
template <class T>
Eigen::VectorXd input_of_layer(const SampleRunner<T>& runner, std::size_t layer, Index column) {
  return runner.state().input_of(layer).col(column).template cast<double>();
}

}  // namespace

std::string_view Autopsy::cause() const {
  if (std::isnan(own_weights + own_bias + upstream)) return "";
  // Deaths on the right (relu6 above 6) are pushed upwards.
  const double direction = z_now <= z_before ? -1.0 : 1.0;
  const std::pair<double, std::string_view> terms[] = {
      {direction * own_weights, "own_weights"}, {direction * own_bias, "own_bias"}, {direction * upstream, "upstream"}};
  return std::max_element(std::begin(terms), std::end(terms),
                          [](const auto& left, const auto& right) { return left.first < right.first; })
      ->second;
}

template <class T>
std::vector<Autopsy> examine(const Network<T>& before, const Network<T>& now, const Dataset& dataset,
                             std::span<const Death> deaths) {
  std::vector<Autopsy> autopsies(deaths.size());
  if (deaths.empty()) return autopsies;
  ThreadPool alone(1);
  SampleRunner<T> old_runner(before, dataset, alone, static_cast<Index>(kWitnessesAtOnce));
  SampleRunner<T> new_runner(now, dataset, alone, static_cast<Index>(kWitnessesAtOnce));
  std::vector<std::size_t> order(deaths.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t left, std::size_t right) { return deaths[left].witness < deaths[right].witness; });
  for (std::size_t next = 0; next < order.size();) {
    std::vector<Index> samples;
    std::vector<std::pair<std::size_t, Index>> columns;  // of the deaths in this piece
    for (; next < order.size(); ++next) {
      const Index witness = deaths[order[next]].witness;
      if (samples.empty() || samples.back() != witness) {
        if (samples.size() == kWitnessesAtOnce) break;
        samples.push_back(witness);
      }
      columns.emplace_back(order[next], static_cast<Index>(samples.size()) - 1);
    }
    old_runner.run(before, samples, Measure::nothing);
    new_runner.run(now, samples, Measure::nothing);
    for (const auto& [which, column] : columns) {
      const std::size_t layer = now.unit_layers()[deaths[which].layer];
      const auto unit = static_cast<Index>(deaths[which].unit);
      const Layer<T>& old_layer = before.layer(layer);
      const Layer<T>& new_layer = now.layer(layer);
      const Eigen::VectorXd old_weights = old_layer.weights().row(unit).template cast<double>();
      const Eigen::VectorXd new_weights = new_layer.weights().row(unit).template cast<double>();
      const Eigen::VectorXd old_input = input_of_layer(old_runner, layer, column);
      const Eigen::VectorXd new_input = input_of_layer(new_runner, layer, column);
      const auto old_bias = static_cast<double>(old_layer.bias_of(unit));
      const auto new_bias = static_cast<double>(new_layer.bias_of(unit));
      Autopsy& autopsy = autopsies[which];
      autopsy.own_weights = (new_weights - old_weights).dot(old_input);
      autopsy.own_bias = new_bias - old_bias;
      autopsy.upstream = new_weights.dot(new_input - old_input);
      autopsy.z_before = old_weights.dot(old_input) + old_bias;
      autopsy.z_now = new_weights.dot(new_input) + new_bias;
      // Five sums of n products, each at most the largest of both weights with the largest of both inputs.
      autopsy.rounding = 5.0 * static_cast<double>(old_weights.size() + 4) * std::numeric_limits<double>::epsilon() *
                         ((old_weights.norm() + new_weights.norm()) * (old_input.norm() + new_input.norm()) +
                          std::abs(old_bias) + std::abs(new_bias));
    }
  }
  return autopsies;
}

template std::vector<Autopsy> examine(const Network<float>&, const Network<float>&, const Dataset&,
                                      std::span<const Death>);
template std::vector<Autopsy> examine(const Network<double>&, const Network<double>&, const Dataset&,
                                      std::span<const Death>);

}  // namespace reluscope
