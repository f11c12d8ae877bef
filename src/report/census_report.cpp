#include "report/census_report.hpp"

#include <algorithm>
#include <array>
#include <functional>
#include <nlohmann/json.hpp>

#include "experiment/verdict.hpp"
#include "report/terminal.hpp"
#include "trace/table_writer.hpp"
#include "util/format.hpp"
#include "util/hash.hpp"
#include "util/json_file.hpp"

namespace reluscope {

namespace {

using Json = nlohmann::ordered_json;
using Units = std::vector<std::int64_t>;

/// Stretches of neighbours that a line of text names; --json has them all.
constexpr std::size_t kStretchesNamed = 24;

constexpr std::array kChanges = {"died", "revived", "kept_dead", "kept_alive"};

/// "0-3, 7, 9-12 and 5 more"
std::string unit_list(const Units& units) {
  std::string text;
  std::size_t named = 0;
  std::size_t stretches = 0;
  while (named < units.size() && stretches < kStretchesNamed) {
    std::size_t end = named + 1;
    while (end < units.size() && units[end] == units[end - 1] + 1) ++end;
    if (!text.empty()) text += ", ";
    text += std::to_string(units[named]);
    if (end - named == 2) text += ", ";
    if (end - named > 2) text += "-";
    if (end - named > 1) text += std::to_string(units[end - 1]);
    named = end;
    ++stretches;
  }
  return named < units.size() ? text + " and " + std::to_string(units.size() - named) + " more" : text;
}

Units units_where(const SiteCensus& site, const std::function<bool(std::size_t)>& holds) {
  Units found;
  for (std::size_t unit = 0; unit < site.units.size(); ++unit)
    if (holds(unit)) found.push_back(static_cast<std::int64_t>(unit));
  return found;
}

Units dead_units(const SiteCensus& site) {
  return units_where(site, [&](std::size_t unit) { return site.units[unit].state == "dead"; });
}

/// Of this layer, by what became of them.
Units changed_units(const std::vector<ChangeRecord>& changes, std::int64_t layer, const std::string& change) {
  Units found;
  for (const ChangeRecord& row : changes)
    if (row.layer == layer && row.change == change) found.push_back(row.unit);
  return found;
}

/// A line for each layer that has such units, or nothing.
void append_units(std::string& text, const std::string& name, const std::string& what, const Units& units,
                  std::size_t width) {
  if (units.empty()) return;
  text += wrap(what + " in " + printable(name) + ": " + unit_list(units), width, "  ") + "\n";
}

std::string count_text(const std::optional<std::int64_t>& value) { return value ? std::to_string(*value) : "-"; }

std::string layers_table(const NetworkCensus& census, std::size_t width) {
  const bool broken = std::any_of(census.sites.begin(), census.sites.end(),
                                  [](const SiteCensus& site) { return site.row.not_finite.value_or(0) > 0; });
  std::vector<std::string> header = {"name",         "activation", "layer",   "units",     "dead",
                                     "dead for all", "rare",       "dormant", "saturated", "effective rank"};
  if (broken) header.insert(header.begin() + 5, "not finite");
  std::vector<std::vector<std::string>> rows;
  for (const SiteCensus& site : census.sites) {
    const CensusRecord& row = site.row;
    rows.push_back({row.name, site.site.activation, std::to_string(row.layer), std::to_string(row.units),
                    std::to_string(row.dead), std::to_string(row.dead_on_domain), std::to_string(site.rare),
                    count_text(row.dormant), count_text(row.saturated),
                    row.effective_rank ? format_short(*row.effective_rank) : "-"});
    if (broken) rows.back().insert(rows.back().begin() + 5, count_text(row.not_finite));
  }
  return format_table(header, rows, 2, TableStyle::plain, width, {"layer", "activation", "dead for all", "saturated"});
}

std::string changes_table(const CensusReport& report) {
  std::vector<std::vector<std::string>> rows;
  for (const SiteCensus& site : report.census.sites) {
    std::vector<std::string>& row = rows.emplace_back();
    row = {site.row.name, std::to_string(site.row.units)};
    for (const char* change : kChanges)
      row.push_back(std::to_string(changed_units(report.changes, site.row.layer, change).size()));
  }
  return format_table({"name", "units", "died", "revived", "kept dead", "kept alive"}, rows, 1, TableStyle::plain);
}

std::string figures(const CensusReport& report) {
  const Evaluation& seen = report.census.evaluation;
  std::string text = std::to_string(report.census.sites.front().row.samples.value_or(0)) +
                     (report.part == DataPart::train ? " training" : " test") + " samples; loss " +
                     format_short(seen.parts.data);
  if (seen.accuracy) text += ", accuracy " + format_fixed(100.0 * *seen.accuracy, 2) + " %";
  return text;
}

/// A record as its columns have it; a number that is not finite is null, as in JSON Lines.
template <class R>
Json row_json(const R& row) {
  std::string line;
  append_json_row(line, row);
  return Json::parse(line);
}

Json layer_json(const SiteCensus& site) {
  Json layer = row_json(site.row);
  layer.erase("step");
  layer.erase("epoch");
  layer["activation"] = site.site.activation;
  layer["mortal"] = site.site.mortal;
  layer["rare"] = site.rare;
  layer["a_mean"] = number_or_null(site.a_mean);
  layer["dead_units"] = dead_units(site);
  layer["dead_units_on_domain"] = units_where(site, [&](std::size_t unit) { return site.dead_on_domain[unit]; });
  return layer;
}

Json compared_json(const CensusReport& report) {
  if (report.compared_with.empty()) return nullptr;
  Json layers = Json::array();
  for (const SiteCensus& site : report.census.sites) {
    Json layer = {{"layer", site.row.layer}, {"name", site.row.name}};
    for (const char* change : kChanges) layer[change] = changed_units(report.changes, site.row.layer, change);
    layers.push_back(layer);
  }
  Json units = Json::array();
  for (const ChangeRecord& row : report.changes) units.push_back(row_json(row));
  return {{"with", report.compared_with}, {"layers", layers}, {"units", units}};
}

}  // namespace

std::string census_text(const CensusReport& report, std::size_t width) {
  std::string text = layers_table(report.census, width) + "\n";
  for (const SiteCensus& site : report.census.sites) append_units(text, site.row.name, "dead", dead_units(site), width);
  if (!report.compared_with.empty()) {
    text += wrap("\nSince " + printable(report.compared_with) + ":", width) + "\n" + changes_table(report) + "\n";
    for (const SiteCensus& site : report.census.sites)
      for (const char* change : {"died", "revived"})
        append_units(text, site.row.name, change, changed_units(report.changes, site.row.layer, change), width);
    text += "\n";
  }
  return text + wrap(figures(report), width) + "\n" +
         wrap(printable(census_verdict(report.census, report.part)), width) + "\n";
}

std::string census_json(const CensusReport& report, const ExperimentSpec& spec, const Dataset& dataset) {
  Json document;
  document["schema_version"] = kSchemaVersion;
  document["name"] = spec.name;
  document["seed"] = spec.seed;
  document["weights"] = spec.network.init_from ? Json(spec.network.init_from->string()) : Json(nullptr);
  document["part"] = part_name(report.part);
  document["data_crc32"] = hexadecimal(dataset.checksum(), 8);
  document["loss"] = number_or_null(report.census.evaluation.parts.data);
  document["accuracy"] = number_or_null(report.census.evaluation.accuracy);
  document["collapsed"] = report.census.collapsed;
  document["verdict"] = census_verdict(report.census, report.part);
  document["layers"] = Json::array();
  document["units"] = Json::array();
  for (const SiteCensus& site : report.census.sites) {
    document["layers"].push_back(layer_json(site));
    for (const UnitRecord& unit : site.units) document["units"].push_back(row_json(unit));
  }
  document["compared"] = compared_json(report);
  return document.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace reluscope
