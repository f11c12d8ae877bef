#pragma once
// Which candidate is worth confirming: successive halving (Jamieson and Talwalkar 2016, algorithm 1), with training
// steps as the resource. All candidates train a part of their steps, the better ones go on, and the last few train all
// of them.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "data/dataset.hpp"
#include "trials/clinic.hpp"
#include "trials/course.hpp"

namespace reluscope {

/// Seeds that the candidates are run on.
inline constexpr std::int64_t kScreeningSeeds = 2;
/// Shares of the steps after which candidates are looked at, in [0, 1]; after each but the last one a third stays.
inline constexpr double kRoundShares[] = {1.0 / 16.0, 1.0 / 5.0, 1.0};
/// Combinations of the best one with others that join after the first round.
inline constexpr std::size_t kCombinations = 3;

/// Of so many candidates, how many stay after a round.
std::size_t survivors(std::size_t count);
/// What screening takes from a round on (0 the first one), with so many candidates in it.
Workload screening_work(std::size_t candidates, std::size_t round, std::int64_t seeds);

/// The best of the ranked courses with those that it goes with: the next best, the one after which the fewest runs have
/// a warning, and the next ones; kCombinations in all.
std::vector<Course> combinations(const std::vector<Course>& ranked);

/// Among the best by the objective, what they are told apart by.
enum class Tie {
  none,      ///< the objective alone
  warnings,  ///< runs that have a warning
  dead,      ///< dead units
  changes,   ///< remedies that it takes
};

/// Why the first one of the candidates is the first.
struct Preference {
  double value = 0.0;  ///< its objective, the median; NaN if most runs failed
  std::int64_t seeds = 0;
  std::string next;  ///< the next best by the objective; empty: there was none
  double next_value = 0.0;
  bool tied = false;  ///< whether these two are as good as equal in the objective
  Tie tie = Tie::none;
  double figure = 0.0;  ///< of what broke the tie
  double next_figure = 0.0;
};

/// Best first: by the objective, then by dead units. Those that have learned come before those that have in no run.
void rank(std::vector<Course>& courses, Objective objective);
/// After a round that is not the last: leaves the better ones in `ranked`, and moves the others to the front of
/// `dropped`. Where one has learned in all its runs, those that have in none go. At the first look what a cause
/// asks for first stays, too.
void drop(std::vector<Course>& ranked, std::vector<Course>& dropped, bool first_look);
/// Puts the choice first, then the next best, and so on: of those within `tie` of the best one in the objective, the
/// one with the fewest runs that have a warning, then the fewest dead units, then the least to change. Says why.
Preference choose(std::vector<Course>& finalists, Objective objective, double tie);
/// How near is as good as equal: one point of accuracy, or 5 % of what a constant output would lose.
double tie_of(Objective objective, const ExperimentSpec& spec, const Dataset& dataset);

struct Screening {
  std::vector<Course> courses;  ///< the best first
  Preference choice;
};
/// Runs the candidates, of which there is at least one. Nothing if stopped.
std::optional<Screening> screen(Clinic& clinic, std::vector<Course> candidates, Objective objective, double tie,
                                std::uint64_t seed, std::int64_t seeds, const Workload& afterwards);

}  // namespace reluscope
