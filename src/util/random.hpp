#pragma once
// Counter-based random numbers: Philox4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3") from
// Random123, with distributions of our own, so that a seed gives the same numbers with every standard library,
// whatever the thread count or the order in which things are drawn.

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

namespace reluscope {

/// What a stream of random numbers is for. Streams of different purpose, or of different `index`, never overlap.
/// Append only: a number that changes would change the results of every seed.
enum class Purpose : std::uint16_t {
  weights = 1,    ///< index: layer
  bias = 2,       ///< index: layer
  shuffle = 3,    ///< index: epoch
  split = 4,      ///< the seeded training / test split
  generator = 5,  ///< index: which part of a synthetic data set is drawn
  noise = 6,      ///< index: dropout and rrelu, by step and layer
  probe = 7,      ///< which samples a probe looks at
  bootstrap = 8,  ///< resamples of an interval
  search = 9,     ///< index: run of a random sweep; and the random change that prescribe compares with
};

class Rng {
 public:
  Rng(std::uint64_t seed, Purpose purpose, std::uint64_t index = 0);

  /// The next 64 random bits.
  std::uint64_t bits();
  /// Uniform in [0, 1), 53 bits.
  double uniform();
  double uniform(double low, double high) { return low + (high - low) * uniform(); }
  /// Uniform in {0, …, bound−1}, unbiased (Lemire 2019). bound ≥ 1.
  std::uint64_t below(std::uint64_t bound);
  /// Standard normal by inversion (Wichura 1988, AS 241): one uniform a number.
  double normal();
  /// Standard normal truncated to [−bound, bound], by inversion.
  double truncated_normal(double bound);
  /// Beta(2, 1): density 2x on [0, 1], by inversion.
  double beta21();
  /// Fisher–Yates.
  template <class T>
  void shuffle(std::span<T> items) {
    for (std::size_t last = items.size(); last > 1; --last) {
      const auto other = static_cast<std::size_t>(below(last));
      std::swap(items[last - 1], items[other]);
    }
  }

 private:
  void refill();
  std::uint32_t key_[2];
  std::uint32_t counter_[4];
  std::uint32_t buffer_[4] = {};
  int used_ = 4;
};

/// The quantile function of the standard normal distribution, p in (0, 1). Wichura 1988, algorithm AS 241 (PPND16),
/// relative accuracy about 1e-16.
double normal_quantile(double p);
/// The standard normal distribution function.
double normal_cdf(double x);

/// Random uniforms for the elements of a matrix, addressable in any order: element `index` of stream
/// (seed, purpose, stream). Four floats of 24 bits each come from one Philox block.
void uniform_block(std::uint64_t seed, Purpose purpose, std::uint64_t stream, std::uint64_t block, float out[4]);

}  // namespace reluscope
