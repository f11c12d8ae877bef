#pragma once
// What needs a pass over samples: saturation, dormancy, activation rates, effective rank. Taken over a fixed, seeded
// sample of D (or all of it), in evaluation mode.
//
// A unit is saturated if |φ'(z(x))| ≤ ε for every x, and dormant if its mean |a| is at most τ times the mean over its
// layer (Sokar et al. 2023, definition 3.1).

#include <vector>

#include "data/dataset.hpp"
#include "probe/sample_runner.hpp"

namespace reluscope {

struct UnitProbe {
  bool saturated = false;
  bool dormant = false;
  double margin = 0.0;           ///< smallest margin (relu: −max z); −∞ if the activation cannot die
  double activation_rate = 0.0;  ///< share of the samples, at all positions, with z outside the dead region
  double sample_rate = 0.0;      ///< share of the samples with z outside the dead region at some position
  double cover = 0.0;      ///< share of the positions with z outside the dead region for some sample: see start_all
  double mean_abs = 0.0;   ///< mean |a|
  double mean = 0.0;       ///< mean a: the unit's bias shift
  double zero_rate = 0.0;  ///< share of the samples, at all positions, with a = 0
  template <class Archive>
  void archive(Archive& file) {
    // Without cover: it is of the whole set, which is never taken up from a checkpoint.
    file(saturated, dormant, margin, activation_rate, sample_rate, mean_abs, mean, zero_rate);
  }
};

struct LayerProbe {
  std::vector<UnitProbe> units;
  double effective_rank = 0.0;
  [[nodiscard]] std::int64_t saturated() const;
  [[nodiscard]] std::int64_t dormant() const;
  /// Means over the units: of a, and of the share of zeros.
  [[nodiscard]] double mean() const;
  [[nodiscard]] double zero_rate() const;
  template <class Archive>
  void archive(Archive& file, std::size_t count) {
    file.sized(units, count);
    file(effective_rank);
  }
};

struct ProbeOptions {
  double saturation_epsilon = 0.01;
  double dormant_tau = 0.025;
  Index samples = 192;  ///< 0: all of D
  std::uint64_t seed = 0;
};

template <class T>
class ProbeSet {
 public:
  /// Data set and pool must outlive it.
  ProbeSet(const Network<T>& network, const Dataset& dataset, const ProbeOptions& options, ThreadPool& pool);

  /// One entry per layer with units: over the probe's samples.
  std::vector<LayerProbe> measure(const Network<T>& network);
  /// The same over all of D, on the back of somebody else's pass with Measure::census: start_all, add for each piece of
  /// it, finish_all. effective_rank stays the probe's; `cover` is measured here alone, where there are positions.
  void start_all(const Network<T>& network);
  void add(const Network<T>& network, const NetworkState<T>& state, std::span<const Shard> shards);
  std::vector<LayerProbe> finish_all(const Network<T>& network);

 private:
  /// Sums of one layer, in double.
  struct Totals {
    double positions;
    bool saturates;  ///< a derivative near 0 is no leaky slope
    std::vector<double> margin, active, live_samples, steepest, a_abs, a_sum, zeros;
    std::vector<std::uint8_t> live_places;  ///< units × positions: live for some sample; empty where not asked for
    Totals(std::size_t units, Index position_count, bool may_saturate);
    void add(const CensusSums<T>& sums);
    /// `margins`: of one sample, units × positions.
    void add_places(const T* margins);
    [[nodiscard]] double cover(std::size_t unit) const;
  };
  void start(const Network<T>& network);
  [[nodiscard]] std::vector<LayerProbe> judge(Index samples) const;

  const Dataset& dataset_;
  ProbeOptions options_;
  SampleRunner<T> runner_;
  std::vector<Index> samples_;
  std::vector<Totals> totals_;  ///< of the pass at hand
};

/// exp of the entropy of the normalised singular values of `activations` (units × samples, each unit averaged over its
/// positions), Roy & Vetterli 2007,
/// definition 1. 0 for a matrix of zeros.
double effective_rank(const Matrix<double>& activations);

}  // namespace reluscope
