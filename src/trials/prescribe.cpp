#include "trials/prescribe.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "experiment/setup.hpp"
#include "util/format.hpp"
#include "util/random.hpp"
#include "util/statistics.hpp"

namespace reluscope {

namespace {

/// Candidates this near to the best one in the objective are told apart by what else they do.
constexpr double kAccuracyTie = 0.01;
constexpr double kLossTie = 0.05;  // of what a constant output would get
/// Seeds of the first round; each further round doubles them and halves the candidates.
constexpr std::int64_t kFirstSeeds = 2;
/// A remedy cures if that many of its runs, or more, are rid of the findings.
constexpr double kCureShare = 0.8;

double value_of(const Trial& trial, Objective objective) {
  return objective == Objective::accuracy ? trial.figures.judged_accuracy() : trial.figures.judged_loss();
}

/// Larger is better; −∞ for a run that failed.
double score_of(const Trial& trial, Objective objective) {
  const double value = value_of(trial, objective);
  if (!std::isfinite(value)) return -std::numeric_limits<double>::infinity();
  return objective == Objective::accuracy ? value : -value;
}

std::set<std::string> warnings_of(const Diagnosis& diagnosis) {
  std::set<std::string> rules;
  for (const Finding& finding : diagnosis.findings)
    if (finding.severity >= Severity::warning) rules.insert(finding.rule);
  return rules;
}

/// Of the values that are not NaN.
template <class Get>
double median_of(const std::vector<Trial>& trials, Get get) {
  std::vector<double> values;
  for (const Trial& trial : trials)
    if (const double value = get(trial); !std::isnan(value)) values.push_back(value);
  return median(std::move(values));
}

double median_score(const Course& course, Objective objective) {
  return median_of(course.trials, [objective](const Trial& trial) { return score_of(trial, objective); });
}

/// To rank by: the fewer the better. Runs that failed have none that are alive; where there is nothing to die all are
/// alike.
double dead_units(const Course& course) {
  const double dead = course.median_dead();
  return std::isnan(dead) ? 1.0 : dead;
}

/// The runs of a prescription: one fleet after the other.
class Clinic {
 public:
  Clinic(const ConfigSource& source, const std::vector<std::string>& overrides, int threads,
         const std::atomic<int>* stop, const std::function<void(const Trial&)>& progress)
      : source_(source), overrides_(overrides), threads_(threads), stop_(stop), progress_(progress) {}

  /// Gives every course the runs of the seeds [first, first + count). False if stopped.
  bool run(std::vector<Course*> courses, std::uint64_t first, std::int64_t count) {
    std::vector<Job> jobs;
    std::vector<std::pair<Course*, std::size_t>> places;
    for (Course* course : courses) {
      const std::size_t before = course->trials.size();
      course->trials.resize(before + static_cast<std::size_t>(count));
      ++course->rounds;
      for (std::int64_t at = 0; at < count; ++at) {
        Job& job = jobs.emplace_back();
        job.number = static_cast<std::int64_t>(jobs.size()) - 1;
        job.overrides = overrides_;
        job.overrides.insert(job.overrides.end(), course->treatment.changes.begin(), course->treatment.changes.end());
        job.seed = first + static_cast<std::uint64_t>(at);
        places.emplace_back(course, before + static_cast<std::size_t>(at));
      }
    }
    run_fleet(source_, jobs, threads_, stop_, [&](const Job& job, const Trial& trial) {
      const auto [course, place] = places[static_cast<std::size_t>(job.number)];
      course->trials[place] = trial;
      ++runs_;
      progress_(trial);
    });
    return stop_ == nullptr || *stop_ == 0;
  }

  [[nodiscard]] std::int64_t runs() const { return runs_; }

 private:
  const ConfigSource& source_;
  const std::vector<std::string>& overrides_;
  int threads_;
  const std::atomic<int>* stop_;
  const std::function<void(const Trial&)>& progress_;
  std::int64_t runs_ = 0;
};

/// Seeds of each round of the halving: 2, 4, 8, … up to `most`.
std::vector<std::int64_t> rounds_of(std::int64_t most) {
  std::vector<std::int64_t> rounds;
  for (std::int64_t seeds = std::min(kFirstSeeds, most); seeds < most; seeds *= 2) rounds.push_back(seeds);
  rounds.push_back(most);
  return rounds;
}

/// Candidates that stay after a round.
std::size_t survivors(std::size_t count) { return std::max<std::size_t>(2, (count + 1) / 2); }
/// Combinations that join after the first round.
constexpr std::size_t kCombinations = 2;

std::int64_t cost_of(std::size_t candidates, std::int64_t seeds) {
  std::int64_t runs = 4 * seeds;  // the original when screening; original, winner and control when confirming
  std::int64_t before = 0;
  bool first = true;
  for (const std::int64_t round : rounds_of(seeds)) {
    runs += static_cast<std::int64_t>(candidates) * (round - before);
    before = round;
    candidates = survivors(candidates);
    if (first) {
      runs += static_cast<std::int64_t>(kCombinations) * round;
      candidates += kCombinations;
    }
    first = false;
  }
  return runs;
}

/// Best first: by the objective, then by dead units.
void rank(std::vector<Course>& courses, Objective objective) {
  std::stable_sort(courses.begin(), courses.end(), [objective](const Course& left, const Course& right) {
    const double mine = median_score(left, objective);
    const double other = median_score(right, objective);
    if (mine != other) return mine > other;
    return dead_units(left) < dead_units(right);
  });
}

/// Of the candidates next to the best: the one with the fewest runs that have a warning, then the fewest dead units,
/// then the least to change.
std::size_t pick(const std::vector<Course>& ranked, Objective objective, int rounds, double unskilled) {
  const double best = median_score(ranked.front(), objective);
  const double tie = objective == Objective::accuracy ? kAccuracyTie : kLossTie * unskilled;
  std::size_t chosen = 0;
  const auto key = [](const Course& course) {
    double warned = 0.0;
    for (const Trial& trial : course.trials) warned += warnings_of(trial.diagnosis).empty() ? 0.0 : 1.0;
    return std::tuple(warned, dead_units(course), course.treatment.remedies.size());
  };
  for (std::size_t at = 1; at < ranked.size(); ++at)
    if (ranked[at].rounds == rounds && median_score(ranked[at], objective) >= best - tie &&
        key(ranked[at]) < key(ranked[chosen]))
      chosen = at;
  return chosen;
}

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

/// Remedies of the findings, the most severe finding's first; then, from each next one, what is new.
std::vector<std::string> remedies_of(const Diagnosis& diagnosis) {
  std::vector<std::string> names;
  for (const Finding& finding : diagnosis.findings)
    if (finding.severity >= Severity::warning)
      for (const std::string& name : finding.remedies)
        if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  return names;
}

/// As many changes as the winner has, drawn from those that no finding points to.
Treatment random_change(const Treatment& winner, const std::vector<std::string>& pointed_to, const ExperimentSpec& spec,
                        const Dataset& dataset) {
  std::vector<std::string> names;
  for (const RemedyEntry& remedy : remedy_table())
    if (std::find(pointed_to.begin(), pointed_to.end(), remedy.name) == pointed_to.end()) names.push_back(remedy.name);
  std::vector<Treatment> others = treatments(names, spec, dataset);
  Rng random(spec.seed, Purpose::search);
  random.shuffle(std::span(others));
  Treatment change;
  for (const Treatment& other : others) {
    if (change.remedies.size() == winner.remedies.size()) break;
    if (change.remedies.empty()) {
      change = other;
    } else if (const auto both = combine(change, other)) {
      change = *both;
    }
  }
  return change;
}

Arm judge(Course course, const Course& original, const std::vector<std::string>& findings, Objective objective) {
  Arm arm;
  std::vector<double> gains;
  for (std::size_t at = 0; at < course.trials.size(); ++at) {
    arm.cured += is_cured(course.trials[at], findings) ? 1 : 0;
    const double mine = score_of(course.trials[at], objective);
    const double other = score_of(original.trials[at], objective);
    // Where one of the two failed, the difference is without bound; where both did, there is none.
    if (mine != other || std::isfinite(mine)) gains.push_back(mine == other ? 0.0 : mine - other);
  }
  arm.gain = bootstrap_median(gains);
  arm.course = std::move(course);
  return arm;
}

Verdict decide(const Prescription& result) {
  const double share = static_cast<double>(result.treated.cured) / static_cast<double>(result.fresh_seeds);
  if (result.treated.gain.high < 0.0) return Verdict::harms;
  const bool better = result.treated.gain.low > 0.0;
  const bool more_than_luck = result.treated.cured > result.original.cured;
  if (share >= kCureShare && more_than_luck && result.treated.gain.value >= 0.0) return Verdict::cures;
  return better ? Verdict::helps : Verdict::like_a_seed;
}

double cost_of_winner(const Prescription& result) {
  std::vector<double> ratios;
  for (std::size_t at = 0; at < result.original.course.trials.size(); ++at) {
    const Trial& before = result.original.course.trials[at];
    const Trial& after = result.treated.course.trials[at];
    const double ratio = before.steps_per_second() / after.steps_per_second();
    if (!std::isnan(ratio)) ratios.push_back(ratio);
  }
  return median(ratios);
}

}  // namespace

bool is_cured(const Trial& trial, const std::vector<std::string>& findings) {
  if (trial.figures.failed() || !trial.learned) return false;
  const std::set<std::string> left = warnings_of(trial.diagnosis);
  return std::none_of(findings.begin(), findings.end(), [&](const std::string& rule) { return left.contains(rule); });
}

double Course::median_objective(Objective objective) const {
  const double score = median_score(*this, objective);
  if (!std::isfinite(score)) return kNaN;
  return objective == Objective::accuracy ? score : -score;
}

double Course::median_dead() const {
  return median_of(trials, [](const Trial& trial) { return trial.figures.dead_fraction.value_or(kNaN); });
}

double Course::steps_per_second() const {
  return median_of(trials, [](const Trial& trial) { return trial.steps_per_second(); });
}

std::string verdict_name(Verdict verdict) {
  switch (verdict) {
    case Verdict::healthy:
      return "healthy";
    case Verdict::nothing_helps:
      return "nothing helps";
    case Verdict::cures:
      return "cures";
    case Verdict::helps:
      return "helps";
    case Verdict::like_a_seed:
      return "helps no more than a new seed";
    case Verdict::harms:
      return "does harm";
  }
  return "";
}

std::optional<Prescription> prescribe(const ConfigSource& source, const std::vector<std::string>& overrides,
                                      const PrescribeOptions& options, const std::atomic<int>* stop,
                                      const std::function<void(const Trial&)>& progress) {
  const ExperimentSpec spec = source.parse(overrides);
  check_memory(spec);
  const Dataset dataset = load_dataset(spec.data, spec.seed);
  check_against_data(spec, dataset);
  Prescription result;
  result.seed = spec.seed;
  result.objective =
      options.objective.value_or(dataset.task == Task::classification ? Objective::accuracy : Objective::loss);
  const Objective objective = result.objective;
  result.data = dataset.test.count() > 0 ? "held-out" : "training";
  Clinic clinic(source, overrides, options.threads, stop, progress);

  // The patient.
  Course original;
  if (!clinic.run({&original}, spec.seed, 1)) return std::nullopt;
  result.diagnosis = original.trials.front().diagnosis;
  const std::set<std::string> rules = warnings_of(result.diagnosis);
  result.findings.assign(rules.begin(), rules.end());
  std::vector<Course> candidates;
  for (Treatment& treatment : treatments(remedies_of(result.diagnosis), spec, dataset))
    candidates.push_back({std::move(treatment), {}, 0});
  while (candidates.size() > 1 && cost_of(candidates.size(), options.seeds) > options.budget) candidates.pop_back();
  if (result.findings.empty() || candidates.empty()) {
    result.verdict = result.findings.empty() ? Verdict::healthy : Verdict::nothing_helps;
    result.screening = {original};
    result.runs = clinic.runs();
    return result;
  }

  // Successive halving (Jamieson and Talwalkar 2016), on seeds; every candidate meets the same ones.
  if (options.seeds > 1 && !clinic.run({&original}, spec.seed + 1, options.seeds - 1)) return std::nullopt;
  std::vector<Course> dropped;
  std::int64_t before = 0;
  int round_number = 0;
  for (const std::int64_t round : rounds_of(options.seeds)) {
    std::vector<Course*> all;
    for (Course& course : candidates) all.push_back(&course);
    if (!clinic.run(all, spec.seed + static_cast<std::uint64_t>(before), round - before)) return std::nullopt;
    ++round_number;
    rank(candidates, objective);
    if (round == options.seeds) break;
    if (before == 0) {
      // The best two that go together, and the best one with a third.
      std::vector<Course> combined;
      for (std::size_t other = 1; other < candidates.size() && combined.size() < kCombinations; ++other)
        if (auto both = combine(candidates[0].treatment, candidates[other].treatment))
          combined.push_back({std::move(*both), {}, 0});
      std::vector<Course*> fresh;
      for (Course& course : combined) fresh.push_back(&course);
      if (!clinic.run(fresh, spec.seed, round)) return std::nullopt;
      const std::size_t stay = std::min(candidates.size(), survivors(candidates.size()));
      dropped.insert(dropped.begin(), candidates.begin() + static_cast<std::ptrdiff_t>(stay), candidates.end());
      candidates.resize(stay);
      std::move(combined.begin(), combined.end(), std::back_inserter(candidates));
      rank(candidates, objective);
    } else {
      const std::size_t stay = std::min(candidates.size(), survivors(candidates.size()));
      dropped.insert(dropped.begin(), candidates.begin() + static_cast<std::ptrdiff_t>(stay), candidates.end());
      candidates.resize(stay);
    }
    before = round;
  }
  const std::size_t chosen = pick(candidates, objective, candidates.front().rounds, unskilled_loss(spec, dataset));
  std::rotate(candidates.begin(), candidates.begin() + static_cast<std::ptrdiff_t>(chosen),
              candidates.begin() + static_cast<std::ptrdiff_t>(chosen) + 1);
  result.winner = candidates.front().treatment;
  const bool promising = median_score(candidates.front(), objective) > median_score(original, objective) ||
                         std::any_of(candidates.front().trials.begin(), candidates.front().trials.end(),
                                     [&](const Trial& trial) { return is_cured(trial, result.findings); });
  result.screening = {original};
  std::move(candidates.begin(), candidates.end(), std::back_inserter(result.screening));
  std::move(dropped.begin(), dropped.end(), std::back_inserter(result.screening));
  if (!promising) {
    result.winner.reset();
    result.verdict = Verdict::nothing_helps;
    result.runs = clinic.runs();
    return result;
  }

  // The confirmation: seeds that the choice did not see.
  Course again;
  Course treated{*result.winner, {}, 0};
  Course control{random_change(*result.winner, remedies_of(result.diagnosis), spec, dataset), {}, 0};
  const std::uint64_t first = spec.seed + static_cast<std::uint64_t>(options.seeds);
  if (!clinic.run({&again, &treated, &control}, first, options.seeds)) return std::nullopt;
  result.fresh_seeds = options.seeds;
  result.treated = judge(std::move(treated), again, result.findings, objective);
  result.control = judge(std::move(control), again, result.findings, objective);
  Course copy = again;
  result.original = judge(std::move(copy), again, result.findings, objective);
  result.cost = cost_of_winner(result);
  result.verdict = decide(result);
  result.runs = clinic.runs();
  return result;
}

std::string sentence_of(const Prescription& prescription) {
  const auto runs = [&](std::int64_t cured) {
    return std::to_string(cured) + " of " + std::to_string(prescription.fresh_seeds);
  };
  switch (prescription.verdict) {
    case Verdict::healthy:
      return "The patient is healthy: no finding to cure.";
    case Verdict::nothing_helps:
      return "Nothing helps: no remedy that goes with the findings did better than the config as it is.";
    default:
      break;
  }
  const std::string name = prescription.winner->name();
  std::string sentence =
      name + " " + verdict_name(prescription.verdict) + ": on " + std::to_string(prescription.fresh_seeds) +
      " fresh seeds the findings are gone in " + runs(prescription.treated.cured) + " runs; with a new seed alone in " +
      runs(prescription.original.cured) + ", with a random change (" + prescription.control.course.treatment.name() +
      ") in " + runs(prescription.control.cured) + ".";
  return sentence;
}

}  // namespace reluscope
