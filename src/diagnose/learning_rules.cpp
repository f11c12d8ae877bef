// Rules about what came of it all: whether the network has learned, and whether it had the time to.
#include <cmath>

#include "diagnose/rule_support.hpp"

namespace reluscope {

namespace {

/// Over the whole training set: a mini-batch, above all a short last one, hides or invents a fall. A table from
/// elsewhere has mini-batches alone; there the end is the mean of the last tenth.
void check_loss_not_decreasing(const RunTables& run, const ParamValues& limits, std::vector<Finding>& findings) {
  const std::vector<StepRecord>& rows = run.steps.rows;
  double start = run.start_loss.value_or(kNaN);
  double end = run.train ? run.train->loss : kNaN;
  if (run.from_elsewhere && !run.train && rows.size() >= 10) {
    const std::size_t part = rows.size() / 10;
    start = rows.front().loss;
    end = 0.0;
    for (std::size_t at = rows.size() - part; at < rows.size(); ++at) end += rows[at].loss / static_cast<double>(part);
  }
  if (!std::isfinite(end) || !(start > 0.0) || !(end > limits.number("share") * start)) return;
  findings.push_back(at_step(Severity::warning, step_of(rows.back()), end / start, limits.number("share"),
                             std::string("The loss") + (run.train ? " over the training set" : "") + " ends at " +
                                 format_short(end) + ", where it started from " + format_short(start) + "."));
}

RuleEntry loss_not_decreasing_rule() {
  RuleEntry rule = own_rule("loss-not-decreasing", "the loss ends where it began",
                            {number("share", 0.95, "final loss, as a share of that before the first update").above(0)},
                            {"steps.loss"},
                            {"smaller_lr", "adam", "larger_lr", "standardize", "he_normal", "recipe", "glorot_normal"},
                            check_loss_not_decreasing);
  rule.mild = Mild::learned;
  return rule;
}

/// A straight line through the losses of the last quarter, by least squares.
struct Trend {
  double fall = 0.0;   ///< a step, positive where the loss falls
  double error = 0.0;  ///< its standard error
  double level = 0.0;  ///< mean loss
};
std::optional<Trend> trend_of(const std::vector<StepRecord>& rows) {
  constexpr std::size_t kFewest = 5;
  std::vector<const StepRecord*> part;
  for (std::size_t at = rows.size() - rows.size() / 4; at < rows.size(); ++at)
    if (is_measured(rows[at], &StepRecord::step) && std::isfinite(rows[at].loss)) part.push_back(&rows[at]);
  if (part.size() < kFewest) return std::nullopt;
  const auto count = static_cast<double>(part.size());
  double steps = 0.0;
  double losses = 0.0;
  for (const StepRecord* row : part) {
    steps += static_cast<double>(row->step) / count;
    losses += row->loss / count;
  }
  double spread = 0.0;
  double both = 0.0;
  for (const StepRecord* row : part) {
    const double x = static_cast<double>(row->step) - steps;
    spread += x * x;
    both += x * (row->loss - losses);
  }
  if (!(spread > 0.0)) return std::nullopt;
  const double slope = both / spread;
  double rest = 0.0;
  for (const StepRecord* row : part) {
    const double off = row->loss - losses - slope * (static_cast<double>(row->step) - steps);
    rest += off * off;
  }
  return Trend{-slope, std::sqrt(rest / (count - 2.0) / spread), losses};
}

/// Still falling at the end, by more than chance, and fast enough for more steps to matter.
void check_steps(const RunTables& run, const ParamValues& limits, std::vector<Finding>& findings) {
  if (!run.train && !run.from_elsewhere) return;  // failed, or interrupted
  const std::vector<StepRecord>& rows = run.steps.rows;
  const std::optional<Trend> trend = trend_of(rows);
  const std::int64_t last = step_of(rows.back()).value_or(0);
  if (!trend || last < 1 || !(trend->level > 0.0) || !(trend->fall > limits.number("errors") * trend->error)) return;
  const double further = trend->fall * static_cast<double>(last) / trend->level;
  if (!(further >= limits.number("fall"))) return;
  // Where next to nothing is left of the loss there is nothing to wait for.
  if (run.train && trend->level < limits.number("left") * run.train->constant_loss) return;
  const Severity severity = run.train && !has_learned(run) ? Severity::warning : Severity::info;
  findings.push_back(at_step(severity, last, further, limits.number("fall"),
                             "The loss was still falling when training ended at step " + std::to_string(last + 1) +
                                 ": in the last quarter by " + percent(std::min(1.0, further / 4.0)) +
                                 ". More steps may take it further."));
}

RuleEntry too_few_steps_rule() {
  RuleEntry rule =
      own_rule("too-few-steps", "the loss still falls at the end (information where the network has learned)",
               {number("errors", 4.0, "standard errors by which the loss of the last quarter has to fall").above(0),
                number("fall", 0.2, "its fall in as many steps again, as a share of its mean").above(0),
                number("left", 0.05, "its mean, as a share of the loss of the best constant output").at_least(0)},
               {"steps.loss", "steps.step"}, {"more_steps", "larger_lr", "adam"}, check_steps);
  rule.explains = {"loss-not-decreasing", "no-better-than-constant"};
  return rule;
}

/// What to try first depends on where the loss was going: on its way down, blown up, or nowhere.
std::vector<std::string> remedies_of_nothing(const RunTables& run) {
  constexpr double kErrors = 2.0;
  constexpr double kBlownUp = 1.5;
  const std::optional<Trend> trend = trend_of(run.steps.rows);
  if (trend && trend->fall > kErrors * trend->error)
    return {"more_steps", "larger_lr",     "adam",      "standardize", "scale_targets",
            "recipe",     "linear_output", "he_normal", "wider",       "smaller_lr"};
  // Far above a constant's, and hardly moved from where it began.
  constexpr double kMoved = 0.1;
  if (run.start_loss && run.train->loss < *run.start_loss && run.train->loss > (1.0 - kMoved) * *run.start_loss &&
      run.train->loss > (1.0 + kMoved) * run.train->constant_loss)
    return {"larger_lr", "adam", "more_steps", "standardize", "scale_targets", "recipe", "he_normal", "smaller_lr"};
  if (run.train->loss > kBlownUp * run.train->constant_loss)
    return {"smaller_lr",      "adam",  "standardize", "scale_targets", "recipe",    "linear_output", "he_normal",
            "much_smaller_lr", "wider", "more_steps",  "batch_norm",    "layer_norm"};
  return {"adam",      "standardize", "scale_targets", "smaller_lr", "recipe",     "larger_lr", "linear_output",
          "he_normal", "wider",       "more_steps",    "batch_norm", "layer_norm", "residual"};
}

void check_better_than_constant(const RunTables& run, const ParamValues& limits, std::vector<Finding>& findings) {
  if (run.train->constant_loss == 0.0) return;  // one class, or one value: there is nothing to learn
  const auto step = run.steps.rows.empty() ? std::nullopt : step_of(run.steps.rows.back());
  const auto told = [](const PartFacts& part) {
    return format_short(part.loss) + ", that of the best constant output " + format_short(part.constant_loss);
  };
  if (!is_better(*run.train, limits.number("errors"))) {
    std::string hint;
    if (run.linear_is_better)
      hint = *run.linear_is_better
                 ? " A linear fit does better: there is something to learn."
                 : " A linear fit does no better either: the data may hold no more, or nothing that is linear.";
    findings.push_back(
        at_step(Severity::warning, step, run.train->gain, 0.0,
                "The network has learned nothing: its loss over the training set is " + told(*run.train) + "." + hint));
    findings.back().remedies = remedies_of_nothing(run);
  } else if (run.test && !is_better(*run.test, limits.number("errors"))) {
    findings.push_back(at_step(Severity::info, step, run.test->gain, 0.0,
                               "What the network has learned holds for the training set alone: its loss over the test "
                               "set is " +
                                   told(*run.test) + "."));
  }
}

RuleEntry no_better_than_constant_rule() {
  RuleEntry rule =
      own_rule("no-better-than-constant",
               "the network is no better than a constant output, by the paired differences of the single samples",
               {number("errors", kErrorsOfChance,
                       "standard errors by which the mean loss has to be better: 99 % of a normal distribution lie "
                       "within so many")
                    .above(0)},
               {"steps.loss"},
               {"smaller_lr", "adam", "standardize", "scale_targets", "recipe", "larger_lr", "linear_output",
                "he_normal", "wider", "more_steps"},
               check_better_than_constant);
  rule.needs_end = true;
  rule.explains = {"loss-not-decreasing"};
  return rule;
}

}  // namespace

std::vector<RuleEntry> learning_rules() {
  return {too_few_steps_rule(), loss_not_decreasing_rule(), no_better_than_constant_rule()};
}

}  // namespace reluscope
