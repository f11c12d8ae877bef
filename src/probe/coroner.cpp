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

/// A network before and now, with the values that some samples have in it.
template <class T>
struct Twice {
  const Network<T>& before;
  const Network<T>& now;
  const SampleRunner<T>& old_runner;
  const SampleRunner<T>& new_runner;
};

/// The change of one value, and what it is made of; `size`: of the numbers that went into it.
struct Change {
  double before = 0.0;
  double now = 0.0;
  double own_weights = 0.0;
  double own_bias = 0.0;
  double norm = 0.0;
  double skip = 0.0;
  double upstream = 0.0;
  double size = 0.0;
  double terms = 4.0;
};

/// Where a value is: what a node yields, for one of its units at a position, for the sample of this column.
struct Spot {
  std::size_t node;
  Index unit;
  Index position;
  Index column;
};

/// A value of a node, or of what feeds one, read as units × positions.
template <class T>
double value_at(const Matrix<T>& values, Index units, const Spot& spot) {
  return static_cast<double>(values(spot.position * units + spot.unit, spot.column));
}

template <class T>
Change explain_map(const Twice<T>& both, const Spot& spot) {
  const Affine<T>& old_map = *both.before.node(spot.node).affine();
  const Affine<T>& new_map = *both.now.node(spot.node).affine();
  const auto input = [&](const SampleRunner<T>& runner, const Affine<T>& map) -> Eigen::VectorXd {
    return map.patches(*runner.state().inputs_of(spot.node)[0], spot.column, 1)
        .col(spot.position)
        .template cast<double>();
  };
  const Eigen::VectorXd old_input = input(both.old_runner, old_map);
  const Eigen::VectorXd new_input = input(both.new_runner, new_map);
  const Eigen::VectorXd old_weights = old_map.weights().row(spot.unit).template cast<double>();
  const Eigen::VectorXd new_weights = new_map.weights().row(spot.unit).template cast<double>();
  const auto old_bias = static_cast<double>(old_map.bias_of(spot.unit));
  const auto new_bias = static_cast<double>(new_map.bias_of(spot.unit));
  Change change;
  change.own_weights = (new_weights - old_weights).dot(old_input);
  change.own_bias = new_bias - old_bias;
  change.upstream = new_weights.dot(new_input - old_input);
  change.before = old_weights.dot(old_input) + old_bias;
  change.now = new_weights.dot(new_input) + new_bias;
  change.size = (old_weights.norm() + new_weights.norm()) * (old_input.norm() + new_input.norm()) + std::abs(old_bias) +
                std::abs(new_bias);
  change.terms = static_cast<double>(old_weights.size() + 4);
  return change;
}

template <class T>
Change explain(const Twice<T>& both, const Spot& spot);

/// Of the `slot`-th value that feeds a node at this spot.
template <class T>
Change explain_input(const Twice<T>& both, const Spot& spot, std::size_t slot) {
  const std::size_t from = both.now.graph().inputs_of(spot.node)[slot];
  if (from != kNetworkInput) return explain(both, {from, spot.unit, spot.position, spot.column});
  Change change;  // the data are what they were
  change.before = change.now =
      value_at(*both.new_runner.state().inputs_of(spot.node)[slot], both.now.node(spot.node).units(), spot);
  return change;
}

/// An affine map, a norm and a sum are taken apart; whatever else yields a value is upstream.
template <class T>
Change explain(const Twice<T>& both, const Spot& spot) {
  const Node<T>& node = both.now.node(spot.node);
  const Node<T>& old_node = both.before.node(spot.node);
  if (node.affine() != nullptr && node.activation() == nullptr) return explain_map(both, spot);
  const auto line_of = [&](const Node<T>& one, const SampleRunner<T>& runner) {
    return one.line(spot.unit, spot.position, runner.state().inputs_of(spot.node)[0]->col(spot.column).data());
  };
  if (const auto line = line_of(node, both.new_runner)) {
    const auto old_line = *line_of(old_node, both.old_runner);
    Change change = explain_input(both, spot, 0);
    const double before = change.before;
    change.norm =
        line->slope * change.norm + (line->slope - old_line.slope) * before + (line->offset - old_line.offset);
    for (double* term : {&change.own_weights, &change.own_bias, &change.skip, &change.upstream}) *term *= line->slope;
    const double steepest = std::abs(line->slope) + std::abs(old_line.slope);
    change.size = steepest * (change.size + std::abs(before) + std::abs(change.now)) + std::abs(line->offset) +
                  std::abs(old_line.offset);
    change.before = old_line.slope * before + old_line.offset;
    change.now = line->slope * change.now + line->offset;
    change.terms += 4.0;
    return change;
  }
  if (node.adds_up()) {
    Change change = explain_input(both, spot, 0);
    for (std::size_t slot = 1; slot < both.now.graph().inputs_of(spot.node).size(); ++slot) {
      const Change other = explain_input(both, spot, slot);
      change.skip += other.now - other.before;
      change.before += other.before;
      change.now += other.now;
      change.size += other.size + std::abs(other.before) + std::abs(other.now);
      change.terms = std::max(change.terms, other.terms) + 4.0;
    }
    return change;
  }
  Change change;
  change.before = value_at(both.old_runner.state().node(spot.node).output, node.units(), spot);
  change.now = value_at(both.new_runner.state().node(spot.node).output, node.units(), spot);
  change.upstream = change.now - change.before;
  change.size = std::abs(change.before) + std::abs(change.now);
  return change;
}

/// Of the pre-activation of a site's unit.
template <class T>
Change explain_site(const Twice<T>& both, const Spot& spot) {
  return both.now.node(spot.node).affine() != nullptr ? explain_map(both, spot) : explain_input(both, spot, 0);
}

/// z of a site's unit at each position of the sample, before.
template <class T>
Eigen::VectorXd z_before(const Twice<T>& both, std::size_t node, Index unit, Index column) {
  const Node<T>& site = both.before.node(node);
  const Matrix<T>& input = *both.old_runner.state().inputs_of(node)[0];
  if (const Affine<T>* map = site.affine())
    return (map->patches(input, column, 1).leftCols(site.positions()).transpose() *
            map->weights().row(unit).transpose())
               .template cast<double>()
               .array() +
           static_cast<double>(map->bias_of(unit));
  const Eigen::Map<const Matrix<T>> z(input.col(column).data(), site.units(), site.positions());
  return z.row(unit).transpose().template cast<double>();
}

/// The position at which a unit with these pre-activations was farthest into its live region.
Index witness_position(const Eigen::VectorXd& z, const ActivationShape& function) {
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
  if (std::isnan(own_weights + own_bias + norm + skip + upstream)) return "";
  // Deaths on the right (relu6 above 6) are pushed upwards.
  const double direction = z_now <= z_before ? -1.0 : 1.0;
  const std::pair<double, std::string_view> terms[] = {{direction * own_weights, "own_weights"},
                                                       {direction * own_bias, "own_bias"},
                                                       {direction * norm, "norm"},
                                                       {direction * skip, "skip"},
                                                       {direction * upstream, "upstream"}};
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
    const Twice<T> both{before, now, old_runner, new_runner};
    for (const auto& [which, column] : columns) {
      const std::size_t node = now.sites()[deaths[which].layer];
      const auto unit = static_cast<Index>(deaths[which].unit);
      Index position = 0;
      if (now.node(node).positions() > 1)
        position = witness_position(z_before(both, node, unit, column), now.node(node).activation()->function());
      const Change change = explain_site(both, {node, unit, position, column});
      // Every term is some sums of so many products.
      const double rounding = 5.0 * change.terms * std::numeric_limits<double>::epsilon() * change.size;
      autopsies[which] = {change.own_weights, change.own_bias, change.norm, change.skip,
                          change.upstream,    change.before,   change.now,  rounding};
    }
  }
  return autopsies;
}

template std::vector<Autopsy> examine(const Network<float>&, const Network<float>&, const Dataset&,
                                      std::span<const Death>);
template std::vector<Autopsy> examine(const Network<double>&, const Network<double>&, const Dataset&,
                                      std::span<const Death>);

}  // namespace reluscope
