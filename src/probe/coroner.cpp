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

/// A unit of a site for one sample: what feeds it at each position, a column, and how it makes z of that. Where no
/// affine map does, z is fed to it.
struct Fed {
  Eigen::MatrixXd inputs;
  Eigen::VectorXd weights;
  double bias = 0.0;
};
template <class T>
Fed fed_of(const SampleRunner<T>& runner, const Network<T>& network, std::size_t site, Index unit, Index column) {
  const Matrix<T>& input = *runner.state().inputs_of(network.sites()[site])[0];
  const Node<T>& node = network.site(site);
  const Affine<T>* map = node.affine();
  if (map == nullptr) {
    const Eigen::Map<const Matrix<T>> z(input.col(column).data(), node.units(), node.positions());
    return {z.row(unit).template cast<double>(), Eigen::VectorXd::Ones(1), 0.0};
  }
  return {map->patches(input, column, 1).leftCols(node.positions()).template cast<double>(),
          map->weights().row(unit).template cast<double>(), static_cast<double>(map->bias_of(unit))};
}

/// The position at which the unit was farthest into its live region.
Index witness_position(const Fed& unit, const ActivationShape& function) {
  if (unit.inputs.cols() == 1) return 0;
  const Eigen::RowVectorXd z = (unit.weights.transpose() * unit.inputs).array() + unit.bias;
  Index farthest = 0;
  double least = kInfinity;
  for (Index position = 0; position < z.size(); ++position) {
    const double margin = std::max(function.dead_below - z[position], z[position] - function.dead_above);
    if (!is_nearer(margin, least)) continue;
    least = margin;
    farthest = position;
  }
  return farthest;
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
      const std::size_t site = deaths[which].layer;
      const auto unit = static_cast<Index>(deaths[which].unit);
      const Fed old_unit = fed_of(old_runner, before, site, unit, column);
      const Fed new_unit = fed_of(new_runner, now, site, unit, column);
      const Index position = witness_position(old_unit, before.site(site).activation()->function());
      const Eigen::VectorXd old_input = old_unit.inputs.col(position);
      const Eigen::VectorXd new_input = new_unit.inputs.col(position);
      Autopsy& autopsy = autopsies[which];
      autopsy.own_weights = (new_unit.weights - old_unit.weights).dot(old_input);
      autopsy.own_bias = new_unit.bias - old_unit.bias;
      autopsy.upstream = new_unit.weights.dot(new_input - old_input);
      autopsy.z_before = old_unit.weights.dot(old_input) + old_unit.bias;
      autopsy.z_now = new_unit.weights.dot(new_input) + new_unit.bias;
      // Five sums of n products, each at most the largest of both weights with the largest of both inputs.
      autopsy.rounding = 5.0 * static_cast<double>(old_unit.weights.size() + 4) *
                         std::numeric_limits<double>::epsilon() *
                         ((old_unit.weights.norm() + new_unit.weights.norm()) * (old_input.norm() + new_input.norm()) +
                          std::abs(old_unit.bias) + std::abs(new_unit.bias));
    }
  }
  return autopsies;
}

template std::vector<Autopsy> examine(const Network<float>&, const Network<float>&, const Dataset&,
                                      std::span<const Death>);
template std::vector<Autopsy> examine(const Network<double>&, const Network<double>&, const Dataset&,
                                      std::span<const Death>);

}  // namespace reluscope
