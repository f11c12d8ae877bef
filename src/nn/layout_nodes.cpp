#include "nn/layout_nodes.hpp"

#include "nn/output_squares.hpp"

namespace reluscope {

namespace {

/// Each column of `from`, read as rows × columns, the other way round into that of `to`.
template <class T>
void transpose_samples(const Matrix<T>& from, Matrix<T>& to, Index rows, const Shard& shard) {
  const Index columns = from.rows() / rows;
  if (rows == 1 || columns == 1) {  // of one channel, or at one position: both ways round are the same
    to.middleCols(shard.first, shard.count) = from.middleCols(shard.first, shard.count);
    return;
  }
  for (Index sample = shard.first; sample < shard.first + shard.count; ++sample)
    Eigen::Map<Matrix<T>>(to.col(sample).data(), columns, rows) =
        Eigen::Map<const Matrix<T>>(from.col(sample).data(), rows, columns).transpose();
}

/// `values` of each channel, for every position: channel by channel.
Eigen::VectorXd spread(const Eigen::VectorXd& values, Index positions) {
  Eigen::VectorXd all(values.size() * positions);
  for (Index channel = 0; channel < values.size(); ++channel)
    all.segment(channel * positions, positions).setConstant(values[channel]);
  return all;
}

}  // namespace

template <class T>
void ChannelsLast<T>::forward(NodeInputs<T> inputs, NodeState<T>& state, const Shard& shard, const Pass& pass) const {
  transpose_samples(*inputs[0], state.output, this->positions(), shard);
  measure_output_squares(state, shard, pass);
}

template <class T>
void ChannelsLast<T>::backward(NodeInputs<T> /*inputs*/, NodeState<T>& state, const Shard& shard, const Pass& /*pass*/,
                               InputDeltas<T> input_deltas) const {
  if (input_deltas[0] != nullptr) transpose_samples(state.delta, *input_deltas[0], this->units(), shard);
}

template <class T>
std::optional<Box> ChannelsLast<T>::bound(std::span<const Box* const> inputs) const {
  const Index positions = this->positions();
  Box box = Box::unknown(this->units());
  for (Index channel = 0; channel < this->units(); ++channel) {
    // An end that is infinite where an input is not finite (probe/extent.hpp) stays so.
    box.low[channel] = inputs[0]->low.segment(channel * positions, positions).minCoeff();
    box.high[channel] = inputs[0]->high.segment(channel * positions, positions).maxCoeff();
  }
  return box;
}

template <class T>
std::optional<Eigen::VectorXd> ChannelsLast<T>::drift(const Node<T>& /*before*/,
                                                      std::span<const Drift* const> inputs) const {
  const Index positions = this->positions();
  Eigen::VectorXd largest(this->units());
  for (Index channel = 0; channel < this->units(); ++channel)
    largest[channel] = inputs[0]->element.segment(channel * positions, positions).maxCoeff();
  return largest;
}

template <class T>
std::optional<Matrix<T>> ChannelsLast<T>::apart(const Node<T>& /*other*/, NodeInputs<T> /*inputs*/,
                                                NodeInputs<T> inputs_apart) const {
  Matrix<T> apart(this->outputs(), inputs_apart[0]->cols());
  transpose_samples(*inputs_apart[0], apart, this->positions(), {0, 0, apart.cols()});
  return apart;
}

template <class T>
std::unique_ptr<Node<T>> Flatten<T>::select(const std::vector<Index>& inputs,
                                            const std::vector<Index>& /*outputs*/) const {
  return std::make_unique<Flatten<T>>(this->name(),
                                      Shape(static_cast<Index>(inputs.size()), input_.height, input_.width));
}

template <class T>
std::optional<std::vector<Index>> Flatten<T>::channel_sources() const {
  std::vector<Index> sources;
  for (Index feature = 0; feature < this->units(); ++feature) sources.push_back(feature / input_.positions());
  return sources;
}

template <class T>
void Flatten<T>::forward(NodeInputs<T> inputs, NodeState<T>& state, const Shard& shard, const Pass& pass) const {
  transpose_samples(*inputs[0], state.output, input_.channels, shard);
  measure_output_squares(state, shard, pass);
}

template <class T>
void Flatten<T>::backward(NodeInputs<T> /*inputs*/, NodeState<T>& state, const Shard& shard, const Pass& /*pass*/,
                          InputDeltas<T> input_deltas) const {
  if (input_deltas[0] != nullptr) transpose_samples(state.delta, *input_deltas[0], input_.positions(), shard);
}

template <class T>
std::optional<Box> Flatten<T>::bound(std::span<const Box* const> inputs) const {
  return Box{spread(inputs[0]->low, input_.positions()), spread(inputs[0]->high, input_.positions())};
}

template <class T>
std::optional<Eigen::VectorXd> Flatten<T>::drift(const Node<T>& /*before*/,
                                                 std::span<const Drift* const> inputs) const {
  return spread(inputs[0]->element, input_.positions());
}

template <class T>
std::optional<Matrix<T>> Flatten<T>::apart(const Node<T>& /*other*/, NodeInputs<T> /*inputs*/,
                                           NodeInputs<T> inputs_apart) const {
  Matrix<T> apart(this->outputs(), inputs_apart[0]->cols());
  transpose_samples(*inputs_apart[0], apart, input_.channels, {0, 0, apart.cols()});
  return apart;
}

template class ChannelsLast<float>;
template class ChannelsLast<double>;
template class Flatten<float>;
template class Flatten<double>;

}  // namespace reluscope
