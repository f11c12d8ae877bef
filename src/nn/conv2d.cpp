#include "nn/conv2d.hpp"

#include <algorithm>

#include "nn/gemm.hpp"
#include "util/memory.hpp"

namespace reluscope {

namespace {

/// Positions that are cut out and multiplied at once: what they see stays in the cache. Whole groups of columns
/// (gemm.hpp), counted over a shard's samples. Part of the definition of a result, as kTileElements is.
constexpr Index kPositionsAtOnce = 256;
static_assert(kPositionsAtOnce % kColumnGroup == 0 && kShardColumns % kColumnGroup == 0);

Index kernel_positions(const LayerSpec& layer) {
  const Index side = layer.type.params.integer("kernel");
  return side * side;
}

template <class T>
Shape output_of(const LayerSpec& layer, const Shape& input) {
  const Window window = Conv2d<T>::window_of(layer, input);
  return {layer.type.params.integer("channels"), window.rows.places(), window.columns.places()};
}

}  // namespace

template <class T>
Window Conv2d<T>::window_of(const LayerSpec& layer, const Shape& input) {
  const ParamValues& params = layer.type.params;
  const Index kernel = params.integer("kernel");
  if (!params.is_word("padding"))
    return {input, kernel, params.integer("stride"), params.integer("padding"), params.integer("padding")};
  // "same", as PyTorch has it: an even kernel pads one position more at the end.
  return {input, kernel, params.integer("stride"), (kernel - 1) / 2, kernel / 2};
}

template <class T>
Conv2d<T>::Conv2d(const LayerSpec& layer, const Shape& input, std::uint64_t seed, std::uint64_t stream)
    : Affine<T>(layer, output_of<T>(layer, input),
                init_context(layer, input.channels * kernel_positions(layer),
                             layer.type.params.integer("channels") * kernel_positions(layer), seed, stream,
                             kernel_positions(layer))),
      window_(window_of(layer, input)) {}

template <class T>
std::unique_ptr<Node<T>> Conv2d<T>::select(const std::vector<Index>& inputs, const std::vector<Index>& outputs) const {
  auto part = std::make_unique<Conv2d<T>>(*this);
  part->keep(inputs, outputs);
  part->window_.channels = static_cast<Index>(inputs.size());
  return part;
}

template <class T>
void Conv2d<T>::prepare_room(NodeState<T>& state, Index shards) const {
  state.rooms.resize(static_cast<std::size_t>(shards));
  for (ShardRoom<T>& room : state.rooms) {
    if (!window_.is_identity()) room.patches.setZero(this->fan_in(), kPositionsAtOnce);
  }
}

/// For the way back, which most states never go.
template <class T>
void Conv2d<T>::prepare_way_back(ShardRoom<T>& room) const {
  if (room.weight_sum.size() > 0) return;
  if (!window_.is_identity()) room.patch_deltas.setZero(this->fan_in(), kPositionsAtOnce);
  room.weight_product.setZero(this->units(), this->fan_in());
  room.weight_sum.setZero(this->units(), this->fan_in());
}

std::uint64_t conv2d_room(Index units, Index fan_in) {
  const auto rows = static_cast<std::uint64_t>(fan_in);
  return saturating_product(rows,
                            2 * (static_cast<std::uint64_t>(kPositionsAtOnce) + static_cast<std::uint64_t>(units)));
}

/// What the positions [first, first + count) see, counted from the first position of the first of some samples.
template <class T>
void Conv2d<T>::cut_out(const T* samples, Index first, Index count, T* out) const {
  const Index places = window_.places();
  const Index size = window_.size();
  const Index channels = window_.channels;
  for (Index at = first; at < first + count; ++at, out += this->fan_in()) {
    const T* sample = samples + at / places * channels * window_.input_positions();
    if (window_.pads()) std::fill_n(out, this->fan_in(), T(0));
    window_.look(at % places, [&](Index position, Index in_window) {
      const T* from = sample + position * channels;
      for (Index channel = 0; channel < channels; ++channel) out[channel * size + in_window] = from[channel];
    });
  }
}

/// Adds up, at each position of the samples, the deltas of all places that see it.
template <class T>
void Conv2d<T>::put_back(const T* deltas, Index first, Index count, T* samples) const {
  const Index places = window_.places();
  const Index size = window_.size();
  const Index channels = window_.channels;
  for (Index at = first; at < first + count; ++at, deltas += this->fan_in()) {
    T* sample = samples + at / places * channels * window_.input_positions();
    window_.look(at % places, [&](Index position, Index in_window) {
      T* to = sample + position * channels;
      for (Index channel = 0; channel < channels; ++channel) to[channel] += deltas[channel * size + in_window];
    });
  }
}

template <class T>
void Conv2d<T>::multiply(const Matrix<T>& input, NodeState<T>& state, Matrix<T>& z, const Shard& shard) const {
  using Columns = Eigen::Map<const Matrix<T>>;
  const Index all = shard.count * window_.places();
  const T* samples = input.col(shard.first).data();
  T* out = z.col(shard.first).data();
  Matrix<T>& patches = state.rooms[static_cast<std::size_t>(shard.index)].patches;
  for (Index first = 0; first < all; first += kPositionsAtOnce) {
    const Index count = std::min(kPositionsAtOnce, all - first);
    // Rounded up to whole groups, a product reaches into columns that come later, or beyond the batch.
    const Index columns = whole_groups(count);
    const T* seen = samples + first * window_.channels;
    if (!window_.is_identity()) {
      cut_out(samples, first, count, patches.data());
      seen = patches.data();
    }
    gemm<T>(Transposed::none, T(1), this->weights(), Columns(seen, this->fan_in(), columns),
            Eigen::Map<Matrix<T>>(out + first * this->units(), this->units(), columns));
  }
}

template <class T>
void Conv2d<T>::pass_back(const Matrix<T>& input, NodeState<T>& state, Matrix<T>* input_delta,
                          const Shard& shard) const {
  using Columns = Eigen::Map<const Matrix<T>>;
  ShardRoom<T>& room = state.rooms[static_cast<std::size_t>(shard.index)];
  prepare_way_back(room);
  const Index all = shard.count * window_.places();
  const T* samples = input.col(shard.first).data();
  const T* deltas = state.delta.col(shard.first).data();
  T* back = input_delta == nullptr ? nullptr : input_delta->col(shard.first).data();
  if (back != nullptr && !window_.is_identity()) input_delta->middleCols(shard.first, shard.count).setZero();
  for (Index first = 0; first < all; first += kPositionsAtOnce) {
    const Index count = std::min(kPositionsAtOnce, all - first);
    const Columns delta(deltas + first * this->units(), this->units(), count);
    const T* seen = samples + first * window_.channels;
    if (!window_.is_identity()) {
      cut_out(samples, first, count, room.patches.data());
      seen = room.patches.data();
    }
    Matrix<T>& product = first == 0 ? room.weight_sum : room.weight_product;
    gemm<T>(Transposed::right, T(1), delta, Columns(seen, this->fan_in(), count), product);
    if (first > 0) room.weight_sum += product;
    if (back == nullptr) continue;
    T* to = window_.is_identity() ? back + first * window_.channels : room.patch_deltas.data();
    gemm<T>(Transposed::left, T(1), this->weights(), delta, Eigen::Map<Matrix<T>>(to, this->fan_in(), count));
    if (!window_.is_identity()) put_back(to, first, count, back);
  }
}

template <class T>
void Conv2d<T>::gradient(NodeInputs<T> /*inputs*/, const NodeState<T>& state, Index batch, Index shards,
                         const Tile& tile, T* out) const {
  if (tile.role == ParameterRole::bias) {
    this->bias_gradient(state, batch, shards, out);
    return;
  }
  const Index count = tile.end - tile.begin;
  Eigen::Map<Vector<T>> gradient(out, count);
  gradient.setZero();
  for (Index shard = 0; shard < shards; ++shard)
    gradient +=
        Eigen::Map<const Vector<T>>(state.rooms[static_cast<std::size_t>(shard)].weight_sum.data() + tile.begin, count);
  gradient *= T(1) / static_cast<T>(batch);
}

template <class T>
void Conv2d<T>::append_tiles(std::size_t node, std::vector<Tile>& tiles) const {
  const Index elements = this->units() * this->fan_in();
  for (Index first = 0; first < elements; first += kTileElements)
    tiles.push_back({node, ParameterRole::weight, first, std::min(first + kTileElements, elements)});
  this->append_bias_tile(node, tiles);
}

template <class T>
Matrix<T> Conv2d<T>::patches(const Matrix<T>& input, Index first, Index count) const {
  const Index columns = count * window_.places();
  Matrix<T> seen = Matrix<T>::Zero(this->fan_in(), whole_groups(columns));
  cut_out(input.col(first).data(), 0, columns, seen.data());
  return seen;
}

template <class T>
Box Conv2d<T>::patch_of(const Box& input) const {
  Box patch = Box::unknown(this->fan_in());
  for (Index at = 0; at < this->fan_in(); ++at) {
    const double low = input.low[at / window_.size()];
    const double high = input.high[at / window_.size()];
    patch.low[at] = window_.pads() ? std::min(low, 0.0) : low;
    patch.high[at] = window_.pads() ? std::max(high, 0.0) : high;
  }
  return patch;
}

template <class T>
Eigen::VectorXd Conv2d<T>::patch_of(const Eigen::VectorXd& drift) const {
  Eigen::VectorXd patch(this->fan_in());
  for (Index at = 0; at < this->fan_in(); ++at) patch[at] = drift[at / window_.size()];
  return patch;
}

template class Conv2d<float>;
template class Conv2d<double>;

}  // namespace reluscope
