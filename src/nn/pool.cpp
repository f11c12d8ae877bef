#include "nn/pool.hpp"

#include <algorithm>
#include <cmath>
#include <span>
#include <type_traits>
#include <vector>

#include "nn/block.hpp"
#include "nn/output_squares.hpp"

namespace reluscope {

namespace {

/// Calls visit(sample, place) for each place of the window in each sample of the shard.
template <class Visit>
void each_place(const Window& window, const Shard& shard, Visit visit) {
  for (Index sample = shard.first; sample < shard.first + shard.count; ++sample)
    for (Index place = 0; place < window.places(); ++place) visit(sample, place);
}

/// The largest of what is seen, and where in the window it is, of so many channels from `channel` on.
template <class T, class Count>
void take_largest(std::span<const Seen> seen, const T* sample, Index channels, Index channel, Count count, T* largest,
                  T* where) {
  Block<T> most = load_block<T>(sample + seen[0].position * channels + channel, count);
  Block<T> at = fill_block(static_cast<T>(seen[0].in_window));
  for (const Seen& one : seen.subspan(1)) {
    const Block<T> value = load_block<T>(sample + one.position * channels + channel, count);
    const auto stays = (value <= most) | (most != most);  // NOLINT(misc-redundant-expression): true for a NaN
    most = stays ? most : value;
    at = stays ? at : fill_block(static_cast<T>(one.in_window));
  }
  store_block<T>(most, largest + channel, count);
  store_block<T>(at, where + channel, count);
}

}  // namespace

std::vector<std::vector<Seen>> seen_by_place(const Window& window) {
  std::vector<std::vector<Seen>> all(static_cast<std::size_t>(window.places()));
  for (Index place = 0; place < window.places(); ++place)
    window.look(place, [&](Index position, Index in_window) {
      all[static_cast<std::size_t>(place)].push_back({position, in_window});
    });
  return all;
}

Window pool_window(const LayerSpec& layer, const Shape& input) {
  const ParamValues& params = layer.type.params;
  const Index kernel = params.integer("kernel");
  const Index padding = params.integer("padding");
  return {input, kernel, params.maybe_integer("stride").value_or(kernel), padding, padding};
}

template <class T>
std::unique_ptr<Node<T>> MaxPool<T>::select(const std::vector<Index>& inputs, const std::vector<Index>& outputs) const {
  auto part = std::make_unique<MaxPool<T>>(*this);
  part->resize_output(static_cast<Index>(outputs.size()));
  part->window_.channels = static_cast<Index>(inputs.size());
  return part;
}

/// The largest of some numbers is apart by no more than one of them is.
template <class T>
std::optional<Matrix<T>> MaxPool<T>::apart(const Node<T>& /*other*/, NodeInputs<T> /*inputs*/,
                                           NodeInputs<T> inputs_apart) const {
  const Index channels = window_.channels;
  const Shard all{0, 0, inputs_apart[0]->cols()};
  Matrix<T> apart = Matrix<T>::Zero(this->outputs(), all.count);
  each_place(window_, all, [&](Index sample, Index place) {
    T* largest = apart.col(sample).data() + place * channels;
    window_.look(place, [&](Index position, Index /*in_window*/) {
      const T* values = inputs_apart[0]->col(sample).data() + position * channels;
      for (Index channel = 0; channel < channels; ++channel)
        if (!(values[channel] <= largest[channel]) && largest[channel] == largest[channel])  // a NaN stays
          largest[channel] = values[channel];
    });
  });
  return apart;
}

/// `saved` keeps which place in the window it was.
template <class T>
void MaxPool<T>::forward(NodeInputs<T> inputs, NodeState<T>& state, const Shard& shard, const Pass& pass) const {
  const Index channels = window_.channels;
  for (Index sample = shard.first; sample < shard.first + shard.count; ++sample) {
    const T* const from = inputs[0]->col(sample).data();
    T* largest = state.output.col(sample).data();
    T* where = state.saved.col(sample).data();
    for (const std::vector<Seen>& seen : seen_) {
      Index channel = 0;
      for (; channel + kLanes<T> <= channels; channel += kLanes<T>)
        take_largest<T>(seen, from, channels, channel, std::integral_constant<Index, kLanes<T>>(), largest, where);
      if (channel < channels) take_largest<T>(seen, from, channels, channel, channels - channel, largest, where);
      largest += channels;
      where += channels;
    }
  }
  measure_output_squares(state, shard, pass);
}

template <class T>
void MaxPool<T>::backward(NodeInputs<T> /*inputs*/, NodeState<T>& state, const Shard& shard, const Pass& /*pass*/,
                          InputDeltas<T> input_deltas) const {
  if (input_deltas[0] == nullptr) return;
  // Where each position is seen once, it gets its value; else what the places give it is added up.
  const bool once =
      !window_.pads() && window_.overlap() == 1 && window_.places() * window_.size() == window_.input_positions();
  if (!once) input_deltas[0]->middleCols(shard.first, shard.count).setZero();
  for (Index sample = shard.first; sample < shard.first + shard.count; ++sample) {
    T* const to = input_deltas[0]->col(sample).data();
    const T* const delta = state.delta.col(sample).data();
    const T* const where = state.saved.col(sample).data();
    if (once) {
      give_back(delta, where, to, [](Block<T> /*sum*/, Block<T> share) { return share; });
    } else {
      give_back(delta, where, to, [](Block<T> sum, Block<T> share) { return sum + share; });
    }
  }
}

/// Of one sample: each place's delta to the position that was the largest, and 0 to the others that it saw.
template <class T>
template <class Give>
void MaxPool<T>::give_back(const T* delta, const T* where, T* to, Give give) const {
  const Index channels = window_.channels;
  const auto give_some = [&](const std::vector<Seen>& seen, Index channel, auto count) {
    const Block<T> value = load_block<T>(delta + channel, count);
    const Block<T> place = load_block<T>(where + channel, count);
    for (const Seen& one : seen) {
      T* const sums = to + one.position * channels + channel;
      const Block<T> share = place == fill_block(static_cast<T>(one.in_window)) ? value : Block<T>{};
      store_block<T>(give(load_block<T>(sums, count), share), sums, count);
    }
  };
  for (const std::vector<Seen>& seen : seen_) {
    Index channel = 0;
    for (; channel + kLanes<T> <= channels; channel += kLanes<T>)
      give_some(seen, channel, std::integral_constant<Index, kLanes<T>>());
    if (channel < channels) give_some(seen, channel, channels - channel);
    delta += channels;
    where += channels;
  }
}

/// A value is the largest of so many windows, at most.
template <class T>
std::optional<double> MaxPool<T>::norm(std::span<const double> inputs) const {
  return inputs[0] * std::sqrt(static_cast<double>(window_.overlap())) * (1.0 + 1e-12);
}

template <class T>
T AveragePool<T>::divisor(Index place) const {
  Index seen = window_.size();
  if (!counts_padding_ && window_.pads()) {
    seen = 0;
    window_.look(place, [&](Index /*position*/, Index /*in_window*/) { ++seen; });
  }
  return static_cast<T>(seen);
}

template <class T>
std::unique_ptr<Node<T>> AveragePool<T>::select(const std::vector<Index>& inputs,
                                                const std::vector<Index>& outputs) const {
  auto part = std::make_unique<AveragePool<T>>(*this);
  part->resize_output(static_cast<Index>(outputs.size()));
  part->window_.channels = static_cast<Index>(inputs.size());
  return part;
}

template <class T>
void AveragePool<T>::average(const Matrix<T>& from, Matrix<T>& to, const Shard& shard) const {
  const Index channels = window_.channels;
  each_place(window_, shard, [&](Index sample, Index place) {
    const T* values = from.col(sample).data();
    Eigen::Map<Vector<T>> mean(to.col(sample).data() + place * channels, channels);
    mean.setZero();
    window_.look(place, [&](Index position, Index /*in_window*/) {
      mean += Eigen::Map<const Vector<T>>(values + position * channels, channels);
    });
    mean /= divisor(place);
  });
}

template <class T>
void AveragePool<T>::forward(NodeInputs<T> inputs, NodeState<T>& state, const Shard& shard, const Pass& pass) const {
  average(*inputs[0], state.output, shard);
  measure_output_squares(state, shard, pass);
}

/// The means are apart by the mean of what their terms are, and each is off by the slack of a sum of so many.
template <class T>
std::optional<Matrix<T>> AveragePool<T>::apart(const Node<T>& /*other*/, NodeInputs<T> inputs,
                                               NodeInputs<T> inputs_apart) const {
  const Shard all{0, 0, inputs_apart[0]->cols()};
  const auto slack = static_cast<T>(relative_slack<T>(window_.size()));
  Matrix<T> apart(this->outputs(), all.count);
  Matrix<T> sizes(this->outputs(), all.count);
  average(*inputs_apart[0], apart, all);
  average(inputs[0]->leftCols(all.count).cwiseAbs(), sizes, all);
  apart = ((T(1) + T(2) * slack) * apart.array() + T(2) * slack * sizes.array() +
           static_cast<T>(2.0 * tiny<T>(window_.size())))
              .matrix();
  return apart;
}

template <class T>
void AveragePool<T>::backward(NodeInputs<T> /*inputs*/, NodeState<T>& state, const Shard& shard, const Pass& /*pass*/,
                              InputDeltas<T> input_deltas) const {
  if (input_deltas[0] == nullptr) return;
  const Index channels = window_.channels;
  input_deltas[0]->middleCols(shard.first, shard.count).setZero();
  each_place(window_, shard, [&](Index sample, Index place) {
    T* to = input_deltas[0]->col(sample).data();
    const Eigen::Map<const Vector<T>> delta(state.delta.col(sample).data() + place * channels, channels);
    const T share = T(1) / divisor(place);
    window_.look(place, [&](Index position, Index /*in_window*/) {
      Eigen::Map<Vector<T>>(to + position * channels, channels) += share * delta;
    });
  });
}

/// The mean lies between the ends, but for what the sum and the division round; padded zeros are values too.
template <class T>
std::optional<Box> AveragePool<T>::bound(std::span<const Box* const> inputs) const {
  Box box = *inputs[0];
  for (Index channel = 0; channel < box.low.size(); ++channel) {
    double& low = box.low[channel];
    double& high = box.high[channel];
    if (window_.pads()) {
      low = std::min(low, 0.0);
      high = std::max(high, 0.0);
    }
    const double slack =
        relative_slack<T>(window_.size()) * std::max(std::abs(low), std::abs(high)) + tiny<T>(window_.size());
    // Sums of what is not negative are not, and those of zeros are 0.
    if (low != 0.0) low = low > 0.0 ? std::max(0.0, low - slack) : low - slack;
    if (high != 0.0) high = high < 0.0 ? std::min(0.0, high + slack) : high + slack;
  }
  return box;
}

/// The mean moves by no more than what it is of, and both computed ones are off by the rounding of a sum of so many
/// terms, of at most the input's norm.
template <class T>
std::optional<Eigen::VectorXd> AveragePool<T>::drift(const Node<T>& /*before*/,
                                                     std::span<const Drift* const> inputs) const {
  Eigen::VectorXd drift = inputs[0]->element;
  for (double& moved : drift) {
    if (moved == 0.0) continue;
    const double size = 2.0 * inputs[0]->norm + moved;
    const double bound = moved + relative_slack<T>(window_.size()) * size + 2.0 * tiny<T>(window_.size());
    moved = std::isfinite(bound) ? bound * (1.0 + 1e-12) : kInfinity;
  }
  return drift;
}

/// ‖mean‖² ≤ Σ_places Σ_seen h²/n, by Jensen's inequality, and a value is seen from so many places.
template <class T>
std::optional<double> AveragePool<T>::norm(std::span<const double> inputs) const {
  return inputs[0] * std::sqrt(static_cast<double>(window_.overlap())) * (1.0 + relative_slack<T>(window_.size())) +
         tiny<T>(window_.size()) * std::sqrt(static_cast<double>(this->outputs()));
}

template class MaxPool<float>;
template class MaxPool<double>;
template class AveragePool<float>;
template class AveragePool<double>;

}  // namespace reluscope
