#include "experiment/prune_check.hpp"

#include <algorithm>
#include <cmath>
#include <mutex>
#include <numeric>

#include "probe/reach.hpp"

namespace reluscope {

namespace {

/// Samples that are computed at a time: of vectors, and of what has positions.
constexpr Index kVectors = 256;
constexpr Index kImages = kShardColumns;

/// Calls visit(input) for blocks of samples, from several threads.
template <class T, class Visit>
void for_blocks(const Dataset& dataset, const Samples& part, Index at_once, ThreadPool& pool, Visit visit) {
  pool.for_each((part.count() + at_once - 1) / at_once, [&](std::int64_t block) {
    const Index first = block * at_once;
    std::vector<Index> samples(static_cast<std::size_t>(std::min(at_once, part.count() - first)));
    std::iota(samples.begin(), samples.end(), first);
    Matrix<T> input(dataset.features(), static_cast<Index>(samples.size()));
    gather<T>(dataset, part, samples, input);
    visit(input);
  });
}

/// What a node that adds nothing up makes of some columns.
template <class T>
Matrix<T> run_alone(const Node<T>& node, const Matrix<T>& input) {
  NodeState<T> state;
  node.prepare(state, input.cols(), 1);
  const Matrix<T>* inputs = &input;
  node.forward(std::span(&inputs, 1), state, {0, 0, input.cols()}, {});
  return state.output.leftCols(input.cols());
}

/// The outputs of every node for some columns, each sum in the order of the inputs. In a network that adds_in_order().
template <class T>
std::vector<Matrix<T>> respond(const Network<T>& network, const Matrix<T>& input) {
  std::vector<Matrix<T>> all;
  for (std::size_t at = 0; at < network.depth(); ++at) {
    const Node<T>& node = network.node(at);
    const Matrix<T>& below = all.empty() ? input : all.back();
    const Affine<T>* map = node.affine();
    if (map == nullptr) {
      all.push_back(run_alone(node, below));
      continue;
    }
    const Matrix<T>& weight = map->weights();
    const Matrix<T> seen = map->patches(below, 0, below.cols());
    Matrix<T> z = Matrix<T>::Zero(weight.rows(), below.cols());
    for (Index from = 0; from < weight.cols(); ++from)
      for (Index column = 0; column < z.cols(); ++column) z.col(column) += weight.col(from) * seen(from, column);
    if (const Parameter<T>* bias = node.parameter(ParameterRole::bias)) z.colwise() += bias->value.col(0);
    if (node.activation() != nullptr) node.activation()->respond(z);
    all.push_back(std::move(z));
  }
  return all;
}

/// A network's values for some columns, as it runs in evaluation.
template <class T>
class Values {
 public:
  Values(const Network<T>& network, const Matrix<T>& input)
      : columns_(input.cols()), state_(network, input.cols(), Way::forward) {
    state_.input().leftCols(columns_) = input;
    for (const Shard& shard : network.cut(columns_)) state_.forward(network, shard, {});
  }
  [[nodiscard]] const NetworkState<T>& state() const { return state_; }
  [[nodiscard]] Matrix<T> of_node(std::size_t node) const { return state_.node(node).output.leftCols(columns_); }
  [[nodiscard]] Matrix<T> output() const { return state_.output().leftCols(columns_); }

 private:
  Index columns_;
  NetworkState<T> state_;
};

template <class T>
void widen(ValueRange<T>& range, const Matrix<T>& values) {
  const Index units = range.low.size();
  const Eigen::Map<const Matrix<T>> by_channel(values.data(), units, values.size() / units);
  // A NaN stays: it is not equal to itself.
  for (Index column = 0; column < by_channel.cols(); ++column)
    for (Index unit = 0; unit < units; ++unit) {
      const T value = by_channel(unit, column);
      if (is_nearer(value, range.low[unit])) range.low[unit] = value;
      if (is_nearer(-value, -range.high[unit])) range.high[unit] = value;
    }
}

template <class T>
Index class_of(const Vector<T>& output) {
  Index best = 0;
  for (Index row = 1; row < output.size(); ++row)
    if (output[row] > output[best]) best = row;
  return best;
}

template <class T>
bool predict_the_same(const TargetPlan& plan, const Vector<T>& one, const Vector<T>& other) {
  const bool one_each = plan.coding == TargetCoding::binary || plan.coding == TargetCoding::labels;
  if (!one_each) return class_of(one) == class_of(other);
  const auto threshold = static_cast<T>(plan.threshold);
  return ((one.array() > threshold) == (other.array() > threshold)).all();
}

/// Whether no output that is `apart` from this one predicts anything else.
template <class T>
bool is_sure(const TargetPlan& plan, const Vector<T>& output, const Vector<T>& apart) {
  const auto number = [](T value) { return static_cast<double>(value); };
  const bool one_each = plan.coding == TargetCoding::binary || plan.coding == TargetCoding::labels;
  const Index best = class_of(output);
  for (Index row = 0; row < output.size(); ++row) {
    if (one_each && !(std::abs(number(output[row]) - plan.threshold) > number(apart[row]))) return false;
    if (!one_each && row != best &&
        !(number(output[best]) - number(output[row]) > number(apart[best]) + number(apart[row])))
      return false;
  }
  return true;
}

/// What some samples add to a check.
template <class T>
OutputCheck compare(const Matrix<T>& whole, const Matrix<T>& smaller) {
  OutputCheck check;
  check.samples = whole.cols();
  check.differing = (smaller.array() != whole.array()).colwise().any().count();
  check.largest_difference = static_cast<double>((smaller - whole).cwiseAbs().maxCoeff());
  return check;
}

template <class T>
OutputCheck compare(const Matrix<T>& whole, const Matrix<T>& smaller, const std::optional<Matrix<T>>& apart,
                    const TargetPlan& targets) {
  OutputCheck check = compare(whole, smaller);
  if (apart) {
    check.bound = static_cast<double>(apart->template maxCoeff<Eigen::PropagateNaN>());
    if (!std::isfinite(*check.bound)) check.bound.reset();
    check.beyond_bound = ((smaller - whole).cwiseAbs().array() > apart->array()).colwise().any().count();
  }
  if (!classifies(targets)) return check;
  check.same_predictions = 0;
  for (Index sample = 0; sample < whole.cols(); ++sample) {
    const Vector<T> output = whole.col(sample);
    *check.same_predictions += predict_the_same<T>(targets, output, smaller.col(sample)) ? 1 : 0;
    check.proved_predictions += apart && is_sure<T>(targets, output, apart->col(sample)) ? 1 : 0;
  }
  return check;
}

void add(OutputCheck& all, const OutputCheck& some) {
  const bool first = all.samples == 0;
  all.samples += some.samples;
  all.differing += some.differing;
  all.largest_difference = std::max(all.largest_difference, some.largest_difference);
  all.bound = !some.bound || (!first && !all.bound) ? std::nullopt
                                                    : std::optional(std::max(all.bound.value_or(0.0), *some.bound));
  all.beyond_bound += some.beyond_bound;
  if (some.same_predictions) all.same_predictions = all.same_predictions.value_or(0) + *some.same_predictions;
  all.proved_predictions += some.proved_predictions;
}

}  // namespace

template <class T>
bool adds_in_order(const Network<T>& network) {
  for (std::size_t at = 0; at < network.depth(); ++at)
    if (network.node(at).positions() > 1) return false;
  return network.graph().is_chain(network.depth());
}

template <class T>
std::vector<ValueRange<T>> measure_ranges(const Network<T>& network, const Dataset& dataset, ThreadPool& pool) {
  std::vector<ValueRange<T>> ranges;
  for (std::size_t at = 0; at < network.depth(); ++at) {
    const Index units = network.node(at).units();
    ranges.push_back({Vector<T>::Constant(units, std::numeric_limits<T>::infinity()),
                      Vector<T>::Constant(units, -std::numeric_limits<T>::infinity())});
  }
  const bool in_order = adds_in_order(network);
  std::mutex mutex;
  for_blocks<T>(dataset, dataset.train, in_order ? kVectors : kImages, pool, [&](const Matrix<T>& input) {
    if (in_order) {
      const std::vector<Matrix<T>> outputs = respond(network, input);
      const std::lock_guard lock(mutex);
      for (std::size_t at = 0; at < outputs.size(); ++at) widen(ranges[at], outputs[at]);
    } else {
      const Values<T> values(network, input);
      const std::lock_guard lock(mutex);
      for (std::size_t at = 0; at < ranges.size(); ++at) widen(ranges[at], values.of_node(at));
    }
  });
  return ranges;
}

template <class T>
OutputCheck check_outputs(const Network<T>& whole, const PrunePlan<T>& plan, const Network<T>& smaller,
                          const Dataset& dataset, const Samples& part, const TargetPlan& targets, ThreadPool& pool) {
  const bool in_order = adds_in_order(whole);
  OutputCheck check;
  std::mutex mutex;
  for_blocks<T>(dataset, part, in_order ? kVectors : kImages, pool, [&](const Matrix<T>& input) {
    OutputCheck some;
    if (in_order) {
      some = compare<T>(respond(whole, input).back(), respond(smaller, input).back());
    } else {
      const Values<T> values(whole, input);
      some = compare<T>(values.output(), Values<T>(smaller, input).output(),
                        outputs_apart(whole, plan.masked, values.state(), input.cols()), targets);
    }
    const std::lock_guard lock(mutex);
    add(check, some);
  });
  return check;
}

#define RELUSCOPE_INSTANTIATE(T)                                                                                \
  template bool adds_in_order(const Network<T>&);                                                               \
  template std::vector<ValueRange<T>> measure_ranges(const Network<T>&, const Dataset&, ThreadPool&);           \
  template OutputCheck check_outputs(const Network<T>&, const PrunePlan<T>&, const Network<T>&, const Dataset&, \
                                     const Samples&, const TargetPlan&, ThreadPool&);
RELUSCOPE_INSTANTIATE(float)
RELUSCOPE_INSTANTIATE(double)
#undef RELUSCOPE_INSTANTIATE

}  // namespace reluscope
