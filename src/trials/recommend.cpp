#include "trials/recommend.hpp"

#include <algorithm>
#include <cmath>
#include <map>

#include "data/cells.hpp"
#include "util/format.hpp"

namespace reluscope {

namespace {

constexpr double kLeastAccuracy = 0.005;
constexpr double kLeastDead = 0.01;
constexpr double kLeastLoss = 0.02;   // of the reference's
constexpr double kLeastSteps = 0.05;  // the same
constexpr std::int64_t kEnoughPairs = 3;

/// What the recommendation is about.
struct Question {
  const ComparedRuns& runs;
  std::span<const std::size_t> shown;
  std::span<const std::string> names;
  const Metric& metric;

  [[nodiscard]] std::size_t reference() const { return shown.front(); }
  [[nodiscard]] std::string name(std::size_t variant) const {
    const auto found = std::find(shown.begin(), shown.end(), variant);
    return names[static_cast<std::size_t>(found - shown.begin())];
  }
  [[nodiscard]] std::string data() const { return metric.judged ? judged_data(runs) + " " : ""; }
};

/// How much better `variant` is than `other`: the same unit as the metric, positive where it is better.
Estimate advantage(const Question& question, std::size_t variant, std::size_t other) {
  return question.metric.better == Better::larger ? paired_difference(question.runs, question.metric, variant, other)
                                                  : paired_difference(question.runs, question.metric, other, variant);
}

/// Whether it is surely better, by more than what does not matter.
bool is_surely_better(const Question& question, std::size_t variant, std::size_t other) {
  const Estimate gain = advantage(question, variant, other);
  const double least = least_difference(question.metric, median_of(question.runs, question.metric, other));
  return gain.count >= kEnoughPairs && gain.low > 0.0 && gain.value >= least;
}

/// "21 [13, 34] points of held-out accuracy", of how much less the other one has.
std::string amount(const Question& question, const Estimate& gain) {
  const std::string text = difference_text(gain, question.metric.scale, false);
  if (question.metric.name == "accuracy") return text + " points of " + question.data() + "accuracy";
  if (question.metric.name == "dead") return text + " points more units";
  if (question.metric.name == "steps_to_loss") return text + " steps";
  return text;
}

/// "relu loses 21 [13, 34] points of held-out accuracy": the one that is worse, and by how much.
std::string shortfall(const Question& question, std::size_t worse, const Estimate& gain) {
  const std::string name = question.name(worse);
  if (question.metric.name == "loss")
    return name + "'s " + question.data() + "loss is " + amount(question, gain) + " higher";
  if (question.metric.name == "steps_to_loss")
    return name + " takes " + amount(question, gain) + " more to the same training loss";
  return name + " loses " + amount(question, gain);
}

std::string percent(double share) { return format_fixed(100.0 * share, share < 0.1 ? 1 : 0) + " %"; }

/// "nothing dies here", "12 % of its units are dead at the end"; empty where that is not known.
std::string dead_text(const Question& question, std::size_t variant) {
  const double dead = median_of(question.runs, metric_called("dead"), variant);
  if (std::isnan(dead)) return "";
  return dead == 0.0 ? "nothing dies here" : percent(dead) + " of its units are dead at the end";
}

std::string joined_names(const Question& question, std::span<const std::size_t> variants) {
  std::string text;
  for (std::size_t at = 0; at < variants.size(); ++at)
    text += (at == 0 ? "" : at + 1 == variants.size() ? " and " : ", ") + question.name(variants[at]);
  return text;
}

/// "elu: relu loses 72 [61, 80] points more units, and 21 [13, 34] points of held-out accuracy."
std::string why_other(const Question& question, std::size_t choice, std::span<const std::size_t> as_good) {
  const Question dead{question.runs, question.shown, question.names, metric_called("dead")};
  const std::size_t reference = question.reference();
  std::string text = question.name(choice) + ": ";
  if (question.metric.name != "dead" && is_surely_better(dead, choice, reference)) {
    text += shortfall(dead, reference, advantage(dead, choice, reference)) + ", and ";
    text += question.metric.name == "accuracy" ? amount(question, advantage(question, choice, reference))
            : question.metric.name == "loss"   ? "its " + question.data() + "loss is " +
                                                   amount(question, advantage(question, choice, reference)) + " higher"
                                             : "takes " + amount(question, advantage(question, choice, reference)) +
                                                   " more to the same training loss";
  } else {
    text += shortfall(question, reference, advantage(question, choice, reference));
  }
  text += ".";
  if (!as_good.empty())
    text += " " + joined_names(question, as_good) + (as_good.size() > 1 ? " do" : " does") + " as well.";
  return text;
}

/// "keep relu: nothing dies here, and elu's held-out accuracy differs by 0.1 [-0.4, 0.6] points."
std::string why_reference(const Question& question, std::span<const std::size_t> rivals) {
  const std::size_t reference = question.reference();
  std::string text = "keep " + question.name(reference) + ": " + dead_text(question, reference);
  const auto begin_clause = [&text] { text += text.ends_with(": ") ? "" : ", and "; };
  const std::size_t* best = nullptr;
  Estimate best_gain;
  for (const std::size_t& rival : rivals) {
    const Estimate gain = advantage(question, rival, reference);
    if (gain.count == 0 || (best != nullptr && !(gain.value > best_gain.value))) continue;
    best = &rival;
    best_gain = gain;
  }
  if (best == nullptr) {
    begin_clause();
    return text + "no other has a run to compare it with.";
  }
  begin_clause();
  if (best_gain.count < kEnoughPairs)
    return text + std::to_string(best_gain.count) + (best_gain.count == 1 ? " seed tells" : " seeds tell") +
           " no difference from chance.";
  const Estimate difference = paired_difference(question.runs, question.metric, *best, reference);
  if (best_gain.high < 0.0) {
    const Estimate loss = advantage(question, reference, *best);
    return text + "the best of the others, " + question.name(*best) +
           ", is worse: " + shortfall(question, *best, loss) + ".";
  }
  const std::string unit = question.metric.name == "accuracy" || question.metric.name == "dead" ? " points" : "";
  const std::string what = question.metric.name == "accuracy"        ? question.data() + "accuracy"
                           : question.metric.name == "loss"          ? question.data() + "loss"
                           : question.metric.name == "steps_to_loss" ? "number of steps to the same training loss"
                                                                     : "share of dead units";
  text += question.name(*best) + "'s " + what + " differs by " +
          difference_text(difference, question.metric.scale, false) + unit;
  if (best_gain.low > 0.0) text += ", too little to matter";
  return text + ".";
}

/// Where the loss says something else than the accuracy.
void note_disagreement(const Question& question, std::size_t choice, std::vector<std::string>& notes) {
  if (question.metric.name != "accuracy" && question.metric.name != "loss") return;
  const Question other{question.runs, question.shown, question.names,
                       metric_called(question.metric.name == "loss" ? "accuracy" : "loss")};
  const std::string what = other.data() + other.metric.name;
  const std::size_t reference = question.reference();
  if (choice != reference) {
    const Estimate gain = advantage(other, reference, choice);
    if (gain.count >= kEnoughPairs && gain.low > 0.0)
      notes.push_back(
          "The " + other.metric.name + " says the opposite: " + shortfall(other, choice, gain) +
          (other.metric.name == "loss" ? ": it is right more often, and more wrong where it is wrong." : "."));
    return;
  }
  for (const std::size_t variant : question.shown)
    if (variant != reference && is_surely_better(other, variant, reference)) {
      notes.push_back("The " + other.metric.name +
                      " says otherwise: " + shortfall(other, reference, advantage(other, variant, reference)) +
                      " than " + question.name(variant) + "'s (--by " + other.metric.name + ").");
      return;
    }
}

void note_failures(const Question& question, std::vector<std::string>& notes) {
  for (const std::size_t variant : question.shown) {
    const std::int64_t failed = failures_of(question.runs, variant);
    if (failed > 0)
      notes.push_back(question.name(variant) + " failed in " + std::to_string(failed) + " of " +
                      std::to_string(question.runs.trials[variant].size()) + " runs.");
  }
}

}  // namespace

double least_difference(const Metric& metric, double reference) {
  if (metric.name == "accuracy") return kLeastAccuracy;
  if (metric.name == "dead") return kLeastDead;
  if (metric.name == "steps_to_loss") return kLeastSteps * reference;
  return kLeastLoss * std::abs(reference);
}

std::string difference_text(const Estimate& difference, double scale, bool sign) {
  const double value = scale * difference.value;
  const double low = scale * difference.low;
  const double high = scale * difference.high;
  const std::string plus = sign && value > 0.0 ? "+" : "";
  if (!std::isfinite(low) || !std::isfinite(high)) return plus + format_short(value);
  // Two digits of the interval's width; of an interval without any, four of the value.
  const double width = high - low;
  constexpr int kMostDecimals = 9;
  const auto number = [&](double one) {
    if (!(width > 0.0)) return format_short(one);
    const int decimals = 1 - static_cast<int>(std::floor(std::log10(width)));
    return decimals > kMostDecimals ? format_short(one) : format_fixed(one + 0.0, std::max(0, decimals));
  };
  return plus + number(value) + " [" + number(low) + ", " + number(high) + "]";
}

std::vector<std::size_t> best_of_each(const ComparedRuns& runs, const std::string& by) {
  const Metric& metric = metric_called(by);
  std::vector<std::size_t> best;
  std::map<std::string, std::size_t> places;
  // The smaller the better, as a whole.
  const auto cost = [&](std::size_t variant) {
    const double middle = median_of(runs, metric, variant);
    return std::pair(failures_of(runs, variant), std::isnan(middle)
                                                     ? std::numeric_limits<double>::infinity()
                                                     : (metric.better == Better::larger ? -middle : middle));
  };
  for (std::size_t variant = 0; variant < runs.variants.size(); ++variant) {
    const auto [place, fresh] = places.try_emplace(runs.variants[variant].settings.front(), best.size());
    if (fresh) {
      best.push_back(variant);
    } else if (std::size_t& chosen = best[place->second]; cost(variant) < cost(chosen)) {
      chosen = variant;
    }
  }
  return best;
}

std::vector<std::string> rate_notes(const ComparedRuns& runs, std::span<const std::size_t> shown,
                                    std::span<const std::string> names) {
  std::string rates = "Each at the best of its learning rates: ";
  std::string ends;
  for (std::size_t at = 0; at < shown.size(); ++at) {
    const Variant& variant = runs.variants[shown[at]];
    const std::string& rate = variant.settings.back();
    rates.append(at == 0 ? "" : ", ").append(names[at]).append(" ").append(rate);
    std::vector<double> tried;
    for (const Variant& other : runs.variants)
      if (other.settings.front() == variant.settings.front()) tried.push_back(*parse_number(other.settings.back()));
    const auto [least, greatest] = std::minmax_element(tried.begin(), tried.end());
    const double chosen = *parse_number(rate);
    if (tried.size() > 1 && (chosen == *least || chosen == *greatest))
      ends += (ends.empty() ? "" : ", ") + names[at] + (chosen == *least ? " (smaller)" : " (larger)");
  }
  std::vector<std::string> notes = {rates + "."};
  if (!ends.empty()) notes.push_back("There may be a better rate beyond those tried, for " + ends + ".");
  return notes;
}

Recommendation recommend(const ComparedRuns& runs, std::span<const std::size_t> shown,
                         std::span<const std::string> names, const std::string& by) {
  const Question question{runs, shown, names, metric_called(by)};
  Recommendation advice;
  advice.by = by;
  note_failures(question, advice.notes);
  std::int64_t fewest = failures_of(runs, shown.front());
  for (const std::size_t variant : shown) fewest = std::min(fewest, failures_of(runs, variant));
  std::vector<std::size_t> able;  // those that fail least
  for (const std::size_t variant : shown)
    if (failures_of(runs, variant) == fewest) able.push_back(variant);
  if (fewest == std::ssize(runs.trials[shown.front()])) {
    advice.sentence = "no recommendation: every run failed.";
    return advice;
  }
  const std::size_t reference = question.reference();
  const bool reference_fails = able.front() != reference;
  std::vector<std::size_t> winners;
  for (const std::size_t variant : able)
    if (variant != reference && (reference_fails || is_surely_better(question, variant, reference)))
      winners.push_back(variant);
  if (winners.empty()) {
    advice.choice = reference;
    advice.keeps = true;
    std::vector<std::size_t> rivals(able.begin() + 1, able.end());
    advice.sentence = why_reference(question, rivals);
    note_disagreement(question, reference, advice.notes);
    return advice;
  }
  const double sign = question.metric.better == Better::larger ? 1.0 : -1.0;
  const auto best = *std::max_element(winners.begin(), winners.end(), [&](std::size_t left, std::size_t right) {
    return sign * median_of(runs, question.metric, left) < sign * median_of(runs, question.metric, right);
  });
  std::vector<std::size_t> equals;  // those that cannot be told from the best
  for (const std::size_t variant : winners)
    if (variant == best || !is_surely_better(question, best, variant)) equals.push_back(variant);
  advice.choice = equals.front();
  const std::span<const std::size_t> as_good = std::span<const std::size_t>(equals).subspan(1);
  if (reference_fails) {
    advice.sentence = question.name(*advice.choice) + ": " + question.name(reference) + " failed in " +
                      std::to_string(failures_of(runs, reference)) + " of " +
                      std::to_string(runs.trials[reference].size()) + " runs, " + question.name(*advice.choice) +
                      " in " + (fewest == 0 ? "none" : std::to_string(fewest)) + ".";
  } else {
    advice.sentence = why_other(question, *advice.choice, as_good);
  }
  note_disagreement(question, *advice.choice, advice.notes);
  return advice;
}

}  // namespace reluscope
