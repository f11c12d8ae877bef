#include "report/lives_figure.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>

#include "util/format.hpp"
#include "util/statistics.hpp"

namespace reluscope {

namespace {

/// Rows of the chart.
constexpr std::size_t kMostLives = 400;
/// So many have their own tick; of more the layers have one each.
constexpr std::size_t kMostLabelled = 24;

/// What killed a unit, and how that is drawn.
struct Cause {
  const char* name;
  std::size_t color;
  const char* text;
};
constexpr std::array kCauses = {Cause{"born", 1, "born dead"},
                                Cause{"inherited", 5, "dead in the weights of the file"},
                                Cause{"own_weights", 0, "died by its own weights"},
                                Cause{"own_bias", 4, "by its own bias"},
                                Cause{"norm", 6, "by the norm before it"},
                                Cause{"skip", 7, "because the shortcut moved"},
                                Cause{"upstream", 2, "because what feeds it moved"},
                                Cause{"", 3, "of an unknown cause"}};

const Cause& cause_called(const std::string& name) {
  const auto found =
      std::find_if(kCauses.begin(), kCauses.end(), [&](const Cause& cause) { return name == cause.name; });
  return found == kCauses.end() ? kCauses.back() : *found;
}

/// A stretch of a unit's life in which it was dead.
struct DeadSpell {
  std::int64_t layer = 0;
  std::int64_t unit = 0;
  double from = 0.0;
  double to = 0.0;
  double locked = kNaN;
  const Cause* cause = nullptr;
};

/// In the order of layers, units and steps.
std::vector<DeadSpell> list_deaths(const ReportRun& run, double end) {
  std::map<std::pair<std::int64_t, std::int64_t>, std::vector<const LifeRecord*>> units;
  for (const LifeRecord& life : run.lives) units[{life.layer, life.unit}].push_back(&life);
  std::vector<DeadSpell> deaths;
  for (const auto& [place, events] : units) {
    std::optional<DeadSpell> open;
    for (const LifeRecord* event : events) {
      const auto step = static_cast<double>(event->step);
      if (event->event == "revived" && open) {
        open->to = step;
        deaths.push_back(*open);
        open.reset();
      }
      if (event->event == "locked" && open) open->locked = step;
      const bool at_start = event->event == "born_dead" || event->event == "inherited";
      if (event->event != "died" && !at_start) continue;
      const std::string cause = event->event == "born_dead" ? "born" : at_start ? event->event : event->cause;
      open = DeadSpell{place.first, place.second, step, end, kNaN, &cause_called(cause)};
    }
    if (open) deaths.push_back(*open);
  }
  return deaths;
}

/// A tick for each unit, or for each layer in the middle of its rows; and a line between layers.
void label_rows(const std::vector<std::pair<std::int64_t, std::int64_t>>& rows, Chart& chart) {
  for (std::size_t first = 0; first < rows.size();) {
    std::size_t end = first;
    while (end < rows.size() && rows[end].first == rows[first].first) ++end;
    const std::string layer = std::to_string(rows[first].first);
    if (rows.size() > kMostLabelled)
      chart.y_ticks.push_back({0.5 * static_cast<double>(first + end + 1), "layer " + layer});
    if (end < rows.size()) chart.rules.push_back(static_cast<double>(end) + 0.5);
    first = end;
  }
  if (rows.size() > kMostLabelled) return;
  for (std::size_t row = 0; row < rows.size(); ++row)
    chart.y_ticks.push_back({static_cast<double>(row + 1),
                             "layer " + std::to_string(rows[row].first) + ", " + std::to_string(rows[row].second)});
}

}  // namespace

std::vector<Figure> lives_figure(const ReportRun& run) {
  std::int64_t last = 1;
  for (const CensusRecord& row : run.tables.census.rows) last = std::max(last, row.step);
  for (const LifeRecord& life : run.lives) last = std::max(last, life.step);
  const auto end = static_cast<double>(last);
  const std::vector<DeadSpell> deaths = list_deaths(run, end);
  if (deaths.empty() || run.tables.census.rows.empty()) return {};
  Figure figure =
      make_figure("lives", "Lives of the units that died",
                  "A row for each unit that was ever dead, those of the first layer at the bottom: coloured "
                  "while it is dead, by what killed it; striped once it is locked. Healthy: few rows.",
                  "");
  figure.head = {"layer", "unit", "dead from", "to", "cause", "locked at"};
  std::vector<std::pair<std::int64_t, std::int64_t>> rows;
  std::size_t units = 0;
  bool any_locked = false;
  std::vector<const Cause*> causes;
  for (const DeadSpell& death : deaths) {
    const std::pair place(death.layer, death.unit);
    if (rows.empty() || rows.back() != place) {
      ++units;
      if (rows.size() < kMostLives) rows.push_back(place);
    }
    if (rows.back() != place) continue;
    const auto row = static_cast<double>(rows.size());
    const double mark = std::isnan(death.locked) ? death.to : std::min(death.locked, death.to);
    const std::string color = category_color(death.cause->color);
    if (death.from < mark || mark == death.to) figure.chart.bars.push_back({row, death.from, mark, color});
    if (mark < death.to) figure.chart.bars.push_back({row, mark, death.to, color, true});
    any_locked = any_locked || mark < death.to;
    if (std::find(causes.begin(), causes.end(), death.cause) == causes.end()) causes.push_back(death.cause);
    figure.rows.push_back({std::to_string(death.layer), std::to_string(death.unit), format_number(death.from),
                           death.to == end ? "the end" : format_number(death.to), death.cause->name,
                           std::isnan(death.locked) ? "" : format_number(death.locked)});
  }
  if (units > rows.size())
    figure.chart.note += " The first " + std::to_string(rows.size()) + " of " + std::to_string(units) + " are shown.";
  label_rows(rows, figure.chart);
  figure.chart.y_min = 0.0;
  figure.chart.y_max = static_cast<double>(rows.size()) + 1.0;
  figure.chart.x_min = 0.0;
  figure.chart.x_max = end;
  const double row_height = rows.size() > kMostLabelled ? 3.0 : 13.0;
  figure.chart.height =
      static_cast<int>(std::clamp(100.0 + row_height * static_cast<double>(rows.size()), 180.0, 560.0));
  for (const Cause& cause : kCauses)
    if (std::find(causes.begin(), causes.end(), &cause) != causes.end())
      figure.legend.push_back({category_color(cause.color), cause.text});
  if (any_locked) figure.legend.push_back({"#71706f", "locked: cannot come back", LegendEntry::Mark::striped});
  return {figure};
}

}  // namespace reluscope
