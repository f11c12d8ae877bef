#include "nn/convolution.hpp"

#include <algorithm>
#include <type_traits>
#include <vector>

#include "nn/gemm.hpp"
#include "nn/onednn_convolution.hpp"
#include "util/memory.hpp"

namespace reluscope {

namespace {

/// Positions that are cut out and multiplied at once: what they see stays in the cache. Whole groups of columns
/// (gemm.hpp), counted over a shard's samples. Part of the definition of a result, as kTileElements is.
constexpr Index kPositionsAtOnce = 256;
static_assert(kPositionsAtOnce % kColumnGroup == 0 && kShardColumns % kColumnGroup == 0);

template <class T>
std::unique_ptr<Convolution<T>> make_patches(const Window& window, Index units) {
  return std::make_unique<PatchConvolution<T>>(window, units);
}

#ifdef RELUSCOPE_ONEDNN_CONVOLUTION
/// By oneDNN, or by patches where its kernels cannot be trusted with the window.
std::unique_ptr<Convolution<float>> make_onednn(const Window& window, Index units) {
  return can_trust_onednn(window) ? make_onednn_convolution(window, units) : make_patches<float>(window, units);
}
#endif

std::vector<ConvolutionBackend> make_table() {
  std::vector<ConvolutionBackend> table;
#ifdef RELUSCOPE_ONEDNN_CONVOLUTION
  if (has_onednn_convolution()) table.push_back({"onednn", make_onednn, nullptr});
#endif
  table.push_back({"patches", make_patches<float>, make_patches<double>});
  return table;
}

}  // namespace

std::span<const ConvolutionBackend> convolution_backends() {
  static const std::vector<ConvolutionBackend> table = make_table();
  return table;
}

template <class T>
std::unique_ptr<Convolution<T>> make_convolution(const Window& window, Index units) {
  if constexpr (std::is_same_v<T, float>) {
    return convolution_backends().front().make_float(window, units);
  } else {
    const auto has_double = [](const ConvolutionBackend& one) { return one.make_double != nullptr; };
    return std::ranges::find_if(convolution_backends(), has_double)->make_double(window, units);
  }
}

std::uint64_t convolution_room(Index units, Index fan_in) {
  const auto rows = static_cast<std::uint64_t>(fan_in);
  return saturating_product(rows,
                            2 * (static_cast<std::uint64_t>(kPositionsAtOnce) + static_cast<std::uint64_t>(units)));
}

template <class T>
void cut_out_patches(const Window& window, const T* samples, Index first, Index count, T* out) {
  const Index places = window.places();
  const Index size = window.size();
  const Index channels = window.channels;
  const Index fan_in = channels * size;
  for (Index at = first; at < first + count; ++at, out += fan_in) {
    const T* sample = samples + at / places * channels * window.input_positions();
    if (window.pads()) std::fill_n(out, fan_in, T(0));
    window.look(at % places, [&](Index position, Index in_window) {
      const T* from = sample + position * channels;
      for (Index channel = 0; channel < channels; ++channel) out[channel * size + in_window] = from[channel];
    });
  }
}

template <class T>
void PatchConvolution<T>::prepare(ShardRoom<T>& room) const {
  if (!window_.is_identity()) room.patches.setZero(fan_in(), kPositionsAtOnce);
}

/// For the way back, which most states never go.
template <class T>
void PatchConvolution<T>::prepare_way_back(ShardRoom<T>& room) const {
  if (room.weight_sum.size() > 0) return;
  if (!window_.is_identity()) room.patch_deltas.setZero(fan_in(), kPositionsAtOnce);
  room.weight_product.setZero(units_, fan_in());
  room.weight_sum.setZero(units_, fan_in());
}

/// Adds up, at each position of the samples, the deltas of all places that see it.
template <class T>
void PatchConvolution<T>::put_back(const T* deltas, Index first, Index count, T* samples) const {
  const Index places = window_.places();
  const Index size = window_.size();
  const Index channels = window_.channels;
  for (Index at = first; at < first + count; ++at, deltas += fan_in()) {
    T* sample = samples + at / places * channels * window_.input_positions();
    window_.look(at % places, [&](Index position, Index in_window) {
      T* to = sample + position * channels;
      for (Index channel = 0; channel < channels; ++channel) to[channel] += deltas[channel * size + in_window];
    });
  }
}

template <class T>
void PatchConvolution<T>::forward(const Matrix<T>& weights, const T* samples, Index count, T* z,
                                  ShardRoom<T>& room) const {
  const Index all = count * window_.places();
  for (Index first = 0; first < all; first += kPositionsAtOnce) {
    // Rounded up to whole groups, a product reaches into columns that come later, or beyond the batch.
    const Index some = std::min(kPositionsAtOnce, all - first);
    const Index columns = whole_groups(some);
    const T* seen = samples + first * window_.channels;
    if (!window_.is_identity()) {
      cut_out_patches(window_, samples, first, some, room.patches.data());
      seen = room.patches.data();
    }
    gemm<T>(Transposed::none, T(1), weights, Eigen::Map<const Matrix<T>>(seen, fan_in(), columns),
            Eigen::Map<Matrix<T>>(z + first * units_, units_, columns));
  }
}

template <class T>
void PatchConvolution<T>::backward(const Matrix<T>& weights, const T* samples, const T* deltas, Index count, T* back,
                                   ShardRoom<T>& room) const {
  using Columns = Eigen::Map<const Matrix<T>>;
  prepare_way_back(room);
  const Index all = count * window_.places();
  if (back != nullptr && !window_.is_identity())
    std::fill_n(back, count * window_.channels * window_.input_positions(), T(0));
  for (Index first = 0; first < all; first += kPositionsAtOnce) {
    const Index some = std::min(kPositionsAtOnce, all - first);
    const Columns delta(deltas + first * units_, units_, some);
    const T* seen = samples + first * window_.channels;
    if (!window_.is_identity()) {
      cut_out_patches(window_, samples, first, some, room.patches.data());
      seen = room.patches.data();
    }
    Matrix<T>& product = first == 0 ? room.weight_sum : room.weight_product;
    gemm<T>(Transposed::right, T(1), delta, Columns(seen, fan_in(), some), product);
    if (first > 0) room.weight_sum += product;
    if (back == nullptr) continue;
    T* to = window_.is_identity() ? back + first * window_.channels : room.patch_deltas.data();
    gemm<T>(Transposed::left, T(1), weights, delta, Eigen::Map<Matrix<T>>(to, fan_in(), some));
    if (!window_.is_identity()) put_back(to, first, some, back);
  }
}

template std::unique_ptr<Convolution<float>> make_convolution(const Window&, Index);
template std::unique_ptr<Convolution<double>> make_convolution(const Window&, Index);
template void cut_out_patches(const Window&, const float*, Index, Index, float*);
template void cut_out_patches(const Window&, const double*, Index, Index, double*);
template class PatchConvolution<float>;
template class PatchConvolution<double>;

}  // namespace reluscope
