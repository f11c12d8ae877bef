#include "report/run_groups.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <set>

#include "util/statistics.hpp"

namespace reluscope {

namespace {

using Json = nlohmann::ordered_json;

/// Resamples for the bands over seeds: there is one at each of hundreds of steps.
constexpr std::size_t kBandResamples = 1000;

/// Runs of one config, but for the seed.
struct Group {
  std::string name;
  std::vector<const ReportRun*> runs;
};

/// Groups of one name get what tells them apart: "dying-relu, activation.name=elu".
void name_differences(std::vector<std::pair<std::string, Group>>& groups) {
  using Sorted =
      nlohmann::json;  // a config may have a hundred thousand places: an ordered object is searched one by one
  constexpr std::size_t kMostShown = 3;
  std::vector<Sorted> flat;
  std::set<std::string> places;
  const auto value_at = [](const Sorted& one, const std::string& place) {
    const auto found = one.find(place);
    return found == one.end() ? Sorted() : *found;
  };
  for (const auto& [key, group] : groups) {
    const Sorted config = Sorted::parse(key, nullptr, false);
    flat.push_back(config.is_object() ? config.flatten() : Sorted::object());
    for (const auto& [place, value] : flat.back().items()) places.insert(place);
  }
  std::vector<std::size_t> shown(groups.size(), 0);
  for (const std::string& place : places) {
    if (place == "/name") continue;
    const bool same = std::all_of(flat.begin(), flat.end(),
                                  [&](const Sorted& one) { return value_at(one, place) == value_at(flat[0], place); });
    if (same) continue;
    std::string label = place.substr(place.rfind('/', place.rfind('/') - 1) + 1);
    std::replace(label.begin(), label.end(), '/', '.');
    for (std::size_t at = 0; at < groups.size(); ++at) {
      const Sorted value = value_at(flat[at], place);
      if (value.is_null() || shown[at] >= kMostShown) continue;
      if (std::count_if(groups.begin(), groups.end(), [&](const auto& other) {
            return other.second.runs.front()->name == groups[at].second.runs.front()->name;
          }) < 2)
        continue;
      ++shown[at];
      groups[at].second.name += ", " + label + "=" + (value.is_string() ? value.get<std::string>() : value.dump());
    }
  }
}

std::vector<Group> group_by_config(const std::vector<ReportRun>& runs) {
  std::vector<std::pair<std::string, Group>> groups;
  for (const ReportRun& run : runs) {
    Json config = run.manifest.is_object() && run.manifest.contains("config") ? run.manifest["config"] : Json(run.name);
    if (config.is_object()) config.erase("seed");
    const std::string key = config.dump(-1, ' ', false, Json::error_handler_t::replace);
    auto found = std::find_if(groups.begin(), groups.end(), [&](const auto& group) { return group.first == key; });
    if (found == groups.end()) found = groups.insert(groups.end(), {key, {run.name, {}}});
    found->second.runs.push_back(&run);
  }
  name_differences(groups);
  std::vector<Group> list;
  for (auto& [key, group] : groups) {
    if (group.runs.size() > 1) group.name += " (" + std::to_string(group.runs.size()) + " seeds)";
    list.push_back(std::move(group));
  }
  return list;
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

std::vector<Figure> comparison_figures(const std::vector<ReportRun>& runs) {
  const std::vector<Group> groups = group_by_config(runs);
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
