#pragma once
// A run directory as the pages read it.

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "diagnose/diagnosis.hpp"
#include "diagnose/layers.hpp"
#include "diagnose/run_tables.hpp"
#include "trace/life_reader.hpp"

namespace reluscope {

/// All that a run directory holds.
struct ReportRun {
  std::string name;
  RunTables tables;
  std::vector<LifeRecord> lives;
  nlohmann::ordered_json manifest;  ///< null where there is none
  nlohmann::ordered_json summary;
  Diagnosis diagnosis;
};

/// Throws DataError for a directory that is none of a run, or a file that cannot be read.
ReportRun read_report_run(const std::filesystem::path& directory);

// What documents hold, or nothing.
const nlohmann::ordered_json& member(const nlohmann::ordered_json& object, const char* key);
std::string text_of(const nlohmann::ordered_json& object, const char* key);

/// A layer's rows of one table, by their steps.
template <class R>
struct LayerRows {
  std::int64_t layer = 0;
  std::string name;
  Rows<R> rows;
};
/// `layers`: as by_layer or hidden_layers has them. Without the rows that have no place on the axis.
template <class R>
std::vector<LayerRows<R>> list_layers(const std::map<std::int64_t, Rows<R>>& layers) {
  std::vector<LayerRows<R>> list;
  for (const auto& [number, rows] : layers) {
    LayerRows<R> layer{number, rows.front()->name, {}};
    std::copy_if(rows.begin(), rows.end(), std::back_inserter(layer.rows),
                 [](const R* row) { return is_measured(*row, &R::step); });
    if (!layer.rows.empty()) list.push_back(std::move(layer));
  }
  return list;
}

}  // namespace reluscope
