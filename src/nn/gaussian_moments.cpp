#include "nn/gaussian_moments.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <optional>
#include <vector>

#include "nn/activation.hpp"
#include "util/portable_math.hpp"
#include "util/random.hpp"

namespace reluscope {

namespace {

constexpr double kPi = 3.14159265358979323846;
/// Of the standard normal density that is integrated: beyond are less than 3e-19 of it.
constexpr double kReach = 9.0;

double density(double x) { return portable_exp(-0.5 * x * x) / std::sqrt(2.0 * kPi); }

/// Gauss–Legendre nodes and weights on [−1, 1]: Newton's method on the Legendre polynomial, from Tricomi's estimate of
/// its zeros (Press et al. 2007, section 4.6).
struct GaussLegendre {
  static constexpr std::size_t kNodes = 24;
  std::array<double, kNodes> node{};
  std::array<double, kNodes> weight{};

  GaussLegendre() {
    for (std::size_t at = 0; at < kNodes; ++at) {
      double x = std::cos(kPi * (static_cast<double>(at) + 0.75) / (static_cast<double>(kNodes) + 0.5));
      double slope = 0.0;
      for (int iteration = 0; iteration < 8; ++iteration) {
        double value = x;
        double before = 1.0;
        for (std::size_t degree = 2; degree <= kNodes; ++degree) {
          const auto n = static_cast<double>(degree);
          const double next = ((2.0 * n - 1.0) * x * value - (n - 1.0) * before) / n;
          before = value;
          value = next;
        }
        slope = static_cast<double>(kNodes) * (x * value - before) / (x * x - 1.0);
        x -= value / slope;
      }
      node[at] = x;
      weight[at] = 2.0 / ((1.0 - x * x) * slope * slope);
    }
  }
};

/// Ends of the pieces that are integrated, from low to high, in z.
std::vector<double> piece_ends(const std::vector<double>& kinks, double mean, double deviation) {
  const double low = mean - kReach * deviation;
  const double high = mean + kReach * deviation;
  std::vector<double> ends = kinks;
  for (double x = -kReach; x <= kReach; x += 1.5) ends.push_back(mean + x * deviation);
  // Sharper than 2^-10 or wider than 2^20 no softplus or celu bends.
  for (double z = 0x1p-10; z < std::min(std::max(-low, high), 0x1p20); z *= 2.0) {
    ends.push_back(-z);
    ends.push_back(z);
  }
  ends.push_back(0.0);
  std::erase_if(ends, [=](double end) { return !(low <= end && end <= high); });
  std::sort(ends.begin(), ends.end());
  ends.erase(std::unique(ends.begin(), ends.end()), ends.end());
  return ends;
}

/// With E[z²; z > 0] = (m² + s²) Φ(m/s) + m s φ(m/s), and the rest of m² + s² below 0.
SecondMoments moments_of_two_slopes(double left_square, double mean, double variance) {
  if (mean == 0.0) return {0.5 * (1.0 + left_square) * variance, 0.5 * (1.0 + left_square)};
  const double deviation = std::sqrt(variance);
  const double ratio = mean / deviation;
  const double right = normal_cdf(ratio);
  const double left = normal_cdf(-ratio);
  const double skew = mean * deviation * density(ratio);
  const double square = mean * mean + variance;
  return {(square * right + skew) + left_square * (square * left - skew), right + left_square * left};
}

}  // namespace

SecondMoments second_moments(const Choice& activation, double mean, double variance) {
  const ActivationEntry& entry = *find_entry(activation_table(), activation.name);
  if (const std::optional<double> left_square = entry.negative_slope_square(activation.params))
    return moments_of_two_slopes(*left_square, mean, variance);
  if (!std::isfinite(variance)) return {variance, std::numeric_limits<double>::quiet_NaN()};
  static const GaussLegendre rule;
  const double deviation = std::sqrt(variance);
  std::vector<double> z;
  std::vector<double> weight;
  if (variance == 0.0) {
    z = {mean};
    weight = {1.0};
  }
  const std::vector<double> ends = piece_ends(entry.kinks(activation.params), mean, deviation);
  for (std::size_t piece = 1; piece < ends.size(); ++piece) {
    const double half = 0.5 * (ends[piece] - ends[piece - 1]);
    for (std::size_t at = 0; at < GaussLegendre::kNodes; ++at) {
      z.push_back(ends[piece - 1] + half * (1.0 + rule.node[at]));
      weight.push_back(rule.weight[at] * half / deviation * density((z.back() - mean) / deviation));
    }
  }
  std::vector<double> a(z.size());
  std::vector<double> d(z.size());
  evaluate_activation(activation, z, a, d);
  SecondMoments moments;
  for (std::size_t at = 0; at < z.size(); ++at) {
    moments.value += weight[at] * a[at] * a[at];
    moments.slope += weight[at] * d[at] * d[at];
  }
  return moments;
}

}  // namespace reluscope
