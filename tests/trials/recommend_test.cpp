// Which variant is recommended, on each side of every line that is drawn, and in which words.
#include <doctest/doctest.h>

#include <numeric>

#include "support/text.hpp"
#include "trials/recommend.hpp"
#include "trials/sweep_summary.hpp"

using namespace reluscope;
using test::contains;

namespace {

struct One {
  double accuracy;
  double loss = 0.5;
  double dead = 0.0;
  bool failed = false;
};

Trial trial_of(const One& one) {
  if (one.failed) {
    Trial trial;
    trial.record = failed_record("step 3: first non-finite value");
    return trial;
  }
  Trial trial;
  trial.record.status = "done";
  trial.record.train_loss = one.loss;
  trial.record.test_loss = one.loss;
  trial.record.test_accuracy = one.accuracy;
  trial.record.dead_fraction = one.dead;
  return trial;
}

/// relu, and another; the other's figures are relu's and what is added, seed by seed.
ComparedRuns two(const std::vector<One>& reference, const std::vector<One>& other) {
  ComparedRuns runs;
  runs.variants = {{"relu", {"relu"}, {}}, {"elu", {"elu"}, {}}};
  runs.trials.resize(2);
  for (std::size_t seed = 0; seed < reference.size(); ++seed) {
    runs.seeds.push_back(seed);
    runs.trials[0].push_back(trial_of(reference[seed]));
    runs.trials[1].push_back(trial_of(other[seed]));
  }
  return runs;
}

/// Five seeds of relu at 80 % that spread a little, and elu better by `gain`.
ComparedRuns better_by(double gain, double loss_gain = 0.0) {
  std::vector<One> reference;
  std::vector<One> other;
  for (const double jitter : {0.0, 0.001, 0.002, 0.0015, 0.0005}) {
    reference.push_back({0.8 + jitter});
    other.push_back({0.8 + jitter + gain + 0.1 * jitter, 0.5 - loss_gain});
  }
  return two(reference, other);
}

Recommendation recommended(const ComparedRuns& runs, const std::string& by = "accuracy") {
  std::vector<std::size_t> shown(runs.variants.size());
  std::iota(shown.begin(), shown.end(), std::size_t{0});
  std::vector<std::string> names;
  for (const Variant& variant : runs.variants) names.push_back(variant.name);
  return recommend(runs, shown, names, by);
}

}  // namespace

TEST_CASE("half a point of accuracy decides, and less does not, however certain it is") {
  const Recommendation yes = recommended(better_by(0.0052));
  CHECK(yes.choice == 1);
  CHECK_FALSE(yes.keeps);
  CHECK(contains(yes.sentence, "elu: relu loses 0.5"));
  CHECK(contains(yes.sentence, "points of held-out accuracy."));
  const Recommendation no = recommended(better_by(0.0047));
  CHECK(no.choice == 0);
  CHECK(no.keeps);
  CHECK(contains(no.sentence, "keep relu: nothing dies here, and elu's held-out accuracy differs by 0.4"));
  CHECK(contains(no.sentence, "too little to matter."));
}

TEST_CASE("a fiftieth of the loss decides, a point of dead units, a twentieth of the steps") {
  CHECK(least_difference(metric_called("loss"), 0.5) == doctest::Approx(0.01));
  CHECK(least_difference(metric_called("dead"), 0.5) == doctest::Approx(0.01));
  CHECK(least_difference(metric_called("steps_to_loss"), 200.0) == doctest::Approx(10.0));
  CHECK(recommended(better_by(0.0, 0.0101), "loss").choice == 1);
  CHECK(recommended(better_by(0.0, 0.0099), "loss").choice == 0);
  const auto dead = [](double share) {
    const std::vector<One> reference(5, {0.8, 0.5, share});
    return recommended(two(reference, std::vector<One>(5, {0.8})), "dead");
  };
  CHECK(dead(0.0101).choice == 1);
  CHECK(dead(0.0099).choice == 0);
  CHECK(contains(dead(0.25).sentence, "elu: relu loses 25 [25, 25] points more units."));
}

TEST_CASE("a difference that one seed contradicts decides nothing") {
  ComparedRuns runs = better_by(0.1);
  runs.trials[1][2].record.test_accuracy = 0.7;
  const Recommendation advice = recommended(runs);
  CHECK(advice.keeps);
  CHECK(contains(advice.sentence, "elu's held-out accuracy differs by 10 [-10, 10] points."));
}

TEST_CASE("a variant that is worse is not recommended, and the words say by how much") {
  const Recommendation advice = recommended(better_by(-0.1));
  CHECK(advice.keeps);
  CHECK(contains(advice.sentence, "the best of the others, elu, is worse: elu loses "));
  CHECK(contains(advice.sentence, "10"));
}

TEST_CASE("units that die go first, where it surely has more of them") {
  ComparedRuns runs = better_by(0.2);
  for (Trial& trial : runs.trials[0]) trial.record.dead_fraction = 0.72;
  CHECK(contains(recommended(runs).sentence, "elu: relu loses 72 [72, 72] points more units, and 2"));
  for (Trial& trial : runs.trials[0]) trial.record.dead_fraction = 0.0099;
  CHECK(contains(recommended(runs).sentence, "elu: relu loses 2"));
}

TEST_CASE("two seeds tell nothing from chance, three do") {
  ComparedRuns runs = better_by(0.2);
  for (auto& of_variant : runs.trials) of_variant.resize(2);
  CHECK(recommended(runs).keeps);
  CHECK(contains(recommended(runs).sentence, "2 seeds tell no difference from chance."));
  ComparedRuns three = better_by(0.2);
  for (auto& of_variant : three.trials) of_variant.resize(3);
  CHECK(recommended(three).choice == 1);
}

TEST_CASE("where the loss says the opposite of the accuracy, that is said") {
  const Recommendation advice = recommended(better_by(0.2, -0.3));
  CHECK(advice.choice == 1);
  REQUIRE(advice.notes.size() == 1);
  CHECK(contains(advice.notes[0], "The loss says the opposite: elu's held-out loss is 0.3"));
  const Recommendation kept = recommended(better_by(0.0, 0.3));
  CHECK(kept.keeps);
  REQUIRE(kept.notes.size() == 1);
  CHECK(contains(kept.notes[0], "The loss says otherwise: relu's held-out loss is 0.3"));
  CHECK(contains(kept.notes[0], "(--by loss)"));
  CHECK(recommended(better_by(0.2)).notes.empty());
}

TEST_CASE("one that fails less goes before one that is better where it ends") {
  ComparedRuns runs = better_by(-0.3);
  runs.trials[0][1] = trial_of({0.0, 0.0, 0.0, true});
  const Recommendation advice = recommended(runs);
  CHECK(advice.choice == 1);
  CHECK(contains(advice.sentence, "elu: relu failed in 1 of 5 runs, elu in none."));
  ComparedRuns other = better_by(0.3);
  other.trials[1][1] = trial_of({0.0, 0.0, 0.0, true});
  CHECK(recommended(other).keeps);
  CHECK(contains(recommended(other).notes.at(0), "elu failed in 1 of 5 runs."));
  for (auto& of_variant : other.trials)
    for (Trial& trial : of_variant) trial = trial_of({0.0, 0.0, 0.0, true});
  CHECK_FALSE(recommended(other).choice.has_value());
  CHECK(recommended(other).sentence == "no recommendation: every run failed.");
}

TEST_CASE("of several that cannot be told apart the first one is taken") {
  ComparedRuns runs = better_by(0.2);
  runs.variants.push_back({"gelu", {"gelu"}, {}});
  runs.trials.push_back(runs.trials[1]);
  runs.trials[2][0].record.test_accuracy = 1.05;  // the best median, but not in each pair
  runs.trials[2][1].record.test_accuracy = 1.05;
  runs.trials[2][2].record.test_accuracy = 1.05;
  runs.trials[2][3].record.test_accuracy = 1.05;
  runs.trials[2][4].record.test_accuracy = 0.90;
  const Recommendation advice = recommended(runs);
  CHECK(advice.choice == 1);
  CHECK(contains(advice.sentence, "gelu does as well."));
  runs.trials[2][4].record.test_accuracy = 1.05;
  CHECK(recommended(runs).choice == 2);
}

TEST_CASE("an interval has two digits of its width") {
  CHECK(difference_text({0.1234, 0.0567, 0.2, 5}, 100.0) == "+12 [6, 20]");
  CHECK(difference_text({-0.00123, -0.0021, 0.0004, 5}, 1.0) == "-0.0012 [-0.0021, 0.0004]");
  CHECK(difference_text({0.5, 0.5, 0.5, 5}, 1.0, false) == "0.5 [0.5, 0.5]");
  const double infinity = std::numeric_limits<double>::infinity();
  CHECK(difference_text({0.5, -infinity, infinity, 2}, 1.0) == "+0.5");
}

namespace {

/// relu and elu at three rates; the accuracy of each.
ComparedRuns at_rates(const std::vector<double>& relu, const std::vector<double>& elu) {
  ComparedRuns runs;
  const std::vector<std::string> rates = {"0.01", "0.1", "1"};
  for (const auto& [name, values] : {std::pair("relu", relu), std::pair("elu", elu)})
    for (std::size_t rate = 0; rate < rates.size(); ++rate) {
      runs.variants.push_back({std::string(name) + rates[rate], {name, rates[rate]}, {}});
      runs.trials.emplace_back();
      for (int seed = 0; seed < 3; ++seed) runs.trials.back().push_back(trial_of({values[rate]}));
    }
  runs.seeds = {0, 1, 2};
  return runs;
}

}  // namespace

TEST_CASE("each at its best rate: with the fewest failures, then the best median") {
  ComparedRuns runs = at_rates({0.8, 0.9, 0.1}, {0.7, 0.8, 0.85});
  CHECK(best_of_each(runs, "accuracy") == std::vector<std::size_t>{1, 5});
  runs.trials[1][0] = trial_of({0.0, 0.0, 0.0, true});
  CHECK(best_of_each(runs, "accuracy") == std::vector<std::size_t>{0, 5});
}

TEST_CASE("a best rate at the end of those tried says so") {
  const ComparedRuns runs = at_rates({0.8, 0.9, 0.1}, {0.7, 0.8, 0.85});
  const std::vector<std::size_t> shown = {1, 5};
  const std::vector<std::string> names = {"relu", "elu"};
  const std::vector<std::string> notes = rate_notes(runs, shown, names);
  REQUIRE(notes.size() == 2);
  CHECK(notes[0] == "Each at the best of its learning rates: relu 0.1, elu 1.");
  CHECK(notes[1] == "There may be a better rate beyond those tried, for elu (larger).");
}

TEST_CASE("a sweep's sentence: the best setting, and whether the next one can be told from it") {
  ComparedRuns runs = at_rates({0.8, 0.9, 0.1}, {0.7, 0.8, 0.9});
  runs.trials[5][0].record.test_accuracy = 0.899;
  runs.trials[5][1].record.test_accuracy = 0.899;
  const SweepSummary summary = summarize(runs, "");
  CHECK(summary.by == "accuracy");
  CHECK(summary.order.front() == 1);
  CHECK(summary.order.back() == 2);
  CHECK(contains(summary.sentence,
                 "Best by held-out accuracy: relu0.1 with 90.0 % over 3 seeds; the next one, elu1, "
                 "cannot be told from it: it differs by -0.1"));
  CHECK(summary.notes.empty());
  runs.trials[1][2] = trial_of({0.0, 0.0, 0.0, true});
  CHECK(summarize(runs, "").order.front() == 5);
  CHECK(summarize(runs, "").notes.at(0) == "1 of 18 runs failed.");
  CHECK(summarize(runs, "steps_to_loss").by == "accuracy");  // these runs have no such figure
  for (auto& of_variant : runs.trials)
    for (Trial& trial : of_variant) trial = trial_of({0.0, 0.0, 0.0, true});
  CHECK(summarize(runs, "").sentence == "Every run failed.");
}
