#include "util/random.hpp"

#include <Random123/philox.h>

#include <cmath>
#include <utility>

#include "util/portable_math.hpp"

namespace reluscope {

namespace {

template <std::size_t N>
double polynomial(const double (&coefficients)[N], double x) {
  double sum = coefficients[N - 1];
  for (std::size_t power = N - 1; power-- > 0;) sum = sum * x + coefficients[power];
  return sum;
}

}  // namespace

Rng::Rng(std::uint64_t seed, Purpose purpose, std::uint64_t index)
    : key_{static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)},
      // Words 0 and 1 count the blocks of a stream; 2 and 3 name the stream: 48 bits of index, 16 of purpose.
      counter_{0, 0, static_cast<std::uint32_t>(index),
               static_cast<std::uint32_t>((index >> 32) & 0xFFFFU) | (static_cast<std::uint32_t>(purpose) << 16)} {}

void Rng::refill() {
  const r123::Philox4x32::ctr_type counter = {{counter_[0], counter_[1], counter_[2], counter_[3]}};
  const r123::Philox4x32::key_type key = {{key_[0], key_[1]}};
  const auto block = r123::Philox4x32()(counter, key);
  for (std::size_t word = 0; word < 4; ++word) buffer_[word] = block[word];
  if (++counter_[0] == 0) ++counter_[1];
  used_ = 0;
}

std::uint64_t Rng::bits() {
  if (used_ >= 4) refill();
  const std::uint64_t low = buffer_[used_];
  const std::uint64_t high = buffer_[used_ + 1];
  used_ += 2;
  return (high << 32) | low;
}

double Rng::uniform() { return static_cast<double>(bits() >> 11) * 0x1.0p-53; }

std::uint64_t Rng::below(std::uint64_t bound) {
  // Lemire 2019, "Fast random integer generation in an interval", algorithm 5.
  __extension__ using Wide = unsigned __int128;
  Wide product = static_cast<Wide>(bits()) * bound;
  auto low = static_cast<std::uint64_t>(product);
  if (low < bound) {
    const std::uint64_t threshold = (0 - bound) % bound;
    while (low < threshold) {
      product = static_cast<Wide>(bits()) * bound;
      low = static_cast<std::uint64_t>(product);
    }
  }
  return static_cast<std::uint64_t>(product >> 64);
}

double Rng::normal() {
  // The middle of one of 2^53 cells: never 0 or 1, and symmetric about 1/2.
  const double p = (static_cast<double>(bits() >> 11) + 0.5) * 0x1.0p-53;
  return normal_quantile(p);
}

double Rng::truncated_normal(double bound) {
  const double low = normal_cdf(-bound);
  const double p = low + (1.0 - 2.0 * low) * ((static_cast<double>(bits() >> 11) + 0.5) * 0x1.0p-53);
  const double x = normal_quantile(p);
  return x < -bound ? -bound : (x > bound ? bound : x);
}

double Rng::beta21() { return std::sqrt(uniform()); }

double normal_quantile(double p) {
  // Wichura 1988, "Algorithm AS 241: the percentage points of the normal distribution", PPND16.
  static constexpr double kA[] = {3.3871328727963666080e0, 1.3314166789178437745e2, 1.9715909503065514427e3,
                                  1.3731693765509461125e4, 4.5921953931549871457e4, 6.7265770927008700853e4,
                                  3.3430575583588128105e4, 2.5090809287301226727e3};
  static constexpr double kB[] = {1.0,
                                  4.2313330701600911252e1,
                                  6.8718700749205790830e2,
                                  5.3941960214247511077e3,
                                  2.1213794301586595867e4,
                                  3.9307895800092710610e4,
                                  2.8729085735721942674e4,
                                  5.2264952788528545610e3};
  static constexpr double kC[] = {1.42343711074968357734e0,  4.63033784615654529590e0, 5.76949722146069140550e0,
                                  3.64784832476320460504e0,  1.27045825245236838258e0, 2.41780725177450611770e-1,
                                  2.27238449892691845833e-2, 7.74545014278341407640e-4};
  static constexpr double kD[] = {1.0,
                                  2.05319162663775882187e0,
                                  1.67638483018380384940e0,
                                  6.89767334985100004550e-1,
                                  1.48103976427480074590e-1,
                                  1.51986665636164571966e-2,
                                  5.47593808499534494600e-4,
                                  1.05075007164441684324e-9};
  static constexpr double kE[] = {6.65790464350110377720e0,  5.46378491116411436990e0,  1.78482653991729133580e0,
                                  2.96560571828504891230e-1, 2.65321895265761230930e-2, 1.24266094738807843860e-3,
                                  2.71155556874348757815e-5, 2.01033439929228813265e-7};
  static constexpr double kF[] = {1.0,
                                  5.99832206555887937690e-1,
                                  1.36929880922735805310e-1,
                                  1.48753612908506148525e-2,
                                  7.86869131145613259100e-4,
                                  1.84631831751005468180e-5,
                                  1.42151175831644588870e-7,
                                  2.04426310338993978564e-15};
  const double q = p - 0.5;
  if (std::abs(q) <= 0.425) {
    const double r = 0.180625 - q * q;
    return q * polynomial(kA, r) / polynomial(kB, r);
  }
  const double r = std::sqrt(-portable_log(q < 0 ? p : 1.0 - p));
  const double x =
      r <= 5.0 ? polynomial(kC, r - 1.6) / polynomial(kD, r - 1.6) : polynomial(kE, r - 5.0) / polynomial(kF, r - 5.0);
  return q < 0 ? -x : x;
}

double normal_cdf(double x) {
  // Φ(−t) by the continued fraction of Mills' ratio for large t, by the Taylor series of Φ around 0 below it
  // (Abramowitz & Stegun 26.2.11 and 26.2.14): enough for bounds, not meant for hot loops.
  const double t = std::abs(x);
  const double density = 0.39894228040143267794 * portable_exp(-0.5 * t * t);
  double tail = 0.0;
  if (t < 3.0) {
    double term = t;
    double sum = t;
    for (int k = 3; std::abs(term) > 1e-17 * sum && k < 400; k += 2) {
      term *= t * t / k;
      sum += term;
    }
    tail = 0.5 - density * sum;
  } else {
    double fraction = t;
    for (int k = 120; k >= 1; --k) fraction = t + k / fraction;
    tail = density / fraction;
  }
  return x < 0 ? tail : 1.0 - tail;
}

void uniform_block(std::uint64_t seed, Purpose purpose, std::uint64_t stream, std::uint64_t block, float out[4]) {
  const r123::Philox4x32::ctr_type counter = {
      {static_cast<std::uint32_t>(block), static_cast<std::uint32_t>(block >> 32), static_cast<std::uint32_t>(stream),
       static_cast<std::uint32_t>((stream >> 32) & 0xFFFFU) | (static_cast<std::uint32_t>(purpose) << 16)}};
  const r123::Philox4x32::key_type key = {{static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)}};
  const auto words = r123::Philox4x32()(counter, key);
  for (std::size_t word = 0; word < 4; ++word) out[word] = static_cast<float>(words[word] >> 8) * 0x1.0p-24F;
}

}  // namespace reluscope
