#pragma once
// The rows of a run by layer, and which of its layers is the output.
//
// The role of a layer is what its rows say, in sites.csv or any other table. Where they do not name an output, it is,
// in a run of ours, the last layer of the config. In a table from elsewhere it is the layer with the highest number if
// its activation is one that networks end in (identity, softmax, sigmoid, log-softmax); else the table is one of hidden
// layers only, and has none.

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "diagnose/run_tables.hpp"

namespace reluscope {

template <class R>
using Rows = std::vector<const R*>;

/// The rows of each layer, in the order of the table; without those that do not say which layer they are about.
template <class R>
std::map<std::int64_t, Rows<R>> by_layer(const std::vector<R>& rows) {
  std::map<std::int64_t, Rows<R>> layers;
  for (const R& row : rows)
    if (is_measured(row, &R::layer)) layers[row.layer].push_back(&row);
  return layers;
}

/// The numbers of the output layers: none, or one, unless a table from elsewhere names more.
std::set<std::int64_t> output_layers(const RunTables& run);

/// The rows of all layers but the outputs. `rows`: of one of the run's tables.
template <class R>
std::map<std::int64_t, Rows<R>> hidden_layers(const RunTables& run, const std::vector<R>& rows) {
  auto layers = by_layer(rows);
  for (const std::int64_t output : output_layers(run)) layers.erase(output);
  return layers;
}

/// Dead units of the layer as a share of its units; nothing where that was not measured.
std::optional<double> dead_share(const CensusRecord& row);
/// Whether every unit of the layer is dead.
bool is_extinct(const CensusRecord& row);

/// Whether training started from weights of a file: then no initialiser is to blame, and none can help.
bool starts_from_file(const RunTables& run);

}  // namespace reluscope
