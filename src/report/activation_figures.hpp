#pragma once
// The figure that explains a dead unit: φ over where the pre-activations lie.

#include <nlohmann/json.hpp>
#include <vector>

#include "diagnose/run_tables.hpp"
#include "report/figure.hpp"
#include "util/param.hpp"

namespace reluscope {

/// The activations of a config's dense layers, the input's first, with their parameters; empty where it is none of
/// ours.
std::vector<Choice> layer_activations(const nlohmann::ordered_json& config);

/// φ of the hidden layers, over the histogram of all their pre-activations at the end; where φ' = 0 is shaded. Empty
/// where histograms.csv has nothing of them. `color`: of the histogram.
std::vector<Figure> activation_figure(const RunTables& tables, const std::vector<Choice>& activations,
                                      const std::string& id, const std::string& title, const std::string& color);

/// For units that died, at most so many: its pre-activations before and after the death, on φ.
std::vector<Figure> death_figures(const RunTables& tables, const std::vector<Choice>& activations, std::size_t most);

}  // namespace reluscope
