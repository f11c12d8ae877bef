#include "probe/census_scan.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <stdexcept>
#include <utility>

#include "probe/census_groups.hpp"

namespace reluscope {

namespace {

/// A scan goes on with a part of the network when its rounds, of 1, 2, 4, … groups, have grown to this.
constexpr std::size_t kRoundsBeforeThin = 4;

/// The largest −margin of a unit over some shards; ∞ if a margin was NaN.
template <class T>
double level_of(const NodeState<T>& state, std::size_t begin, std::size_t end, Index row) {
  T smallest = std::numeric_limits<T>::infinity();
  for (std::size_t shard = begin; shard < end; ++shard) {
    const T margin = state.shards[shard].activity.margin[row];
    if (is_nearer(margin, smallest)) smallest = margin;
  }
  return std::isnan(smallest) ? kInfinity : -static_cast<double>(smallest);
}

/// max ‖h(x)‖ over some columns, rounded up; `terms` of the whole layer's. ∞ if it is not finite.
template <class T>
double norm_of(const NodeState<T>& state, Index first, Index columns, Index terms) {
  const auto norm =
      static_cast<double>(std::sqrt(state.output.middleCols(first, columns).colwise().squaredNorm().maxCoeff()));
  const double slack =
      1.0 + 2.0 * static_cast<double>(terms + 8) * static_cast<double>(std::numeric_limits<T>::epsilon());
  const double level =
      norm * slack + std::sqrt(static_cast<double>(std::numeric_limits<T>::min()) * static_cast<double>(terms));
  return std::isfinite(level) ? level : kInfinity;
}

}  // namespace

template <class T>
CensusScan<T>::CensusScan(const Dataset& dataset, ThreadPool& pool)
    : dataset_(dataset),
      group_size_(census_groups(dataset.train.count()).size),
      groups_(static_cast<std::size_t>(census_groups(dataset.train.count()).count)),
      thinner_(dataset, pool) {}

template <class T>
void CensusScan<T>::settle(const Network<T>& network, std::vector<LayerBook>& books, CensusPass<T>& pass,
                           CensusDraft& draft) {
  std::vector<OpenUnit> open = draft.open_units();
  if (open.empty()) return;
  for (const OpenUnit& place : open) books[place.layer].units[place.unit].levels.follow(groups_);
  const std::size_t layers = tracked_layers(books);
  for (std::size_t at = 0; at + 1 < layers; ++at) books[at].norm.follow(groups_);

  const auto most = std::max<std::size_t>(1, static_cast<std::size_t>(network.pass_columns() / group_size_));
  std::size_t round = 1;
  std::vector<bool> has_run(groups_);
  std::unique_ptr<ThinNetwork<T>> thin;
  const std::vector<std::size_t> order = nearest_first(books, open);
  for (std::size_t next = 0; next < order.size() && !open.empty();) {
    // Rounds grow: a unit that is alive is mostly found at once, a dead one needs all that is left.
    std::vector<std::size_t> groups;
    for (; next < order.size() && groups.size() < round; ++next)
      if (std::any_of(open.begin(), open.end(), [&](const OpenUnit& place) {
            return !(books[place.layer].units[place.unit].levels.at(order[next]) <= 0.0);
          }))
        groups.push_back(order[next]);
    if (groups.empty()) break;
    // What is still open after some rounds is mostly dead: the rest of the scan looks at what can matter alone.
    if (round == kRoundsBeforeThin && !thin) thin = thinner_.thin_out(network, books, draft, layers);
    if (thin) {
      run_groups(thin->network, groups, layers, books, thin->pass, draft);
    } else {
      run_groups(network, groups, layers, books, pass, draft);
    }
    for (const std::size_t group : groups) has_run[group] = true;
    open = draft.open_units();
    round = std::min(2 * round, most);
  }
  for (const OpenUnit& place : open) {
    const GroupLevels& levels = books[place.layer].units[place.unit].levels;
    for (std::size_t group = 0; group < groups_; ++group)
      if (!has_run[group] && !(levels.at(group) <= 0.0)) throw std::logic_error("census: a scan left a unit open");
    // A level is rounded up, and may come out above the 0 that it stands for.
    draft.units[place.layer][place.unit] = {UnitState::dead, Device::scan, -1, std::max(0.0, -levels.highest())};
  }
}

/// The groups in which some open unit may be active, those first where one may be farthest into its live region.
template <class T>
std::vector<std::size_t> CensusScan<T>::nearest_first(const std::vector<LayerBook>& books,
                                                      const std::vector<OpenUnit>& open) const {
  std::vector<double> highest(groups_, -kInfinity);
  for (const OpenUnit& place : open)
    for (std::size_t group = 0; group < groups_; ++group)
      highest[group] = std::max(highest[group], books[place.layer].units[place.unit].levels.at(group));
  std::vector<std::size_t> order;
  for (std::size_t group = 0; group < groups_; ++group)
    if (highest[group] > 0.0) order.push_back(group);
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t left, std::size_t right) { return highest[left] > highest[right]; });
  return order;
}

/// Runs groups, settles the open units that they activate and keeps the levels of all that are followed.
template <class T>
void CensusScan<T>::run_groups(const Network<T>& network, std::vector<std::size_t> groups, std::size_t layers,
                               std::vector<LayerBook>& books, CensusPass<T>& pass, CensusDraft& draft) const {
  // In order, so that a short last group does not shift the shards of others.
  std::sort(groups.begin(), groups.end());
  std::vector<Index> samples;
  for (const std::size_t group : groups) {
    const Index first = static_cast<Index>(group) * group_size_;
    for (Index sample = first; sample < std::min(first + group_size_, dataset_.train.count()); ++sample)
      samples.push_back(sample);
  }
  pass.run(network, samples, layers, Device::scan, draft);
  const auto shards_per_group = static_cast<std::size_t>(group_size_ / network.shard_columns());
  const std::vector<Shard>& shards = pass.runner().shards();
  for (std::size_t at = 0; at < layers; ++at) {
    const NodeState<T>& state = pass.runner().state().node(network.sites()[at]);
    for (std::size_t index = 0; index < groups.size(); ++index) {
      const std::size_t begin = index * shards_per_group;
      const std::size_t end = std::min(begin + shards_per_group, shards.size());
      for (std::size_t row = 0; row < pass.units(at).size(); ++row) {
        GroupLevels& levels = books[at].units[static_cast<std::size_t>(pass.units(at)[row])].levels;
        if (levels.known()) levels.set(groups[index], level_of(state, begin, end, static_cast<Index>(row)));
      }
      if (!books[at].norm.known()) continue;
      // Those that a part of the network leaves out are zeros of the whole one.
      const Index terms = std::ssize(books[at].units) * network.site(at).positions();
      const Index first = shards[begin].first;
      const Index columns = shards[end - 1].first + shards[end - 1].count - first;
      books[at].norm.set(groups[index], norm_of(state, first, columns, terms));
    }
  }
}

template class CensusScan<float>;
template class CensusScan<double>;

}  // namespace reluscope
