#include "diagnose/death_story.hpp"

#include <algorithm>
#include <cmath>
#include <map>

#include "util/format.hpp"

namespace reluscope {

namespace {

/// Updates below this share of the parameters' size push no unit anywhere at once.
constexpr double kNotableUpdate = 0.02;

/// What counts as most of the dead: nine tenths, rounded up.
std::int64_t most_of(std::int64_t died) { return died - died / 10; }

/// From units.csv, where it speaks of the same dead units as the census.
bool read_units(const RunTables& run, std::int64_t layer, DeathStory& story) {
  std::vector<std::int64_t> dates;
  std::map<std::string, std::int64_t> causes;
  std::int64_t at_start = 0;
  std::int64_t died = 0;
  for (const UnitRecord& unit : run.units.rows) {
    if (measured(unit, &UnitRecord::layer) != layer || unit.state != "dead") continue;
    if ((unit.born_dead || unit.inherited) && unit.deaths == 0) {
      ++at_start;
      continue;
    }
    ++died;
    if (unit.died_by) dates.push_back(*unit.died_by);
    if (unit.cause) ++causes[*unit.cause];
  }
  if (at_start + died != story.dead) return false;
  story.at_start = at_start;
  story.died = died;
  for (const auto& [cause, count] : causes)
    if (2 * count > died) story.cause = cause;
  std::sort(dates.begin(), dates.end());
  const auto most = static_cast<std::size_t>(most_of(died));
  if (died == 0 || dates.size() < most) return true;
  story.most_by = dates[most - 1];
  story.by_then = std::upper_bound(dates.begin(), dates.end(), *story.most_by) - dates.begin();
  return true;
}

void read_census(const Rows<CensusRecord>& rows, DeathStory& story) {
  const CensusRecord& last = *rows.back();
  story.at_start = std::min(last.dead, last.born_dead + last.inherited);
  story.died = story.dead - story.at_start;
  for (const CensusRecord* row : rows) {
    const std::int64_t by_then = row->dead - std::min(row->dead, row->born_dead + row->inherited);
    if (story.died < 1 || by_then < most_of(story.died) || !is_measured(*row, &CensusRecord::step)) continue;
    story.most_by = row->step;
    story.by_then = std::min(by_then, story.died);
    return;
  }
}

}  // namespace

DeathStory death_story(const RunTables& run, std::int64_t layer, const Rows<CensusRecord>& rows) {
  const CensusRecord& last = *rows.back();
  DeathStory story;
  story.units = last.units;
  story.dead = last.dead;
  story.inherited = last.inherited > 0;
  if (!read_units(run, layer, story)) read_census(rows, story);
  if (is_measured(last, &CensusRecord::locked)) story.locked = last.locked;
  for (const LayerRecord& row : run.layers.rows)
    if (measured(row, &LayerRecord::layer) == layer && is_measured(row, &LayerRecord::update_ratio) &&
        std::isfinite(row.update_ratio) && story.most_by && is_measured(row, &LayerRecord::step) &&
        row.step < *story.most_by)
      story.update_ratio = std::max(story.update_ratio.value_or(0.0), row.update_ratio);
  return story;
}

std::string when_and_why(const DeathStory& story) {
  std::string text;
  if (story.most_by) {
    const bool all = story.by_then >= story.died;
    text += ", " +
            (all ? std::string(story.died == 1 || story.died == story.units ? "" : "all of them ")
                 : std::to_string(story.by_then) + " of them ") +
            "by step " + std::to_string(*story.most_by);
  }
  const bool own = story.cause == "own_weights" || story.cause == "own_bias";
  if (own) text += std::string(", pushed by their own ") + (story.cause == "own_weights" ? "weights" : "biases");
  if (story.cause == "norm") text += ", pushed by the norm before them";
  if (story.cause == "skip") text += ", because the shortcut of their block moved";
  if (story.cause == "upstream") text += ", because what feeds them moved";
  if (own && story.update_ratio && *story.update_ratio >= kNotableUpdate)
    text += " after updates of up to " + format_short(*story.update_ratio) + " × the parameters' size";
  return text;
}

std::string can_it_heal(const DeathStory& story) {
  if (!story.locked || story.dead < 1) return "";
  if (*story.locked >= story.dead)
    return story.dead == 1 ? "; it is locked: it cannot come back in this run"
                           : "; all are locked: they cannot come back in this run";
  if (*story.locked < 1) return "; none is locked, so they may come back";
  return "; " + std::to_string(*story.locked) + " of the " + std::to_string(story.dead) +
         " dead are locked: they cannot come back in this run";
}

}  // namespace reluscope
