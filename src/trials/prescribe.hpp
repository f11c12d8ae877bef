#pragma once
// From findings to a cure that was tried: candidates are screened (screening.hpp), and the winner is confirmed on seeds
// that the choice did not see, beside two controls (confirmation.hpp).

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "trials/clinic.hpp"
#include "trials/confirmation.hpp"
#include "trials/screening.hpp"

namespace reluscope {

struct PrescribeOptions {
  /// Of the confirmation. None: kMostSeeds, or as few as kFirstLook where these are unanimous.
  std::optional<std::int64_t> seeds;
  std::int64_t budget = 200;  ///< runs, at most; candidates are left out, the likeliest kept, until it suffices
  /// Of held-out data, or of the training data where there are no others; none: accuracy for classes, else loss.
  std::optional<Objective> objective;
  int threads = 1;
};
inline constexpr std::int64_t kMostSeeds = 8;

struct Prescription {
  Objective objective = Objective::loss;
  std::string data;                   ///< that the objective is of: "held-out", or "training" where nothing was
  std::uint64_t seed = 0;             ///< the first one
  Diagnosis diagnosis;                ///< of the original at the config's own seed
  std::vector<std::string> findings;  ///< its rules at warning or worse: what is to be cured
  std::vector<Course> screening;      ///< the original first, then candidates, the best first
  Preference choice;                  ///< why the first candidate is the first; where there is one
  std::vector<std::string> left_out;  ///< remedies that the budget had no room for
  std::int64_t budget = 0;
  std::int64_t budget_for_all = 0;  ///< that leaves none out
  std::optional<Treatment> winner;  ///< the best of those that were confirmed
  Confirmation confirmation;
  double cost = 1.0;  ///< time of the winner's step over the original's, median of pairs; NaN if none ran through
  Verdict verdict = Verdict::healthy;
  std::int64_t runs = 0;           ///< made in all
  std::int64_t stopped_early = 0;  ///< of them, before their last step
  std::int64_t steps = 0;          ///< training steps of all of them
};

/// Runs that a prescription takes with so many candidates, if the first one to be confirmed cures; at most.
std::int64_t runs_needed(std::size_t candidates, std::int64_t seeds);

/// `overrides` are the user's own changes to the config. Throws ConfigError, DataError. Returns nothing if `stop` ended
/// it. What is found depends on the config, the seed and the options but `threads`.
std::optional<Prescription> prescribe(const ConfigSource& source, const std::vector<std::string>& overrides,
                                      const PrescribeOptions& options, const std::atomic<int>* stop,
                                      const PrescribeListener& listener);

/// The change that `treatment` makes to a config called `name`, with a name of its own: the run directory of the
/// original is left alone. KEY=VALUE.
std::vector<std::string> named_changes(const Treatment& treatment, const std::string& name);

// In words (prescribe_words.cpp).
/// The verdict, and what it rests on.
std::string sentence_of(const Prescription& prescription);
/// Why this candidate was chosen, and what became of those before it; empty where none was.
std::string reason_of(const Prescription& prescription);
/// What a budget that was too small left out; empty where it sufficed.
std::string left_out_text(const Prescription& prescription);
/// What it took: runs, those stopped early, training steps.
std::string effort_text(const Prescription& prescription);

}  // namespace reluscope
