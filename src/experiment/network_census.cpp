#include "experiment/network_census.hpp"

#include <cmath>
#include <utility>

#include "experiment/initial_network.hpp"
#include "experiment/sites.hpp"
#include "experiment/unit_rows.hpp"
#include "probe/exact_census.hpp"
#include "probe/probe_set.hpp"

namespace reluscope {

namespace {

/// Censuses and probes look at the training part: while this lives, the other one stands in its place.
class PartInPlace {
 public:
  PartInPlace(Dataset& dataset, DataPart part) : dataset_(dataset), swapped_(part == DataPart::test) { swap(); }
  PartInPlace(const PartInPlace&) = delete;
  PartInPlace& operator=(const PartInPlace&) = delete;
  ~PartInPlace() { swap(); }

 private:
  void swap() noexcept {
    if (swapped_) std::swap(dataset_.train, dataset_.test);
  }
  Dataset& dataset_;
  bool swapped_;
};

/// Neither dead nor alive. What is dead has its proof, whatever else is the matter.
bool is_not_finite(const UnitCensus& unit, const UnitProbe& probe) {
  return !unit.dead && (std::isnan(probe.margin) || !std::isfinite(probe.mean_abs));
}

UnitRecord given_unit(const CountedSite& site, std::size_t unit, const UnitCensus& census, const UnitProbe& probe,
                      bool from_file) {
  UnitRecord row = unit_row(site, unit, census, probe);
  if (is_not_finite(census, probe)) row.state = "not_finite";
  note_whole_set(row, probe, site.positions);
  row.born_dead = census.dead && !from_file;
  row.inherited = census.dead && from_file;
  if (census.dead) {
    row.first_dead_step = 0;
    row.cause = from_file ? "inherited" : "born";
  }
  mark_unmeasured(row, &UnitRecord::deaths);
  mark_unmeasured(row, &UnitRecord::revivals);
  return row;
}

SiteCensus given_site(const SiteRecord& site, Index samples, const LayerCensus& layer, const LayerProbe& probe,
                      bool from_file) {
  const CountedSite place = {static_cast<std::size_t>(site.layer - 1), site.name, site.role.value_or(Role::hidden),
                             site.positions};
  SiteCensus found;
  found.site = site;
  found.row = census_row(place, samples, layer, &probe);
  note_dead_at_start(found.row, found.row.dead, from_file);
  mark_unmeasured(found.row, &CensusRecord::locked);
  mark_unmeasured(found.row, &CensusRecord::died);
  mark_unmeasured(found.row, &CensusRecord::revived);
  found.row.not_finite = 0;
  found.a_mean = probe.mean();
  for (std::size_t unit = 0; unit < layer.units.size(); ++unit) {
    const UnitCensus& census = layer.units[unit];
    found.units.push_back(given_unit(place, unit, census, probe.units[unit], from_file));
    found.dead_on_domain.push_back(census.dead_on_domain);
    found.rare += !census.dead && is_rare(probe.units[unit]) ? 1 : 0;
    *found.row.not_finite += is_not_finite(census, probe.units[unit]) ? 1 : 0;
  }
  return found;
}

template <class T>
NetworkCensus take(const ExperimentSpec& spec, const Dataset& dataset, ThreadPool& pool) {
  const Network<T> network = initial_network<T>(spec, dataset.shape(), spec.seed);
  const Samples& part = dataset.train;
  ProbeSet<T> probe(network, dataset, probe_options(spec), pool);
  probe.start_all(network);
  NetworkCensus found;
  found.evaluation = evaluate<T>(
      network, dataset, part, criterion_of(spec, dataset), pool,
      [&](const NetworkState<T>& state, std::span<const Shard> shards) { probe.add(network, state, shards); });
  const std::vector<LayerProbe> probed = probe.finish_all(network);
  LazyExtent<T> extent(dataset, pool);
  const CensusResult census =
      make_exact_census(network, dataset, extent, pool, spec.seed)->take(network, /*batch=*/nullptr);
  found.collapsed = census.collapsed;
  const std::vector<SiteRecord> sites = describe_sites(spec.network, dataset.shape());
  for (std::size_t at = 0; at < sites.size(); ++at) {
    found.sites.push_back(
        given_site(sites[at], part.count(), census.layers[at], probed[at], spec.network.init_from.has_value()));
    for (std::size_t unit = 0; unit < found.sites[at].units.size(); ++unit)
      found.sites[at].units[unit].slope = learned_slope(network.site(at), unit);
  }
  return found;
}

}  // namespace

NetworkCensus take_network_census(const ExperimentSpec& spec, Dataset& dataset, DataPart part, ThreadPool& pool) {
  const PartInPlace in_place(dataset, part);
  return spec.precision == Precision::float32 ? take<float>(spec, dataset, pool) : take<double>(spec, dataset, pool);
}

std::vector<ChangeRecord> changes_between(const NetworkCensus& before, const NetworkCensus& after) {
  std::vector<ChangeRecord> changes;
  for (std::size_t at = 0; at < after.sites.size(); ++at)
    for (std::size_t unit = 0; unit < after.sites[at].units.size(); ++unit) {
      const UnitRecord& then = before.sites[at].units[unit];
      const UnitRecord& now = after.sites[at].units[unit];
      const bool was_dead = then.state == "dead";
      const bool is_dead = now.state == "dead";
      ChangeRecord& row = changes.emplace_back();
      row.layer = now.layer;
      row.name = now.name;
      row.unit = now.unit;
      row.change = is_dead ? (was_dead ? "kept_dead" : "died") : (was_dead ? "revived" : "kept_alive");
      row.before = then.state;
      row.after = now.state;
      row.margin_before = then.margin;
      row.margin_after = now.margin;
    }
  return changes;
}

}  // namespace reluscope
