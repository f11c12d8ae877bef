#pragma once
// The one front for convolutions, as gemm.hpp is for products. Samples are channels last, one behind the other.

#include <memory>
#include <span>
#include <string>

#include "nn/node.hpp"
#include "nn/window.hpp"

namespace reluscope {

/// The products of one layer. W is units × (channels · kernel · kernel), a unit's weights as PyTorch orders them.
/// Everything runs on the calling thread, and what comes out depends on the operands alone.
template <class T>
class Convolution {
 public:
  virtual ~Convolution() = default;
  [[nodiscard]] virtual std::unique_ptr<Convolution<T>> clone() const = 0;
  /// W has changed. Not concurrent.
  virtual void weights_changed() {}
  /// Sizes what forward() needs.
  virtual void prepare(ShardRoom<T>& room) const = 0;
  /// W·h at each position of `count` samples, without biases: z is units × (count · places), and behind it there is
  /// room for whole groups of columns (gemm.hpp), as there is behind the samples. The bits of a sample's z depend on W
  /// and that sample alone.
  virtual void forward(const Matrix<T>& weights, const T* samples, Index count, T* z, ShardRoom<T>& room) const = 0;
  /// From ∂L/∂z: Σ ∂L/∂W of these samples into room.weight_sum (units × fan-in), and ∂L/∂samples into `back` unless it
  /// is nullptr.
  virtual void backward(const Matrix<T>& weights, const T* samples, const T* deltas, Index count, T* back,
                        ShardRoom<T>& room) const = 0;
};

/// Cuts out what each position sees, and takes the products from gemm().
template <class T>
class PatchConvolution final : public Convolution<T> {
 public:
  PatchConvolution(const Window& window, Index units) : window_(window), units_(units) {}
  [[nodiscard]] std::unique_ptr<Convolution<T>> clone() const override {
    return std::make_unique<PatchConvolution<T>>(*this);
  }
  void prepare(ShardRoom<T>& room) const override;
  void forward(const Matrix<T>& weights, const T* samples, Index count, T* z, ShardRoom<T>& room) const override;
  void backward(const Matrix<T>& weights, const T* samples, const T* deltas, Index count, T* back,
                ShardRoom<T>& room) const override;

 private:
  [[nodiscard]] Index fan_in() const { return window_.channels * window_.size(); }
  void prepare_way_back(ShardRoom<T>& room) const;
  void put_back(const T* deltas, Index first, Index count, T* samples) const;

  Window window_;
  Index units_;
};

/// What the positions [first, first + count) see, counted from the first position of the first of some samples:
/// fan-in × count into `out`, zeros beyond the edge.
template <class T>
void cut_out_patches(const Window& window, const T* samples, Index first, Index count, T* out);

/// Those that are built in, the preferred one first.
struct ConvolutionBackend {
  std::string name;  ///< "onednn" or "patches"
  std::unique_ptr<Convolution<float>> (*make_float)(const Window& window, Index units);
  /// nullptr where the back end has no float64: the next one in the table serves it.
  std::unique_ptr<Convolution<double>> (*make_double)(const Window& window, Index units);
};
std::span<const ConvolutionBackend> convolution_backends();
/// By the first back end that has the type.
template <class T>
std::unique_ptr<Convolution<T>> make_convolution(const Window& window, Index units);

/// Values that a convolution keeps for each shard, besides its part of the batch; saturates.
std::uint64_t convolution_room(Index units, Index fan_in);

}  // namespace reluscope
