#include "diagnose/layers.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <string>
#include <string_view>

namespace reluscope {

namespace {

/// What the rows of all tables say of roles.
struct SaidRoles {
  std::set<std::int64_t> outputs;
  std::optional<std::int64_t> highest;  ///< the highest layer of all tables
  bool highest_is_said = false;         ///< its role is
};

template <class R>
void listen(const std::vector<R>& rows, SaidRoles& said) {
  for (const R& row : rows) {
    if (!is_measured(row, &R::layer)) continue;
    if (row.role == Role::output) said.outputs.insert(row.layer);
    if (!said.highest || row.layer > *said.highest) {
      said.highest = row.layer;
      said.highest_is_said = false;
    }
    if (row.layer == *said.highest && row.role) said.highest_is_said = true;
  }
}

/// Whether networks end in this activation: the names of PyTorch's modules and Keras's functions, too.
bool ends_networks(std::string_view activation) {
  static constexpr std::array kEnds = {"identity", "linear", "softmax", "sigmoid", "logistic", "logsoftmax"};
  std::string name;
  for (const char letter : activation)
    if (letter != '_') name += static_cast<char>(std::tolower(static_cast<unsigned char>(letter)));
  return std::find(kEnds.begin(), kEnds.end(), name) != kEnds.end();
}

}  // namespace

std::set<std::int64_t> output_layers(const RunTables& run) {
  SaidRoles said;
  listen(run.sites.rows, said);
  listen(run.layers.rows, said);
  listen(run.census.rows, said);
  listen(run.units.rows, said);
  if (!said.outputs.empty() || !said.highest || said.highest_is_said) return said.outputs;
  if (!run.from_elsewhere) return {run.output_layer.value_or(*said.highest)};
  const auto row = std::find_if(run.layers.rows.rbegin(), run.layers.rows.rend(), [&](const LayerRecord& one) {
    return measured(one, &LayerRecord::layer) == said.highest && is_measured(one, &LayerRecord::activation);
  });
  if (row != run.layers.rows.rend() && ends_networks(row->activation)) return {*said.highest};
  return {};
}

std::optional<double> dead_share(const CensusRecord& row) {
  if (is_measured(row, &CensusRecord::dead) && is_measured(row, &CensusRecord::units) && row.units > 0)
    return static_cast<double>(row.dead) / static_cast<double>(row.units);
  if (is_measured(row, &CensusRecord::dead_fraction) && !std::isnan(row.dead_fraction)) return row.dead_fraction;
  return std::nullopt;
}

bool is_extinct(const CensusRecord& row) {
  return is_measured(row, &CensusRecord::dead) && is_measured(row, &CensusRecord::units) && row.units > 0 &&
         row.dead == row.units;
}

bool starts_from_file(const RunTables& run) {
  return std::any_of(run.layers.rows.begin(), run.layers.rows.end(),
                     [](const LayerRecord& row) { return row.from_file == true; }) ||
         std::any_of(run.census.rows.begin(), run.census.rows.end(),
                     [](const CensusRecord& row) { return row.inherited > 0; });
}

}  // namespace reluscope
