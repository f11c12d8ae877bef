#pragma once
// Variants beside each other, for people and for programs.

#include <string>
#include <vector>

#include "report/terminal.hpp"
#include "trials/metrics.hpp"
#include "trials/recommend.hpp"
#include "trials/step_cost.hpp"

namespace reluscope {

/// What is shown of a comparison.
struct ComparedFigures {
  std::string heading;             ///< what is varied: "activation"
  std::vector<std::size_t> shown;  ///< numbers of the variants, the reference first
  std::vector<std::string> names;  ///< of those, in sentences
  std::vector<Comparison> rows;    ///< of those
  std::vector<StepCost> costs;     ///< of those; empty: not measured
  Recommendation recommendation;
};

/// What is varied, and which variants are shown: all, or where learning rates are swept each activation at its best.
void choose_shown(ComparedFigures& figures, const ComparedRuns& runs, const std::vector<std::string>& keys,
                  const std::string& by, bool rates_swept);
/// The figures of those, and what follows from them; not what they cost.
void conclude(ComparedFigures& figures, const ComparedRuns& runs, const std::string& by, bool rates_swept);

/// "held-out accuracy"
std::string title_of(const Comparison& row);
/// Whether the interval says that the variant is better or worse than the reference, or ("") leaves it open.
std::string judgement(const Comparison& row);

/// Of what can decide, a block of rows each: median, and the paired difference to the first variant with its interval;
/// of the rest a table of medians.
/// Plain text that is wider than `width` loses some of the medians.
std::string comparison_table(const ComparedFigures& figures, TableStyle style, std::size_t width);
/// The recommendation, in lines of this width.
std::string recommendation_text(const ComparedFigures& figures, std::size_t width);
/// {"recommendation": …, "figures": […], "costs": […]}
std::string comparison_json(const ComparedFigures& figures);

}  // namespace reluscope
