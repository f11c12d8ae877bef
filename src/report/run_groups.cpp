#include "report/run_groups.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>

#include "config/differences.hpp"
#include "config/short_names.hpp"
#include "config/value_order.hpp"
#include "util/statistics.hpp"

namespace reluscope {

namespace {

using Json = nlohmann::ordered_json;

/// Resamples for the bands over seeds: there is one at each of hundreds of steps.
constexpr std::size_t kBandResamples = 1000;

/// Differences that a name shows at most.
constexpr std::size_t kMostShown = 3;

/// Runs of one config, but for the seed.
struct Group {
  std::string name;
  std::vector<const ReportRun*> runs;
};

/// In the order of the runs.
std::vector<Group> group_runs(const std::vector<ReportRun>& runs, const RunLabels& labels) {
  std::vector<Group> groups;
  std::map<std::size_t, std::size_t> places;
  for (std::size_t run = 0; run < runs.size(); ++run) {
    const auto [place, fresh] = places.try_emplace(labels.groups[run], groups.size());
    if (fresh) groups.push_back({labels.names[run], {}});
    groups[place->second].runs.push_back(&runs[run]);
  }
  for (Group& group : groups)
    if (group.runs.size() > 1) group.name += " (" + std::to_string(group.runs.size()) + " seeds)";
  return groups;
}

/// "activation=elu, lr=0.1"
std::string settings_text(const RunLabels& labels, std::size_t run) {
  std::string text;
  for (std::size_t key = 0; key < std::min(labels.keys.size(), kMostShown); ++key)
    if (const std::string& value = labels.values[run][key]; !value.empty())
      text.append(text.empty() ? "" : ", ").append(labels.keys[key]).append("=").append(value);
  return text;
}

/// The number in a manifest; the greatest there is where it has none.
std::uint64_t seed_of(const ReportRun& run) {
  const Json& seed = member(run.manifest, "seed");
  return seed.is_number_unsigned() ? seed.get<std::uint64_t>() : std::numeric_limits<std::uint64_t>::max();
}

using Trace = std::map<double, double>;

/// The median over a group's runs at the steps that all of them have, with its confidence band.
template <class GetTrace>
Figure compare_groups(const std::vector<Group>& groups, Figure figure, GetTrace trace) {
  for (std::size_t at = 0; at < groups.size(); ++at) {
    Series series;
    series.name = groups[at].name;
    series.color = category_color(at);
    std::map<double, std::vector<double>> values;
    for (const ReportRun* run : groups[at].runs)
      for (const auto& [step, value] : trace(*run)) values[step].push_back(value);
    const std::size_t stride = std::max<std::size_t>(1, values.size() / kPoints);
    std::size_t place = 0;
    for (const auto& [step, some] : values) {
      if (some.size() < groups[at].runs.size() || place++ % stride != 0) continue;
      series.x.push_back(step);
      series.y.push_back(median(some));
      if (some.size() < 2) continue;
      series.band_x.push_back(step);
      const auto [least, greatest] = std::minmax_element(some.begin(), some.end());
      const Estimate estimate = bootstrap_median(some, kBandResamples);
      series.low.push_back(std::max(*least, estimate.low));
      series.high.push_back(std::min(*greatest, estimate.high));
    }
    if (!series.x.empty()) figure.chart.series.push_back(std::move(series));
  }
  finish(figure);
  return figure;
}

}  // namespace

RunLabels label_runs(const std::vector<ReportRun>& runs) {
  RunLabels labels;
  std::vector<Json> configs;
  std::map<std::string, std::size_t> groups;
  for (const ReportRun& run : runs) {
    configs.push_back(member(run.manifest, "config"));
    Json config = configs.back().is_object() ? configs.back() : Json(run.name);
    if (config.is_object()) config.erase("seed");
    labels.groups.push_back(
        groups.try_emplace(config.dump(-1, ' ', false, Json::error_handler_t::replace), groups.size()).first->second);
  }
  const std::vector<ConfigDifference> differences = config_differences(configs);
  std::vector<std::string> keys;
  for (const ConfigDifference& difference : differences) keys.push_back(difference.key);
  labels.keys = short_names(keys);
  for (std::size_t run = 0; run < runs.size(); ++run) {
    labels.values.emplace_back();
    for (const ConfigDifference& difference : differences) labels.values.back().push_back(difference.values[run]);
    // Where several configs go by the name, what tells them apart; alone, where all go by it.
    const bool alone = std::none_of(runs.begin(), runs.end(), [&](const ReportRun& other) {
      const auto at = static_cast<std::size_t>(&other - runs.data());
      return other.name == runs[run].name && labels.groups[at] != labels.groups[run];
    });
    const bool all =
        std::all_of(runs.begin(), runs.end(), [&](const ReportRun& other) { return other.name == runs[run].name; });
    const std::string settings = alone ? "" : settings_text(labels, run);
    labels.names.push_back(settings.empty() ? runs[run].name : all ? settings : runs[run].name + ", " + settings);
  }
  return labels;
}

std::vector<ReportRun> in_order(std::vector<ReportRun> runs) {
  const RunLabels labels = label_runs(runs);
  std::vector<std::vector<std::size_t>> places(runs.size());
  for (std::size_t key = 0; key < labels.keys.size(); ++key) {
    std::vector<std::string> values;
    for (std::size_t run = 0; run < runs.size(); ++run) values.push_back(labels.values[run][key]);
    const std::vector<std::size_t> ranks = value_ranks(values);
    for (std::size_t run = 0; run < runs.size(); ++run) places[run].push_back(ranks[run]);
  }
  std::vector<std::size_t> order(runs.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t left, std::size_t right) {
    return std::pair(places[left], seed_of(runs[left])) < std::pair(places[right], seed_of(runs[right]));
  });
  std::vector<ReportRun> sorted;
  for (const std::size_t run : order) sorted.push_back(std::move(runs[run]));
  return sorted;
}

std::vector<Figure> comparison_figures(const std::vector<ReportRun>& runs, const RunLabels& labels) {
  const std::vector<Group> groups = group_runs(runs, labels);
  const std::string note =
      "Median over seeds, with its 95 % confidence band (bootstrap); of two seeds the band has both.";
  std::vector<Figure> figures;
  const auto steps_of = [](auto get) {
    return [get](const ReportRun& run) {
      Trace trace;
      for (const StepRecord& row : run.tables.steps.rows)
        if (const std::optional<double> value = get(row); value && is_measured(row, &StepRecord::step))
          trace[static_cast<double>(row.step)] = *value;
      return trace;
    };
  };
  Figure dead = make_figure("all-dead", "Dead hidden units", note, "dead units, %");
  dead.chart.y_min = 0.0;
  dead.chart.y_max = 100.0;
  figures.push_back(compare_groups(groups, std::move(dead), [](const ReportRun& run) {
    std::map<double, std::pair<double, double>> sums;
    for (const auto& layer : list_layers(hidden_layers(run.tables, run.tables.census.rows)))
      for (const CensusRecord* row : layer.rows) {
        // Where a layer was not measured, neither was the whole: NaN goes on into the sum.
        std::pair<double, double>& sum = sums[static_cast<double>(row->step)];
        const bool known = is_measured(*row, &CensusRecord::dead) && is_measured(*row, &CensusRecord::units);
        sum.first += known ? static_cast<double>(row->dead) : kNaN;
        sum.second += static_cast<double>(row->units);
      }
    Trace trace;
    for (const auto& [step, sum] : sums)
      if (!std::isnan(sum.first) && sum.second > 0.0) trace[step] = 100.0 * sum.first / sum.second;
    return trace;
  }));
  figures.push_back(compare_groups(groups, make_figure("all-loss", "Loss", note, "loss"),
                                   steps_of([](const StepRecord& row) { return measured(row, &StepRecord::loss); })));
  figures.push_back(compare_groups(groups, make_figure("all-accuracy", "Accuracy", note, "accuracy, %"),
                                   steps_of([](const StepRecord& row) {
                                     return row.accuracy ? std::optional<double>(100.0 * *row.accuracy) : std::nullopt;
                                   })));
  figures.push_back(
      compare_groups(groups, make_figure("all-gradient", "Global gradient norm", note, "gradient norm", true),
                     steps_of([](const StepRecord& row) { return measured(row, &StepRecord::grad_norm); })));
  std::erase_if(figures, [](const Figure& figure) { return figure.chart.series.empty(); });
  return figures;
}

void share_axes(std::vector<std::vector<Figure>>& all) {
  std::map<std::string, std::pair<double, double>> ranges;
  const auto each = [&](auto visit) {
    for (std::vector<Figure>& figures : all)
      for (Figure& figure : figures)
        if (!figure.chart.y_min && !figure.chart.heat && figure.chart.bars.empty()) visit(figure.chart);
  };
  each([&](Chart& chart) {
    auto [range, fresh] =
        ranges.try_emplace(chart.id, std::numeric_limits<double>::infinity(), -std::numeric_limits<double>::infinity());
    for (const Series& series : chart.series)
      for (const double value : series.y) {
        if (!std::isfinite(value)) continue;
        range->second.first = std::min(range->second.first, value);
        range->second.second = std::max(range->second.second, value);
      }
  });
  each([&](Chart& chart) {
    const auto [low, high] = ranges[chart.id];
    if (low < high) set_y_range(chart, low, high);
  });
}

}  // namespace reluscope
