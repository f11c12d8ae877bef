#include <cmath>

#include "trials/prescribe.hpp"
#include "util/format.hpp"

namespace reluscope {

namespace {

std::string count_of(std::int64_t some, std::int64_t all) {
  return std::to_string(some) + " of " + std::to_string(all);
}

std::string figure_name(const Prescription& prescription) {
  return prescription.data + (prescription.objective == Objective::accuracy ? " accuracy" : " loss");
}

std::string figure_text(double value, Objective objective) {
  if (!std::isfinite(value)) return "none (most runs failed)";
  return objective == Objective::accuracy ? format_fixed(100.0 * value, 2) + " %" : format_short(value);
}

/// "15.3 [9.5, 22.9]", of accuracy in points.
std::string gain_text(const Estimate& gain, Objective objective) {
  const double scale = objective == Objective::accuracy ? 100.0 : 1.0;
  const auto number = [scale](double value) { return std::isfinite(value) ? format_short(scale * value) : "∞"; };
  return number(gain.value) + (objective == Objective::accuracy ? " points [" : " [") + number(gain.low) + ", " +
         number(gain.high) + "]";
}

std::string runs_text(double count) {
  return format_fixed(count, 0) + (count == 1.0 ? " run with a warning" : " runs with a warning");
}

/// What told the first candidate from the next one.
std::string comparison_text(const Preference& choice, Objective objective) {
  if (choice.next.empty()) return "it was the only candidate left";
  std::string next =
      choice.next + (choice.tied ? "" : ", the next best,") + " had " + figure_text(choice.next_value, objective);
  if (!choice.tied) return next;
  std::string tied = next + ", which counts as equal; ";
  switch (choice.tie) {
    case Tie::none:
      return tied + "nothing else told them apart";
    case Tie::warnings:
      return tied + "what decided is fewer warnings: " + runs_text(choice.figure) + " against " +
             format_fixed(choice.next_figure, 0);
    case Tie::dead:
      return tied + "what decided is fewer dead units: " + format_fixed(100.0 * choice.figure, 1) + " % against " +
             format_fixed(100.0 * choice.next_figure, 1) + " %";
    case Tie::changes:
      return tied + "what decided is less to change: " + format_fixed(choice.figure, 0) + " against " +
             format_fixed(choice.next_figure, 0) + " remedies";
  }
  return tied;
}

}  // namespace

std::string sentence_of(const Prescription& prescription) {
  switch (prescription.verdict) {
    case Verdict::healthy:
      return "The patient is healthy: it has no finding to cure, and it has learned.";
    case Verdict::not_learned:
      return "There is no finding to cure, but the patient is not healthy: it has learned no more than the best "
             "constant output.";
    case Verdict::nothing_helps:
      return "Nothing helps: no remedy that goes with the findings did better than the config as it is.";
    default:
      break;
  }
  const Confirmation& confirmation = prescription.confirmation;
  const Arm& treated = confirmation.treated();
  const std::int64_t runs = std::ssize(treated.course.trials);
  const std::string name = treated.course.treatment.name();
  const std::string control = confirmation.control.course.treatment.name();
  std::string sentence = name + " " + verdict_name(treated.verdict) + ": on " + std::to_string(runs) +
                         " fresh seeds the findings are gone in " + count_of(treated.cured, runs) +
                         " runs; with a new seed alone in " + count_of(confirmation.original.cured, confirmation.seeds);
  if (!control.empty())
    sentence +=
        ", with a random change (" + control + ") in " + count_of(confirmation.control.cured, confirmation.seeds);
  sentence += ".";
  const Objective objective = prescription.objective;
  if (treated.verdict == Verdict::clears)
    sentence += " The interval of its gain in " + figure_name(prescription) + ", " +
                gain_text(treated.gain, objective) + ", includes 0.";
  if (confirmation.control_as_good())
    sentence += " The random change gains as much: " + gain_text(confirmation.control.gain, objective) + " in " +
                figure_name(prescription) + ", " + name + " " + gain_text(treated.gain, objective) + ".";
  return sentence;
}

std::string reason_of(const Prescription& prescription) {
  if (prescription.screening.size() < 2) return {};
  const Preference& choice = prescription.choice;
  std::string reason = prescription.screening[1].treatment.name() + " came first in the screening by " +
                       figure_name(prescription) + ", the median of " + std::to_string(choice.seeds) +
                       " seeds: " + figure_text(choice.value, prescription.objective) + "; " +
                       comparison_text(choice, prescription.objective) + ".";
  const Confirmation& confirmation = prescription.confirmation;
  if (confirmation.confirmed.size() < 2) return reason;
  reason += " On fresh seeds";
  for (std::size_t at = 0; at < confirmation.confirmed.size(); ++at)
    reason += (at == 0 ? " " : ", ") + confirmation.confirmed[at].course.treatment.name() + " " +
              verdict_name(confirmation.confirmed[at].verdict);
  return reason + ".";
}

std::string left_out_text(const Prescription& prescription) {
  std::string text;
  const std::string budget = "The budget of " + std::to_string(prescription.budget) + " runs";
  if (!prescription.left_out.empty())
    text = budget + " had no room for " + joined(prescription.left_out) + "; --budget " +
           std::to_string(prescription.budget_for_all) + " has room for all.";
  if (!prescription.confirmation.unconfirmed.empty())
    text += (text.empty() ? budget + " ended" : std::string(" It ended")) + " before " +
            joined(prescription.confirmation.unconfirmed) + " could be confirmed.";
  return text;
}

std::string effort_text(const Prescription& prescription) {
  return std::to_string(prescription.runs) + (prescription.runs == 1 ? " run, " : " runs, ") +
         std::to_string(prescription.stopped_early) + " of them stopped early; " + std::to_string(prescription.steps) +
         " training steps in all.";
}

}  // namespace reluscope
