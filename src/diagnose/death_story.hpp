#pragma once
// How the units of a layer died, as far as the records say: how many, by when, of what, and whether they can come back.

#include <string>

#include "diagnose/layers.hpp"

namespace reluscope {

/// At the end of the records. Counts are of the layer's units.
struct DeathStory {
  std::int64_t units = 0;
  std::int64_t dead = 0;
  std::int64_t at_start = 0;            ///< of them dead from the start: born dead, or in the weights of a file
  std::int64_t died = 0;                ///< of them died in training; dead = at_start + died
  bool inherited = false;               ///< those at the start are from a file
  std::optional<std::int64_t> most_by;  ///< first step by which nine tenths of those that died were dead
  std::int64_t by_then = 0;             ///< how many that were
  std::string cause;                    ///< what killed more than half of them; empty: nothing did, or it is not known
  std::optional<double> update_ratio;   ///< the largest of the layer up to that step
  std::optional<std::int64_t> locked;   ///< of `dead`: provably cannot come back in this run
};

/// `rows`: the layer's, of census.csv; not empty.
DeathStory death_story(const RunTables& run, std::int64_t layer, const Rows<CensusRecord>& rows);

/// ", 49 of them by step 45, pushed by their own weights after updates of up to 0.55 × their size": when and why, or
/// nothing of what is not known.
std::string when_and_why(const DeathStory& story);
/// "; all are locked: they cannot come back in this run", or nothing where that was not measured.
std::string can_it_heal(const DeathStory& story);

}  // namespace reluscope
