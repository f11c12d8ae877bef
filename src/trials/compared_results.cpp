#include "trials/compared_results.hpp"

#include <algorithm>
#include <map>
#include <numeric>

#include "config/value_order.hpp"
#include "util/error.hpp"

namespace reluscope {

namespace {

/// Numbers of the settings, in the order of what is varied.
std::vector<std::size_t> order_of(const std::vector<std::vector<std::string>>& settings, std::size_t keys) {
  std::vector<std::vector<std::size_t>> places(settings.size());
  for (std::size_t key = 0; key < keys; ++key) {
    std::vector<std::string> values;
    for (const std::vector<std::string>& setting : settings) values.push_back(setting[key]);
    const std::vector<std::size_t> ranks = value_ranks(values);
    for (std::size_t at = 0; at < settings.size(); ++at) places[at].push_back(ranks[at]);
  }
  std::vector<std::size_t> order(settings.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t left, std::size_t right) { return places[left] < places[right]; });
  return order;
}

}  // namespace

ComparedResults read_compared(const std::filesystem::path& file, FileKind kind) {
  ResultsReader reader(file, kind);
  ComparedResults results;
  results.keys = reader.columns().keys();
  results.names = reader.columns().names();
  std::vector<std::vector<std::string>> settings;  // in the order in which they come
  std::map<std::vector<std::string>, std::size_t> places;
  std::map<std::uint64_t, std::size_t> seeds;
  std::vector<std::pair<std::size_t, ResultRow>> rows;  // with the setting's number
  for (ResultRow row; reader.next(row);) {
    if (std::ssize(rows) == kMostRead)
      throw DataError(file.string() + ": more than " + std::to_string(kMostRead) +
                      " runs: choose some of them, as with `mlr --csv filter`");
    const auto [place, fresh] = places.try_emplace(row.settings, settings.size());
    if (fresh) settings.push_back(row.settings);
    seeds.try_emplace(row.seed, 0);
    rows.emplace_back(place->second, row);
  }
  if (rows.empty()) throw DataError(file.string() + ": found no run, expected a row for each");
  for (auto& [seed, place] : seeds) {
    place = results.runs.seeds.size();
    results.runs.seeds.push_back(seed);
  }
  const std::vector<std::size_t> order = order_of(settings, results.keys.size());
  std::vector<std::size_t> variant_of(order.size());
  Trial missing;
  missing.record = failed_record("the run is not there");
  for (std::size_t variant = 0; variant < order.size(); ++variant) {
    variant_of[order[variant]] = variant;
    const std::vector<std::string>& values = settings[order[variant]];
    results.runs.variants.push_back({setting_name(results.names, values), values, {}});
  }
  results.runs.trials.assign(order.size(), std::vector<Trial>(seeds.size(), missing));
  results.ids.assign(order.size(), std::vector<std::string>(seeds.size()));
  for (auto& [setting, row] : rows) {
    const std::size_t seed = seeds.at(row.seed);
    Trial& trial = results.runs.trials[variant_of[setting]][seed];
    trial = {};
    trial.record = row.record;
    if (row.record.steps_to_loss) trial.steps_to_loss = static_cast<double>(*row.record.steps_to_loss);
    results.ids[variant_of[setting]][seed] = row.id;
  }
  return results;
}

}  // namespace reluscope
