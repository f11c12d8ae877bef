#include "probe/layer_statistics.hpp"

#include <cmath>
#include <limits>

namespace reluscope {

template <class T>
LayerStatistics layer_statistics(const NodeState<T>& state, const Shape& shape, Index batch, Index shards) {
  const Index units = shape.channels;
  LayerStatistics result;
  result.units = units;
  double z_sum = 0.0;
  double z_square = 0.0;
  double a_sum = 0.0;
  double a_square = 0.0;
  double zeros = 0.0;
  for (Index unit = 0; unit < units; ++unit) {
    double active = 0.0;
    for (Index shard = 0; shard < shards; ++shard) {
      const BatchSums<T>& sums = state.shards[static_cast<std::size_t>(shard)].batch;
      z_sum += static_cast<double>(sums.z_sum[unit]);
      z_square += static_cast<double>(sums.z_square[unit]);
      a_sum += static_cast<double>(sums.a_sum[unit]);
      a_square += static_cast<double>(sums.a_square[unit]);
      zeros += static_cast<double>(sums.zeros[unit]);
      active += static_cast<double>(sums.active[unit]);
      result.z_max = std::max(result.z_max, static_cast<double>(sums.z_max[unit]));
      result.a_max = std::max(result.a_max, static_cast<double>(sums.a_max[unit]));
    }
    if (active == 0.0) ++result.batch_dead;
  }
  const double unit_samples = static_cast<double>(units) * static_cast<double>(batch);
  const double count = unit_samples * static_cast<double>(shape.positions());
  result.zero_fraction = zeros / count;
  result.z_mean = z_sum / count;
  // Rounding may leave a constant layer a variance just below 0; NaN and inf stay what they are.
  const double variance = z_square / count - result.z_mean * result.z_mean;
  result.z_std = variance < 0.0 ? 0.0 : std::sqrt(variance);
  result.a_mean = a_sum / count;
  result.a_rms = std::sqrt(a_square / count);
  double delta_square = 0.0;
  for (Index column = 0; column < batch; ++column) delta_square += static_cast<double>(state.delta_square[column]);
  result.delta_rms = std::sqrt(delta_square / unit_samples);
  return result;
}

template <class T>
MonitorStatistics monitor_statistics(const NodeState<T>& state, Index units, Index batch) {
  const Index columns = state.output.rows() / units * batch;
  const auto a = Eigen::Map<const Matrix<T>>(state.output.data(), units, columns).array();
  MonitorStatistics result;
  const auto samples = static_cast<double>(columns);
  Index tiny = 0;
  Index nonpositive = 0;
  for (Index unit = 0; unit < a.rows(); ++unit) {
    const auto values = a.row(unit);
    if (static_cast<double>((values != T(0)).count()) < 0.01 * samples) ++result.batch_rare;
    if (static_cast<double>((values.abs() < T(1e-5)).count()) >= 0.95 * samples) ++result.batch_faint;
    tiny += (values.abs() < T(1e-6)).count();
    nonpositive += (values <= T(0)).count();
  }
  const double count = static_cast<double>(a.rows()) * samples;
  result.tiny_fraction = static_cast<double>(tiny) / count;
  result.nonpositive_fraction = static_cast<double>(nonpositive) / count;
  return result;
}

template <class T>
double sample_gradient_square_sum(const NodeState<T>& state, const Vector<T>& input_square, bool has_bias,
                                  Index batch) {
  const double of_bias = has_bias ? 1.0 : 0.0;
  double sum = 0.0;
  for (Index column = 0; column < batch; ++column)
    sum += static_cast<double>(state.delta_square[column]) * (static_cast<double>(input_square[column]) + of_bias);
  return sum;
}

double GradientNoise::scale() const {
  if (std::isnan(trace) || std::isnan(signal)) return std::numeric_limits<double>::quiet_NaN();
  return signal > 0.0 ? trace / signal : std::numeric_limits<double>::infinity();
}

GradientNoise gradient_noise(double sample_square_mean, double batch_square, Index batch) {
  constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();
  if (batch < 2) return {kUnknown, kUnknown};
  const auto size = static_cast<double>(batch);
  return {(sample_square_mean - batch_square) / (1.0 - 1.0 / size),
          (size * batch_square - sample_square_mean) / (size - 1.0)};
}

void NoiseAverage::add(const GradientNoise& batch) {
  if (!std::isfinite(batch.trace) || !std::isfinite(batch.signal)) return;
  sums_.trace = kDecay * sums_.trace + batch.trace;
  sums_.signal = kDecay * sums_.signal + batch.signal;
  weight_ = kDecay * weight_ + 1.0;
  ++batches_;
}

template LayerStatistics layer_statistics(const NodeState<float>&, const Shape&, Index, Index);
template LayerStatistics layer_statistics(const NodeState<double>&, const Shape&, Index, Index);
template MonitorStatistics monitor_statistics(const NodeState<float>&, Index, Index);
template MonitorStatistics monitor_statistics(const NodeState<double>&, Index, Index);
template double sample_gradient_square_sum(const NodeState<float>&, const Vector<float>&, bool, Index);
template double sample_gradient_square_sum(const NodeState<double>&, const Vector<double>&, bool, Index);

}  // namespace reluscope
