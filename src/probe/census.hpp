#pragma once
// The census: which units are dead on the whole training set D, at the present parameters, in evaluation mode
// (no dropout; rrelu with its mean slope).
//
// A unit is dead on D if φ'(z(x)) = 0 for every x in D, that is if its smallest margin over D is ≥ 0 (activation.hpp).
// It is saturated if |φ'(z(x))| ≤ ε for every x in D, and dormant if its mean |a| is at most τ times the mean over its
// layer (Sokar et al. 2023, definition 3.1).

#include <memory>
#include <vector>

#include "data/dataset.hpp"
#include "nn/network.hpp"
#include "util/thread_pool.hpp"

namespace reluscope {

struct UnitCensus {
  bool dead = false;
  bool saturated = false;
  bool dormant = false;
  double margin = 0.0;           ///< smallest margin over D (relu: −max z); −∞ if the activation cannot die
  double activation_rate = 0.0;  ///< share of D with z outside the dead region; 0 exactly if dead
  double mean_abs = 0.0;         ///< mean |a| over D
};

struct LayerCensus {
  std::vector<UnitCensus> units;
  double effective_rank = 0.0;  ///< of the layer's activations on the probe samples
};

struct CensusResult {
  std::vector<LayerCensus> layers;  ///< one per layer with units, from the input side
  bool collapsed = false;           ///< the network's output is the same for every sample of D
};

struct CensusOptions {
  double saturation_epsilon = 0.01;
  double dormant_tau = 0.025;
  Index probe_samples = 2048;  ///< for effective_rank; 0: all of D
  std::uint64_t seed = 0;      ///< chooses the probe samples
};

/// Takes a census. An implementation may keep what it learned from one census to the next.
template <class T>
class Census {
 public:
  Census() = default;
  Census(const Census&) = delete;
  Census& operator=(const Census&) = delete;
  virtual ~Census() = default;
  virtual CensusResult take(const Network<T>& network) = 0;
};

/// A forward pass over all of D: the definition, carried out. The data set and the pool must outlive it.
template <class T>
std::unique_ptr<Census<T>> make_brute_census(const Network<T>& network, const Dataset& dataset,
                                             const CensusOptions& options, ThreadPool& pool);

/// exp of the entropy of the normalised singular values of `activations` (units × samples), Roy & Vetterli 2007,
/// definition 1. 0 for a matrix of zeros.
double effective_rank(const Matrix<double>& activations);

}  // namespace reluscope
