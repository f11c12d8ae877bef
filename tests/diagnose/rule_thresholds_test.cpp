// Every rule has tables that fire it and tables, next to the same, that do not: one such pair for each of its
// thresholds, so close about the default that none of another size, sign, column or comparison would do. The rule table
// is walked: a rule or a threshold without a pair fails here.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include "diagnose/diagnosis.hpp"
#include "diagnose/rules.hpp"
#include "support/healthy_tables.hpp"

using namespace reluscope;
using namespace reluscope::test;

namespace {

using Sicken = std::function<void(HealthyTables&)>;

/// `fires` makes more of the rule's findings, or graver ones, than `passes`.
struct Pair {
  std::string rule;
  std::string threshold;  ///< empty: the rule has none here
  Sicken fires;
  Sicken passes;
  std::int64_t rows = 100;
};

/// A pair whose tables differ in one number.
template <class Number, class Set>
Pair pair_of(std::string rule, std::string threshold, Number fires, Number passes, Set set, std::int64_t rows = 100) {
  return {std::move(rule), std::move(threshold), [=](HealthyTables& run) { set(run, fires); },
          [=](HealthyTables& run) { set(run, passes); }, rows};
}

/// A recorded number of layer 1 or 2, in every row.
template <class M>
auto in_rows(std::int64_t layer, M LayerRecord::*member) {
  return [=](HealthyTables& run, double value) { run.each_row(layer, [=](LayerRecord& row) { row.*member = value; }); };
}
auto in_rows(std::int64_t layer, std::optional<std::int64_t> LayerRecord::*member) {
  return [=](HealthyTables& run, std::int64_t value) {
    run.each_row(layer, [=](LayerRecord& row) { row.*member = value; });
  };
}

/// More than half, or less, of the first tenth of 1000 rows.
constexpr std::int64_t kMany = 51, kFew = 49, kLong = 1000;

std::vector<Pair> death_pairs() {
  const auto born = [](HealthyTables& run, std::int64_t units) {
    run.census_row(0, 2).born_dead = run.census_row(0, 2).dead = units;
    run.train.reset();  // whether it has learned is not known
  };
  const auto dead = [](HealthyTables& run, std::int64_t units) { run.census_row(2, 2).dead = units; };
  // Dead for a while: most come back.
  const auto peak = [](HealthyTables& run, std::int64_t units) { run.census_row(1, 2).dead = units; };
  // A quarter is born dead: that counts for how many there are, not for how many died.
  const auto dead_and_born = [](HealthyTables& run, std::int64_t units) {
    run.each_census(2, [](CensusRecord& row) { row.born_dead = row.dead = 250; });
    run.census_row(2, 2).dead = units;
  };
  const auto at_the_end = [](HealthyTables& run, std::int64_t units) { run.census_row(2, 1).dead = units; };
  const auto saturated = [](HealthyTables& run, std::int64_t units) {
    run.census_row(2, 2).dead = 100;
    run.census_row(2, 2).saturated = units;
  };
  const auto dormant = [](HealthyTables& run, std::int64_t units) {
    run.census_row(2, 1).dead = 100;
    run.census_row(2, 1).dormant = units;
  };
  const auto sparse = [](HealthyTables& run, double share) { run.row(99, 1).zero_fraction = share; };
  const auto sparse_with_dead = [](HealthyTables& run, std::int64_t units) {
    run.row(99, 1).zero_fraction = 0.9;
    run.row(99, 1).dead_max = units;
  };
  const auto sparse_and_grown = [](HealthyTables& run, double rms) {
    run.row(99, 1).zero_fraction = 0.9;
    run.row(99, 1).a_rms = rms;
  };
  return {
      pair_of("dead-on-arrival", "notice", 250, 249, born),
      pair_of("dead-on-arrival", "fraction", 500, 499, born),
      pair_of("dead-on-arrival", "", 1000, 999, born),
      pair_of("dying-units", "notice", 100, 99, dead),
      pair_of("dying-units", "fraction", 500, 499, dead),
      pair_of("dying-units", "fraction", 500, 499, peak),
      pair_of("dying-units", "fraction", 750, 749, dead_and_born),
      pair_of("dying-units", "critical_fraction", 800, 799, dead_and_born),
      pair_of("collapsed-network", "", 1000, 999, at_the_end),
      pair_of("saturation", "fraction", 600, 599, saturated),
      pair_of("dormant-layer", "fraction", 600, 599, dormant),
      pair_of("sparse-is-fine", "zero_fraction", 0.7, 0.6999, sparse),
      pair_of("sparse-is-fine", "", 0, 1, sparse_with_dead),
      pair_of("sparse-is-fine", "growth", 99.9, 100.1, sparse_and_grown),
  };
}

std::vector<Pair> gradient_pairs() {
  const auto peak = [](HealthyTables& run, double norm) { run.steps.rows[70].grad_norm = norm; };
  // Large from the second step on: then a peak is no rise.
  const auto large_at_start = [](HealthyTables& run, std::int64_t rows) {
    run.each_step([](StepRecord& row) { row.grad_norm = 2.0; }, 1, 1 + rows);
    run.steps.rows[700].grad_norm = 150.0;
  };
  const auto first_step = [](HealthyTables& run, double norm) {
    run.steps.rows[0].grad_norm = norm;
    run.steps.rows[70].grad_norm = 200.0;
  };
  // The loss starts from 2.05.
  const auto small_network = [](HealthyTables& run, double norm) {
    run.steps.rows[70].grad_norm = 200.0;
    run.steps.rows[70].param_norm = norm;
  };
  const auto loss_at_the_end = [](HealthyTables& run, double loss) { run.steps.rows[99].loss = loss; };
  const auto over_theory = [](HealthyTables& run, double delta) {
    run.add_theory(2).delta_rms = 0.5;
    run.row(0, 2).delta_rms = delta;
  };
  const auto vanishes_in = [](HealthyTables& run, std::int64_t rows) {
    run.each_row(
        1, [](LayerRecord& row) { row.delta_rms = 1e-5; }, 0, rows);
  };
  const auto first_delta = [](HealthyTables& run, double delta) {
    run.train->gain = 0.0;
    run.row(0, 1).delta_rms = delta;
  };
  // The last quarter: a line, and what swings about it.
  const auto falls = [](double swing) {
    return [=](HealthyTables& run, double fall) {
      run.each_step(
          [=](StepRecord& row) {
            row.loss = 1.0 - fall / 99.0 * static_cast<double>(row.step - 87) + (row.step % 2 == 0 ? swing : -swing);
          },
          75);
    };
  };
  const auto swings_about = [=](HealthyTables& run, double swing) { falls(swing)(run, 0.99); };
  // The same fall, of a loss that is much or little beside that of a constant.
  const auto loss_to_be_had = [=](HealthyTables& run, double constant) {
    falls(0.0)(run, 0.99);
    run.train->constant_loss = constant;
  };
  const auto output_delta = [](HealthyTables& run, double delta) {
    run.each_row(3, [](LayerRecord& row) { row.delta_rms = 0.0; });
    run.row(99, 3).delta_rms = delta;
  };
  const auto noise = [](HealthyTables& run, double trace) {
    run.each_step([=](StepRecord& row) { row.grad_trace = trace; });
  };
  const auto noisy_at = [](HealthyTables& run, std::int64_t step) {
    run.each_step([](StepRecord& row) { row.grad_trace = 1e9; }, step, step + 1);
  };
  const double nan = std::numeric_limits<double>::quiet_NaN();
  return {
      pair_of("exploding-gradient", "growth", 100.01, 100.0, peak),
      pair_of("exploding-gradient", "growth", 1.99, 2.0, first_step),
      pair_of("exploding-gradient", "start", kFew, kMany, large_at_start, kLong),
      pair_of("exploding-gradient", "size", 0.010251, 0.010249, small_network),
      pair_of("exploding-gradient", "theory", 50.01, 50.0, over_theory),
      pair_of("exploding-gradient", "", nan, 1.0, loss_at_the_end),
      pair_of("vanishing-gradient", "ratio", 0.9999e-3, 1e-3, in_rows(1, &LayerRecord::delta_rms)),
      pair_of("vanishing-gradient", "ratio_unlearned", 0.9999e-2, 1.0001e-2, first_delta),
      pair_of("too-few-steps", "fall", 0.2001, 0.1999, falls(0.0)),
      pair_of("too-few-steps", "errors", 0.0864, 0.0866, swings_about),
      pair_of("too-few-steps", "left", 19.99, 20.01, loss_to_be_had),
      pair_of("vanishing-gradient", "explodes", 1000.1, 1000.0, in_rows(1, &LayerRecord::delta_rms)),
      pair_of("vanishing-gradient", "start", kMany, kFew, vanishes_in, kLong),
      pair_of("zero-gradient", "", 0.0, 1e-300, output_delta),
      pair_of("noisy-gradient", "samples", 10001.0, 10000.0, noise),
      pair_of("noisy-gradient", "start", 99, 100, noisy_at, kLong),
  };
}

std::vector<Pair> size_pairs() {
  // All small, but for one update: the parameters do travel.
  const auto small_updates = [](HealthyTables& run, double ratio) {
    run.each_row(2, [=](LayerRecord& row) { row.update_ratio = ratio; });
    run.row(99, 2).update_ratio = 0.01;
  };
  const auto large_updates_in = [](HealthyTables& run, std::int64_t rows) {
    run.each_row(
        2, [](LayerRecord& row) { row.update_ratio = 0.5; }, 0, rows);
  };
  const auto last_update = [](HealthyTables& run, double ratio) {
    run.each_row(2, [](LayerRecord& row) { row.update_ratio = 0.0; });
    run.row(99, 2).update_ratio = ratio;
  };
  const auto after_training = [](HealthyTables& run, double rms) { run.row(99, 1).a_rms = rms; };
  const auto with_depth = [](HealthyTables& run, double rms) {
    run.each_row(2, [=](LayerRecord& row) { row.a_rms = rms; });
  };
  // Mean of z²: 2² + mean².
  const auto z_of = [](std::int64_t layer) {
    return [=](HealthyTables& run, double mean) {
      run.row(0, layer).z_std = 2.0;
      run.row(0, layer).z_mean = mean;
    };
  };
  const auto z_over_theory = [](HealthyTables& run, double mean) {
    run.add_theory(2).q = 1.0;
    run.row(0, 2).z_mean = mean;
  };
  const auto z_under_theory = [](HealthyTables& run, double q) { run.add_theory(2).q = q; };
  const auto mean_at_the_end = [](HealthyTables& run, double mean) { run.row(99, 2).a_mean = mean; };
  return {
      pair_of("update-ratio", "largest", 0.3001, 0.3, in_rows(2, &LayerRecord::update_ratio)),
      pair_of("update-ratio", "smallest", 0.9999e-8, 1e-8, small_updates),
      pair_of("update-ratio", "travel", 0.9999e-5, 1.0001e-5, in_rows(2, &LayerRecord::update_ratio)),
      pair_of("update-ratio", "start", kMany, kFew, large_updates_in, kLong),
      pair_of("unchanged-weights", "", 0.0, 1e-300, last_update),
      pair_of("exploding-activation", "growth", 100.01, 100.0, with_depth),
      pair_of("exploding-activation", "growth", 100.01, 100.0, after_training),
      pair_of("poor-initialisation", "growth", 4.001, 4.0, z_of(2)),
      pair_of("poor-initialisation", "growth", 4.001, 4.0, z_of(1)),
      pair_of("poor-initialisation", "growth", -4.001, -4.0, z_of(2)),
      pair_of("poor-initialisation", "theory", 3.0, 2.999, z_over_theory),
      pair_of("poor-initialisation", "theory", 10.0, 9.99, z_under_theory),
      pair_of("bias-shift", "share", 0.9001, 0.9, mean_at_the_end),
      pair_of("bias-shift", "share", -0.9001, -0.9, mean_at_the_end),
  };
}

std::vector<Pair> loss_pairs() {
  const auto ends_at = [](HealthyTables& run, double loss) {
    run.start_loss = 1.0;
    run.train->loss = loss;
  };
  // Of a table from elsewhere: its mini-batches.
  const auto batches_end_at = [](HealthyTables& run, double loss) {
    run.from_elsewhere = true;
    run.train.reset();
    run.each_step([](StepRecord& row) { row.loss = 1.0; });
    run.each_step([=](StepRecord& row) { row.loss = loss; }, 90);
  };
  const auto swings = [](HealthyTables& run, double spread) {
    run.each_step([=](StepRecord& row) { row.loss = row.step % 2 == 0 ? 1.0 + spread : 1.0 - spread; }, 50);
  };
  const auto swings_from = [](HealthyTables& run, double first) {
    run.each_step([](StepRecord& row) { row.loss = row.step % 2 == 0 ? 1.75 : 0.25; }, 50);
    run.steps.rows[0].loss = first;
  };
  return {
      pair_of("loss-not-decreasing", "share", 0.9501, 0.9499, ends_at),
      pair_of("loss-not-decreasing", "share", 0.9501, 0.9499, batches_end_at),
      pair_of("loss-oscillating", "share", 0.5001, 0.4999, swings),
      pair_of("loss-oscillating", "level", 4.999, 5.0, swings_from),
  };
}

std::vector<Pair> published_pairs() {
  const auto tanh_z = [](HealthyTables& run, double z) {
    run.each_row(1, [](LayerRecord& row) { row.activation = "tanh"; });
    run.row(60, 1).z_max = z;
  };
  const auto dying = [](HealthyTables& run, double zeros, double accuracy) {
    run.each_step([=](StepRecord& row) { row.accuracy = accuracy; });
    run.row(60, 2).grad_zero_fraction = zeros;
  };
  const auto zeros = [=](HealthyTables& run, double share) { dying(run, share, 0.5); };
  const auto accuracy = [=](HealthyTables& run, double reached) { dying(run, 0.8, reached); };
  const auto first_norm = [](double last) {
    return [=](HealthyTables& run, double norm) {
      run.row(60, 1).grad_norm_w = norm;
      run.row(60, 3).grad_norm_w = last;
    };
  };
  const auto faint_in_ten = [](HealthyTables& run, std::int64_t units) {
    run.each_row(
        1, [=](LayerRecord& row) { row.batch_faint = units; }, 40, 50);
  };
  const auto faint_rows = [](HealthyTables& run, std::int64_t rows) {
    run.each_row(
        1, [](LayerRecord& row) { row.batch_faint = 900; }, 40, 40 + rows);
  };
  const auto dead_share = [](HealthyTables& run, double share) { run.census_row(1, 2).dead_fraction = share; };
  const double inf = std::numeric_limits<double>::infinity();
  return {
      pair_of("sagemaker-dead-relu", "layer", std::int64_t{501}, std::int64_t{500},
              in_rows(2, &LayerRecord::batch_rare)),
      pair_of("sagemaker-vanishing-gradient", "mean", 0.9999e-7, 1e-7, in_rows(3, &LayerRecord::grad_mean)),
      pair_of("sagemaker-exploding-tensor", "", inf, 1e300, in_rows(2, &LayerRecord::grad_norm_w)),
      pair_of("sagemaker-update-ratio", "largest", 10.001, 10.0, in_rows(2, &LayerRecord::update_ratio)),
      pair_of("sagemaker-update-ratio", "smallest", 0.9999e-8, 1e-8, in_rows(2, &LayerRecord::update_ratio)),
      pair_of("sagemaker-tanh-saturation", "z", 9.501, 9.5, tanh_z),
      pair_of("autotrainer-dying-relu", "zeros", 0.7, 0.6999, zeros),
      pair_of("autotrainer-dying-relu", "accuracy", 0.5999, 0.6001, accuracy),
      pair_of("autotrainer-vanishing-gradient", "ratio", 0.9999e-5, 1.0001e-5, first_norm(0.01)),
      pair_of("autotrainer-vanishing-gradient", "norm", 0.9999e-4, 1e-4, first_norm(10.0)),
      pair_of("autotrainer-exploding-gradient", "ratio", 70.01, 70.0, first_norm(1.0)),
      pair_of("deepdiagnosis-dead-node", "share", 0.7, 0.6999, in_rows(1, &LayerRecord::nonpositive_fraction)),
      pair_of("thedeepchecker-dead-layer", "layer", 501, 500, faint_in_ten),
      pair_of("thedeepchecker-dead-layer", "", 10, 9, faint_rows),
      pair_of("thedeepchecker-update-ratio", "low", 0.9999e-4, 1.0001e-4, in_rows(2, &LayerRecord::update_ratio)),
      pair_of("thedeepchecker-update-ratio", "high", 0.10001, 0.09999, in_rows(2, &LayerRecord::update_ratio)),
      pair_of("zero-fraction-monitor", "share", 0.5001, 0.5, in_rows(1, &LayerRecord::tiny_fraction)),
      pair_of("keras-contrib-dead-relu", "share", 0.1001, 0.1, dead_share),
  };
}

std::vector<Pair> output_pairs() {
  const auto output = [](const char* activation) {
    return [=](HealthyTables& run) {
      run.each_row(HealthyTables::kLayers, [=](LayerRecord& row) { row.activation = activation; });
    };
  };
  const auto gain = [](HealthyTables& run, double value) {
    run.train->gain = value;
    run.train->gain_error = 0.5;
  };
  const auto held_out = [](HealthyTables& run, double value) { run.test->gain = value; };
  const auto unlearned = [](auto set) {
    return [=](HealthyTables& run, auto value) {
      run.train->gain = 0.0;
      set(run, value);
    };
  };
  const auto output_row = [](std::int64_t at) {
    return [=](HealthyTables& run) -> CensusRecord& { return run.census_row(at, HealthyTables::kLayers); };
  };
  const auto dead_output = [=](HealthyTables& run, std::int64_t units) { output_row(2)(run).dead = units; };
  const auto saturated_output = [=](HealthyTables& run, std::int64_t units) { output_row(2)(run).saturated = units; };
  const auto one_update = [](HealthyTables& run, double ratio) { run.row(4, 2).update_ratio = ratio; };
  const auto born = [](HealthyTables& run, std::int64_t units) { run.census_row(0, 2).born_dead = units; };
  const auto few_left = [](HealthyTables& run, std::int64_t left) {
    run.census_row(0, 2).units = 2 * left + 2;
    run.census_row(0, 2).born_dead = left + 2;
  };
  // All of layer 2, from the start; a hundred steps of this size.
  const auto stuck = [](HealthyTables& run, double update) {
    run.each_census(2, [](CensusRecord& row) { row.saturated = row.units; });
    in_rows(2, &LayerRecord::update_ratio)(run, update);
  };
  const auto equal_units = [](HealthyTables& run, double rank) { run.census_row(0, 1).effective_rank = rank; };
  const auto weights_of_first = [](HealthyTables& run, double norm) { run.row(0, 1).weight_norm = norm; };
  // The parameters' norm is 12 at the start.
  const auto shrunk_to = [](HealthyTables& run, double norm) {
    run.train->gain = 0.0;
    run.loss->decays = true;
    run.steps.rows.back().param_norm = norm;
  };
  return {pair_of("no-better-than-constant", "errors", 1.28, 1.30, gain),
          pair_of("saturation", "travel", 0.99e-4, 1.01e-4, stuck),
          pair_of("symmetric-units", "rank", 1.0, 1.01, equal_units),
          pair_of("symmetric-units", "", 0.0, 0.1, weights_of_first),
          pair_of("too-much-decay", "left", 3.59, 3.61, shrunk_to),
          pair_of("no-better-than-constant", "errors", 0.051, 0.052, held_out),
          pair_of("dead-output", "", std::int64_t{1}, std::int64_t{0}, dead_output),
          pair_of("saturated-output", "fraction", std::int64_t{501}, std::int64_t{499}, unlearned(saturated_output)),
          {"saturated-output", "", [=](HealthyTables& run) { unlearned(saturated_output)(run, 900); },
           [=](HealthyTables& run) { saturated_output(run, 900); }},
          pair_of("update-ratio", "single", 3.01, 2.99, unlearned(one_update)),
          {"update-ratio", "", [=](HealthyTables& run) { unlearned(one_update)(run, 90.0); },
           [=](HealthyTables& run) { one_update(run, 90.0); }},
          pair_of("dead-on-arrival", "left", std::int64_t{19}, std::int64_t{20}, few_left),
          pair_of("dead-on-arrival", "learned_fraction", std::int64_t{751}, std::int64_t{749}, born),
          {"double-softmax", "", output("softmax"), output("tanh")},
          {"double-softmax", "", output("sigmoid"), output("identity")}};
}

std::vector<Pair> data_pairs() {
  const auto unlearned = [](auto set) {
    return [=](HealthyTables& run, auto value) {
      run.train->gain = 0.0;
      set(run, value);
    };
  };
  const auto inputs = [](HealthyTables& run, double size) {
    for (FeatureRecord& row : run.features.rows) {
      row.mean = 0.6 * size;
      row.std = 0.8 * size;
    }
  };
  const auto targets = [](HealthyTables& run, double size) {
    run.targets = TargetFacts{0.6 * size, 0.8 * size, 0.0, size};
  };
  const auto offset = [](HealthyTables& run, double ratio) {
    for (FeatureRecord& row : run.features.rows) {
      row.std = 0.1;
      row.mean = 0.1 * std::sqrt(ratio * ratio - 1.0);
    }
  };
  const auto outside = [](HealthyTables& run, double share) {
    run.targets = TargetFacts{0.0, 1.0, -2.0, 2.0, share, 0.0, std::numeric_limits<double>::infinity()};
  };
  const auto largest = [](HealthyTables& run, double share) { run.classes = ClassShares{4, share, "a", 0.05, "b"}; };
  const auto smallest = [](HealthyTables& run, double share) { run.classes = ClassShares{4, 0.5, "a", share, "b"}; };
  const auto constant = [](HealthyTables& run, std::int64_t features) {
    for (std::int64_t at = 0; at < features; ++at)
      run.features.rows[static_cast<std::size_t>(at)].min = run.features.rows[static_cast<std::size_t>(at)].max;
  };
  const auto rising = [](HealthyTables& run, std::int64_t values) {
    run.features.rows[1].rising = true;
    run.features.rows[1].distinct = values;
  };
  const auto constant_loss = [](HealthyTables& run, double loss) { run.train->constant_loss = loss; };
  return {pair_of("unscaled-inputs", "large", 20.01, 19.99, unlearned(inputs)),
          pair_of("unscaled-inputs", "small", 0.00499, 0.00501, unlearned(inputs)),
          {"unscaled-inputs", "", [=](HealthyTables& run) { unlearned(inputs)(run, 900.0); },
           [=](HealthyTables& run) { inputs(run, 900.0); }},
          pair_of("unscaled-inputs", "offset", 20.01, 19.99, unlearned(offset)),
          pair_of("targets-out-of-range", "share", 0.0501, 0.0499, outside),
          pair_of("class-imbalance", "largest", 0.8001, 0.7999, largest),
          pair_of("class-imbalance", "smallest", 0.02499, 0.02501, smallest),
          pair_of("unscaled-targets", "large", 300.1, 299.9, unlearned(targets)),
          {"unscaled-targets", "", [=](HealthyTables& run) { unlearned(targets)(run, 900.0); },
           [=](HealthyTables& run) { targets(run, 900.0); }},
          pair_of("constant-features", "", std::int64_t{1}, std::int64_t{0}, constant),
          pair_of("constant-features", "", std::int64_t{3}, std::int64_t{2}, constant),
          pair_of("row-number", "values", std::int64_t{20}, std::int64_t{19}, rising),
          pair_of("nothing-to-learn", "", 0.0, 1e-9, constant_loss)};
}

const std::vector<Pair>& all_pairs() {
  static const std::vector<Pair> pairs = [] {
    std::vector<Pair> all;
    for (const auto& make :
         {death_pairs, gradient_pairs, size_pairs, loss_pairs, data_pairs, output_pairs, published_pairs})
      for (Pair& one : make()) all.push_back(std::move(one));
    return all;
  }();
  return pairs;
}

const RuleEntry& rule_called(const std::string& name) {
  const RuleEntry* rule = find_entry(rule_table(), name);
  REQUIRE_MESSAGE(rule != nullptr, "a pair for the rule " << name << ", which does not exist");
  return *rule;
}

/// How loud the rule is: 0 without a finding, else by the gravest one.
int loudness(const Pair& pair, const Sicken& sicken, const Thresholds& thresholds = {}) {
  HealthyTables run(pair.rows);
  sicken(run);
  int loudest = 0;
  for (const Finding& finding : diagnose(run, thresholds, rule_called(pair.rule).set).findings)
    if (finding.rule == pair.rule) loudest = std::max(loudest, 1 + static_cast<int>(finding.severity));
  return loudest;
}

/// The rule's thresholds with the pair's one changed by this factor.
Thresholds scaled(const Pair& pair, double factor) {
  const RuleEntry& rule = rule_called(pair.rule);
  ParamValues values(rule.params);
  values.set(pair.threshold, factor * values.number(pair.threshold));
  return {{pair.rule, values}};
}

/// A default is held by what lies this close to it.
constexpr double kTight = 0.05;

}  // namespace

TEST_CASE("tables of a healthy run fire no rule of any set, and every rule can read them") {
  for (const std::string& set : rule_sets()) {
    const Diagnosis diagnosis = diagnose(HealthyTables(), {}, set);
    for (const Finding& finding : diagnosis.findings) FAIL_CHECK(finding.rule << ": " << finding.sentence);
    for (const SkippedRule& skipped : diagnosis.skipped) FAIL_CHECK(skipped.rule << " needs " << skipped.missing);
  }
}

TEST_CASE(
    "each pair: one side fires, the other is passed, and a default five per cent off would tell them apart no more") {
  for (const Pair& pair : all_pairs()) {
    CAPTURE(pair.rule);
    CAPTURE(pair.threshold);
    const int fires = loudness(pair, pair.fires);
    const int passes = loudness(pair, pair.passes);
    CHECK(fires > passes);
    if (pair.threshold.empty()) continue;
    // One way the fire goes out, the other way the twin catches it.
    int out = fires;
    int caught = passes;
    for (const double factor : {1.0 - kTight, 1.0 + kTight}) {
      out = std::min(out, loudness(pair, pair.fires, scaled(pair, factor)));
      caught = std::max(caught, loudness(pair, pair.passes, scaled(pair, factor)));
    }
    CHECK(out < fires);
    CHECK(caught > passes);
  }
}

TEST_CASE("every rule has a pair, and so has each of its thresholds") {
  for (const RuleEntry& rule : rule_table()) {
    if (rule.set == "torch-audit" || (rule.set == "thedeepchecker" && rule.name != "thedeepchecker-dead-layer" &&
                                      rule.name != "thedeepchecker-update-ratio"))
      continue;  // those have theirs in audit_rules_test.cpp
    CAPTURE(rule.name);
    const auto has_pair = [&](const std::string& threshold) {
      return std::any_of(all_pairs().begin(), all_pairs().end(), [&](const Pair& pair) {
        return pair.rule == rule.name && (threshold.empty() || pair.threshold == threshold);
      });
    };
    CHECK(has_pair(""));
    for (const Param& param : rule.params) {
      CAPTURE(param.name);
      CHECK(has_pair(param.name));
    }
  }
  for (const Pair& pair : all_pairs()) rule_called(pair.rule);
}

TEST_CASE("what a rule must not look at: other layers, other activations, other times") {
  struct Passed {
    const char* rule;
    Sicken sicken;
  };
  const std::vector<Passed> all = {
      // The output layer has no units to lose.
      {"dying-units", [](HealthyTables& run) { run.census_row(1, 3).dead = 900; }},
      {"collapsed-network", [](HealthyTables& run) { run.census_row(2, 3).dead = 1000; }},
      {"collapsed-network", [](HealthyTables& run) { run.census_row(1, 1).dead = 1000; }},  // and revived
      {"dormant-layer", [](HealthyTables& run) { run.census_row(2, 3).dormant = 900; }},
      {"dormant-layer", [](HealthyTables& run) { run.census_row(1, 1).dormant = 900; }},
      {"saturation", [](HealthyTables& run) { run.census_row(1, 1).saturated = 900; }},  // and no more at the end
      {"exploding-gradient",  // what is left of a collapsed network's gradient depends on who is in the batch
       [](HealthyTables& run) {
         run.census_row(1, 1).dead = run.census_row(2, 1).dead = 1000;
         run.steps.rows[70].grad_norm = 1000.0;
       }},
      {"noisy-gradient",  // the batch is the whole set
       [](HealthyTables& run) {
         run.each_step([](StepRecord& row) {
           row.grad_trace = 1e9;
           row.epoch = row.step;
         });
       }},
      {"loss-not-decreasing",  // a last batch of one sample
       [](HealthyTables& run) {
         run.start_loss = 2.3;
         run.each_step([](StepRecord& row) { row.loss = 9.0; }, 90);
       }},
      {"sparse-is-fine",  // of a network that has learned nothing
       [](HealthyTables& run) {
         run.train->gain = 0.0;
         in_rows(1, &LayerRecord::zero_fraction)(run, 0.9);
       }},
      {"saturation", [](HealthyTables& run) { run.census_row(1, 3).saturated = 900; }},
      {"dead-on-arrival", [](HealthyTables& run) { run.census_row(1, 1).born_dead = 900; }},
      {"bias-shift", [](HealthyTables& run) { in_rows(3, &LayerRecord::a_mean)(run, 0.99); }},
      {"bias-shift", [](HealthyTables& run) { run.row(0, 1).a_mean = 0.99; }},
      {"sparse-is-fine", [](HealthyTables& run) { in_rows(3, &LayerRecord::zero_fraction)(run, 0.9); }},
      {"zero-gradient", [](HealthyTables& run) { in_rows(1, &LayerRecord::delta_rms)(run, 0.0); }},
      {"vanishing-gradient", [](HealthyTables& run) { in_rows(2, &LayerRecord::delta_rms)(run, 1e-9); }},
      {"exploding-activation", [](HealthyTables& run) { in_rows(3, &LayerRecord::a_rms)(run, 1e6); }},
      {"poor-initialisation", [](HealthyTables& run) { run.row(1, 2).z_std = 1e6; }},
      {"sagemaker-dead-relu", [](HealthyTables& run) { in_rows(3, &LayerRecord::batch_rare)(run, 900); }},
      {"sagemaker-tanh-saturation", [](HealthyTables& run) { in_rows(1, &LayerRecord::z_max)(run, 100.0); }},
      {"autotrainer-dying-relu",
       [](HealthyTables& run) {
         run.each_step([](StepRecord& row) { row.accuracy = 0.5; });
         run.row(0, 2).grad_zero_fraction = 0.9;  // the first epoch
       }},
      {"keras-contrib-dead-relu", [](HealthyTables& run) { run.census_row(0, 1).dead_fraction = 0.9; }},
      {"thedeepchecker-dead-layer",
       [](HealthyTables& run) {
         for (std::int64_t step = 0; step < 100; ++step)
           if (step % 10 != 0) run.row(step, 1).batch_faint = 900;
       }},
  };
  for (const Passed& one : all) {
    CAPTURE(one.rule);
    HealthyTables run;
    one.sicken(run);
    const Diagnosis diagnosis = diagnose(run, {}, rule_called(one.rule).set);
    CHECK(std::none_of(diagnosis.findings.begin(), diagnosis.findings.end(),
                       [&](const Finding& finding) { return finding.rule == one.rule; }));
  }
}

TEST_CASE("a run of fewer than a hundred steps is not told that it hardly learns") {
  for (const std::int64_t rows : {100, 99}) {
    HealthyTables run(rows);
    in_rows(2, &LayerRecord::update_ratio)(run, 1e-7);
    const Diagnosis diagnosis = diagnose(run);
    const bool told = std::any_of(diagnosis.findings.begin(), diagnosis.findings.end(),
                                  [](const Finding& finding) { return finding.rule == "update-ratio"; });
    CHECK(told == (rows == 100));
  }
}
