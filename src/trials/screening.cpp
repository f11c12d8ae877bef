#include "trials/screening.hpp"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <tuple>

#include "experiment/batches.hpp"

namespace reluscope {

namespace {

constexpr double kAccuracyTie = 0.01;
constexpr double kLossTie = 0.05;  // of what a constant output would lose
/// Of three candidates one stays.
constexpr std::size_t kReduction = 3;
/// But never fewer than this.
constexpr std::size_t kFinalists = 2;

/// Of a target, the mean over all of them.
double target_variance(const Dataset& dataset) {
  if (dataset.task != Task::reconstruction) {
    const Eigen::MatrixXd& targets = dataset.train.targets;
    return (targets.colwise() - targets.rowwise().mean()).squaredNorm() / static_cast<double>(targets.size());
  }
  Matrix<double> sample(dataset.features(), 1);
  Eigen::VectorXd sum = Eigen::VectorXd::Zero(dataset.features());
  Eigen::VectorXd square = sum;
  for (Index index = 0; index < dataset.train.count(); ++index) {
    gather<double>(dataset, dataset.train, std::span(&index, 1), sample);
    sum += sample.col(0);
    square += sample.col(0).cwiseAbs2();
  }
  const auto count = static_cast<double>(dataset.train.count());
  return (square / count - (sum / count).cwiseAbs2()).cwiseMax(0.0).mean();
}

/// About what the best constant output gets: ln of the number of classes, or the spread of the targets.
double unskilled_loss(const ExperimentSpec& spec, const Dataset& dataset) {
  if (dataset.task == Task::classification) return std::log(static_cast<double>(std::max<Index>(2, dataset.outputs())));
  const double variance = target_variance(dataset);
  return spec.loss.name == "mse" ? variance : std::sqrt(variance);
}

/// What candidates that are as good as equal are told apart by, the fewer the better.
std::tuple<double, double, double> tie_key(const Course& course) {
  return {static_cast<double>(runs_with_warning(course)), rank_of_dead_units(course),
          static_cast<double>(course.treatment.remedies.size())};
}

/// Of the ranked courses from `from` on, the place of the one to take.
std::size_t best_from(const std::vector<Course>& ranked, std::size_t from, Objective objective, double tie) {
  const double best = median_score(ranked[from], objective);
  std::size_t chosen = from;
  for (std::size_t at = from + 1; at < ranked.size(); ++at)
    if (median_score(ranked[at], objective) >= best - tie && tie_key(ranked[at]) < tie_key(ranked[chosen])) chosen = at;
  return chosen;
}

std::vector<Course*> pointers_to(std::vector<Course>& courses) {
  std::vector<Course*> pointers;
  pointers.reserve(courses.size());
  for (Course& course : courses) pointers.push_back(&course);
  return pointers;
}

}  // namespace

std::vector<Course> combinations(const std::vector<Course>& ranked) {
  std::vector<const Course*> partners;
  for (std::size_t other = 1; other < ranked.size(); ++other)
    if (combine(ranked[0].treatment, ranked[other].treatment)) partners.push_back(&ranked[other]);
  if (partners.size() > 2) {
    const auto calmest = std::min_element(
        partners.begin() + 1, partners.end(),
        [](const Course* left, const Course* right) { return runs_with_warning(*left) < runs_with_warning(*right); });
    std::rotate(partners.begin() + 1, calmest, calmest + 1);
  }
  std::vector<Course> combined;
  for (std::size_t at = 0; at < std::min(kCombinations, partners.size()); ++at)
    combined.emplace_back().treatment = *combine(ranked[0].treatment, partners[at]->treatment);
  return combined;
}

std::size_t survivors(std::size_t count) {
  return std::min(count, std::max(kFinalists, (count + kReduction - 1) / kReduction));
}

Workload screening_work(std::size_t candidates, std::size_t round, std::int64_t seeds) {
  Workload work;
  double before = round == 0 ? 0.0 : kRoundShares[round - 1];
  const std::size_t joining = round == 0 ? std::min(kCombinations, candidates - 1) : 0;
  if (round == 0) work.runs = static_cast<std::int64_t>(candidates + joining) * seeds;
  for (; round < std::size(kRoundShares); ++round) {
    if (round == 0) candidates += joining;
    work.length += static_cast<double>(candidates) * static_cast<double>(seeds) * (kRoundShares[round] - before);
    before = kRoundShares[round];
    candidates = survivors(candidates);
  }
  return work;
}

void rank(std::vector<Course>& courses, Objective objective) {
  std::stable_sort(courses.begin(), courses.end(), [objective](const Course& left, const Course& right) {
    const bool learned = runs_that_learned(left) > 0;
    const bool other_learned = runs_that_learned(right) > 0;
    if (learned != other_learned) return learned;
    const double mine = median_score(left, objective);
    const double other = median_score(right, objective);
    if (mine != other) return mine > other;
    return rank_of_dead_units(left) < rank_of_dead_units(right);
  });
}

void drop(std::vector<Course>& ranked, std::vector<Course>& dropped, bool first_look) {
  std::size_t stay = survivors(ranked.size());
  const bool one_learned = std::any_of(ranked.begin(), ranked.end(), [](const Course& course) {
    return runs_that_learned(course) == std::ssize(course.trials);
  });
  // They are at the end.
  while (one_learned && stay > 1 && runs_that_learned(ranked[stay - 1]) == 0) --stay;
  const auto first =
      std::stable_partition(ranked.begin() + static_cast<std::ptrdiff_t>(stay), ranked.end(),
                            [first_look](const Course& course) { return first_look && course.of_cause; });
  for (auto course = first; course != ranked.end(); ++course) course->paused.assign(course->paused.size(), nullptr);
  dropped.insert(dropped.begin(), std::make_move_iterator(first), std::make_move_iterator(ranked.end()));
  ranked.erase(first, ranked.end());
}

Preference choose(std::vector<Course>& finalists, Objective objective, double tie) {
  rank(finalists, objective);
  const std::string leader = finalists.front().treatment.name();
  const std::size_t chosen = best_from(finalists, 0, objective, tie);
  Preference choice;
  choice.value = finalists[chosen].median_objective(objective);
  choice.seeds = std::ssize(finalists[chosen].trials);
  if (finalists.size() > 1) {
    const Course& next = finalists[chosen == 0 ? 1 : 0];
    const double mine = median_score(finalists[chosen], objective);
    const double other = median_score(next, objective);
    choice.next = next.treatment.name();
    choice.next_value = next.median_objective(objective);
    choice.tied = std::isfinite(mine) && std::isfinite(other) && std::abs(mine - other) <= tie;
    const auto [warned, dead, changes] = tie_key(finalists[chosen]);
    const auto [next_warned, next_dead, next_changes] = tie_key(next);
    if (choice.tied && warned != next_warned) {
      choice.tie = Tie::warnings;
      choice.figure = warned;
      choice.next_figure = next_warned;
    } else if (choice.tied && dead != next_dead) {
      choice.tie = Tie::dead;
      choice.figure = dead;
      choice.next_figure = next_dead;
    } else if (choice.tied && changes != next_changes) {
      choice.tie = Tie::changes;
      choice.figure = changes;
      choice.next_figure = next_changes;
    }
  }
  for (std::size_t at = 0; at + 1 < finalists.size(); ++at) {
    const auto taken = finalists.begin() + static_cast<std::ptrdiff_t>(best_from(finalists, at, objective, tie));
    std::rotate(finalists.begin() + static_cast<std::ptrdiff_t>(at), taken, taken + 1);
  }
  return choice;
}

double tie_of(Objective objective, const ExperimentSpec& spec, const Dataset& dataset) {
  return objective == Objective::accuracy ? kAccuracyTie : kLossTie * unskilled_loss(spec, dataset);
}

std::optional<Screening> screen(Clinic& clinic, std::vector<Course> candidates, Objective objective, double tie,
                                std::uint64_t seed, std::int64_t seeds, const Workload& afterwards) {
  std::vector<Course> dropped;
  for (std::size_t round = 0; round < std::size(kRoundShares); ++round) {
    const Workload ahead = screening_work(candidates.size(), round, seeds);
    clinic.expect({ahead.runs + afterwards.runs, ahead.length + afterwards.length});
    if (!clinic.run(pointers_to(candidates), seed, seeds, kRoundShares[round])) return std::nullopt;
    rank(candidates, objective);
    if (round == 0) {
      std::vector<Course> combined = combinations(candidates);
      if (!clinic.run(pointers_to(combined), seed, seeds, kRoundShares[round])) return std::nullopt;
      std::move(combined.begin(), combined.end(), std::back_inserter(candidates));
      rank(candidates, objective);
    }
    if (round + 1 < std::size(kRoundShares)) drop(candidates, dropped, round == 0);
  }
  Screening screening;
  screening.choice = choose(candidates, objective, tie);
  screening.courses = std::move(candidates);
  std::move(dropped.begin(), dropped.end(), std::back_inserter(screening.courses));
  return screening;
}

}  // namespace reluscope
