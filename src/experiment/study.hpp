#pragma once
// Monte-Carlo studies: the same experiment for many seeds, of which only a few figures are kept. Narrow networks run in
// packs, one network per lane of the CPU's vectors; the others one after the other. The figures are the same.

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "config/spec.hpp"
#include "data/dataset.hpp"
#include "util/thread_pool.hpp"

namespace reluscope {

/// What is kept of one network.
struct StudyOutcome {
  std::vector<Index> born_dead;  ///< units dead on the training set before any update, per layer with units
  std::vector<Index> dead;       ///< the same at the end; equal to born_dead where nothing was trained
  double first_loss = 0.0;       ///< of the first batch; NaN where nothing was trained
  double last_loss = 0.0;        ///< of the last batch, before its update
  /// NaN losses, of networks that were not trained, count as equal.
  bool operator==(const StudyOutcome& other) const;
};

/// Whether some hidden layer has no unit alive, so that the output cannot depend on the input (Lu et al. 2019).
/// `dead` and `units`: per layer with units, the output layer last.
bool is_born_dead(std::span<const Index> dead, std::span<const Index> units);

enum class StudyWay {
  fastest,     ///< packs where the networks fit, else one by one
  one_by_one,  ///< for comparison
};

/// Whether networks of this experiment run in packs.
bool runs_in_packs(const ExperimentSpec& spec, const Dataset& dataset);

/// Draws and trains the network of each seed (instead of the spec's own) for the spec's steps, or for `steps` where
/// that is given: 0 draws only. Seeds run in parallel, each on one thread. Outcomes are in the order of `seeds`.
std::vector<StudyOutcome> run_study(const ExperimentSpec& spec, const Dataset& dataset,
                                    std::span<const std::uint64_t> seeds, ThreadPool& pool,
                                    std::optional<std::int64_t> steps = {}, StudyWay way = StudyWay::fastest);

}  // namespace reluscope
