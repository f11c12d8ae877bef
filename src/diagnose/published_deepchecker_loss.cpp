// The published rules of TheDeepChecker about the loss; published_deepchecker.cpp says where they come from.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "diagnose/deepchecker_support.hpp"

namespace reluscope {

namespace {

void check_deepchecker_finite_loss(const RunTables& run, const ParamValues& /*limits*/,
                                   std::vector<Finding>& findings) {
  const auto found = std::find_if(run.steps.rows.begin(), run.steps.rows.end(),
                                  [](const StepRecord& row) { return !std::isfinite(row.loss); });
  if (found == run.steps.rows.end()) return;
  findings.push_back(at_step(Severity::warning, step_of(*found), found->loss, 0.0,
                             "The loss is not finite" + at_step_text(*found) + "."));
}

RuleEntry thedeepchecker_non_finite_loss_rule() {
  return published_rule("thedeepchecker", "non-finite-loss", {}, {"steps.loss"},
                        "a loss that is not finite (nan_loss, inf_loss)", check_deepchecker_finite_loss);
}

/// Means over ten iterations; the first one is by itself.
struct DeepCheckerPeriod {
  const StepRecord* end = nullptr;
  double loss = 0.0;
  double accuracy = 0.0;
};
using DeepCheckerPeriods = std::span<const DeepCheckerPeriod>;

std::vector<DeepCheckerPeriod> deepchecker_periods(const RunTables& run) {
  const std::int64_t end = deepchecker_end(run);
  std::vector<DeepCheckerPeriod> periods;
  DeepCheckerPeriod sum;
  std::size_t rows_in_sum = 0;
  for (std::size_t at = 0; at < run.steps.rows.size(); ++at) {
    const StepRecord& row = run.steps.rows[at];
    if (step_of(row).value_or(0) > end) break;
    sum.loss += row.loss;
    sum.accuracy += row.accuracy.value_or(kNaN);
    ++rows_in_sum;
    if (at % kDeepCheckerPeriod != 0) continue;
    const auto count = static_cast<double>(rows_in_sum);
    periods.push_back({&row, sum.loss / count, sum.accuracy / count});
    sum = {};
    rows_in_sum = 0;
  }
  return periods;
}

/// `broken(the periods up to one)` gives the value to report, or nothing. The first one is a finding.
template <class Broken>
void deepchecker_losses(const RunTables& run, double threshold, Broken broken, const std::string& what,
                        std::vector<Finding>& findings) {
  const std::vector<DeepCheckerPeriod> periods = deepchecker_periods(run);
  for (std::size_t count = 1; count <= periods.size(); ++count) {
    const std::optional<double> value = broken(DeepCheckerPeriods(periods).first(count));
    if (!value) continue;
    const StepRecord& row = *periods[count - 1].end;
    findings.push_back(at_step(Severity::warning, step_of(row), *value, threshold, what + at_step_text(row) + "."));
    return;
  }
}

double loss_of_period(const DeepCheckerPeriod& period) { return period.loss; }

void check_deepchecker_stagnated(const RunTables& run, const ParamValues& limits, std::vector<Finding>& findings) {
  const double share = limits.number("share");
  deepchecker_losses(
      run, share,
      [&](DeepCheckerPeriods periods) -> std::optional<double> {
        const auto decrease = [](double now, double before) { return (before - now) / before; };
        const auto hardly = [&](double now, double before) { return decrease(now, before) < share; };
        if (!all_in_window(periods, loss_of_period, hardly)) return std::nullopt;
        return decrease(periods.back().loss, periods[periods.size() - 2].loss);
      },
      "The loss hardly falls over four times ten steps,", findings);
}

RuleEntry thedeepchecker_stagnated_loss_rule() {
  return published_rule(
      "thedeepchecker", "stagnated-loss",
      {number("share", 0.05, "decrease over ten steps, four times in a row (Loss.NonDecreasing.decr_percentage)")},
      {"steps.loss"}, "a loss that hardly falls (stagnated_loss)", check_deepchecker_stagnated);
}

void check_deepchecker_diverging(const RunTables& run, const ParamValues& limits, std::vector<Finding>& findings) {
  const double rate = limits.number("rate");
  deepchecker_losses(
      run, rate,
      [&](DeepCheckerPeriods periods) -> std::optional<double> {
        const auto grows = [&](double now, double before) { return now / before >= rate; };
        if (!all_in_window(periods, loss_of_period, grows)) return std::nullopt;
        return periods.back().loss / periods[periods.size() - 2].loss;
      },
      "The loss doubles every ten steps", findings);
}

RuleEntry thedeepchecker_diverging_loss_rule() {
  return published_rule(
      "thedeepchecker", "diverging-loss",
      {number("rate", 2.0, "growth over ten steps, four times in a row (Loss.Diverging.incr_abs_rate_max_thresh)")},
      {"steps.loss"}, "a loss that grows (div_loss)", check_deepchecker_diverging);
}

/// The share of the last 50 means at which the loss does not turn from rising to falling, or back.
double smoothness_of(DeepCheckerPeriods periods) {
  constexpr std::size_t kWindow = 50;
  if (periods.size() > kWindow) periods = periods.last(kWindow);
  const auto rises = [&](std::size_t at) { return periods[at].loss / periods[at - 1].loss > 1.0; };
  std::size_t turns = 0;
  for (std::size_t at = 2; at < periods.size(); ++at)
    if (rises(at) != rises(at - 1)) ++turns;
  return static_cast<double>(periods.size() - turns) / static_cast<double>(periods.size());
}

void check_deepchecker_fluctuating(const RunTables& run, const ParamValues& limits, std::vector<Finding>& findings) {
  const double least = limits.number("smoothness");
  deepchecker_losses(
      run, least,
      [&](DeepCheckerPeriods periods) -> std::optional<double> {
        const double smoothness = smoothness_of(periods);
        return smoothness < least ? std::optional(smoothness) : std::nullopt;
      },
      "The loss turns up and down most of the time", findings);
}

RuleEntry thedeepchecker_fluctuating_loss_rule() {
  return published_rule(
      "thedeepchecker", "fluctuating-loss",
      {number("smoothness", 0.5, "share of 50 means over ten steps without a turn (smoothness_ratio_min_thresh)")},
      {"steps.loss"}, "a loss that turns up and down (fluctuated_loss)", check_deepchecker_fluctuating);
}

/// |r| of losses and accuracies; NaN where one of them does not change, but for rounding.
double correlation_of(DeepCheckerPeriods periods) {
  const auto count = static_cast<double>(periods.size());
  double loss = 0.0;
  double accuracy = 0.0;
  for (const DeepCheckerPeriod& period : periods) {
    loss += period.loss / count;
    accuracy += period.accuracy / count;
  }
  double product = 0.0;
  double loss_square = 0.0;
  double accuracy_square = 0.0;
  for (const DeepCheckerPeriod& period : periods) {
    product += (period.loss - loss) * (period.accuracy - accuracy);
    loss_square += (period.loss - loss) * (period.loss - loss);
    accuracy_square += (period.accuracy - accuracy) * (period.accuracy - accuracy);
  }
  constexpr double kRounding = 1e-24;
  if (!(loss_square > kRounding * count * loss * loss) || !(accuracy_square > kRounding * count * accuracy * accuracy))
    return kNaN;
  return std::abs(product) / std::sqrt(loss_square * accuracy_square);
}

void check_deepchecker_representative(const RunTables& run, const ParamValues& limits, std::vector<Finding>& findings) {
  const double least = limits.number("correlation");
  deepchecker_losses(
      run, least,
      [&](DeepCheckerPeriods periods) -> std::optional<double> {
        if (periods.size() < 3) return std::nullopt;
        const double correlation = correlation_of(periods);
        return correlation < least ? std::optional(correlation) : std::nullopt;
      },
      "The loss says little about the accuracy: they hardly go together", findings);
}

RuleEntry thedeepchecker_unrepresentative_loss_rule() {
  return published_rule(
      "thedeepchecker", "unrepresentative-loss",
      {number("correlation", 0.5, "|r| of loss and accuracy, means over ten steps (abs_corr_min_thresh)")},
      {"steps.loss", "steps.accuracy"}, "loss and accuracy that do not go together (non_representative_loss)",
      check_deepchecker_representative);
}

/// The loss of K classes that are all as likely is ln K. One output has two classes. Theirs is without penalties.
void check_deepchecker_initial_loss(const RunTables& run, const ParamValues& limits, std::vector<Finding>& findings) {
  if (run.loss->name != "cross_entropy" && run.loss->name != "bce") return;
  const StepRecord& first = run.steps.rows.front();
  const auto layers = by_layer(run.layers.rows);
  const auto output = layers.find(*output_layers(run).begin());
  if (first.step != 0 || output == layers.end()) return;
  const auto classes = static_cast<double>(std::max<std::int64_t>(2, output->second.front()->units));
  const double off = std::abs(first.loss - std::log(classes)) / std::log(classes);
  if (!(off >= limits.number("share"))) return;
  findings.push_back(at_step(Severity::warning, 0, off, limits.number("share"),
                             "The loss at the start is far from that of classes that are all as likely."));
}

RuleEntry thedeepchecker_initial_loss_rule() {
  RuleEntry rule = published_rule(
      "thedeepchecker", "initial-loss",
      {number("share", 1.0, "the first loss's distance from ln K, as a share of it (Initial_Loss.dev_ratio)")},
      {"steps.loss", "steps.step", "layers.units"}, "a loss that does not begin at chance (poor_init_loss)",
      check_deepchecker_initial_loss);
  rule.needs_output = true;
  rule.needs_loss = true;
  return rule;
}

}  // namespace

std::vector<RuleEntry> deepchecker_loss_rules() {
  return {thedeepchecker_non_finite_loss_rule(),       thedeepchecker_stagnated_loss_rule(),
          thedeepchecker_diverging_loss_rule(),        thedeepchecker_fluctuating_loss_rule(),
          thedeepchecker_unrepresentative_loss_rule(), thedeepchecker_initial_loss_rule()};
}

}  // namespace reluscope
