#include "probe/census_witness.hpp"

#include <algorithm>
#include <array>
#include <span>

namespace reluscope {

namespace {

/// Witnesses run at once.
constexpr std::size_t kWitnessesRun = 64;
/// Random samples run for units that were alive and have no witness left: some, and more if that is not enough. Bounds
/// come after them, since they need a pass over the data's inputs once.
constexpr std::array<std::size_t, 3> kLooks = {64, 192, 512};

/// Open units that were not dead at the last census, and of which a scan is not the likely end.
bool any_fresh(const std::vector<LayerBook>& books, const CensusDraft& draft) {
  for (std::size_t at = 0; at < books.size(); ++at)
    for (std::size_t unit = 0; unit < books[at].units.size(); ++unit)
      if (draft.units[at][unit].state == UnitState::open && !books[at].units[unit].dead) return true;
  return false;
}

}  // namespace

template <class T>
void try_witnesses(const Network<T>& network, const std::vector<LayerBook>& books, CensusPass<T>& pass,
                   CensusDraft& draft) {
  for (std::size_t nth = 0; nth <= kWitnessesKept; ++nth) {
    std::vector<Index> samples;
    for (const CensusDraft::OpenUnit& place : draft.open_units()) {
      const LayerBook& book = books[place.layer];
      const Index witness = nth == 0 ? book.recent[place.unit] : book.units[place.unit].witnesses[nth - 1];
      if (witness >= 0) samples.push_back(witness);
    }
    std::sort(samples.begin(), samples.end());
    samples.erase(std::unique(samples.begin(), samples.end()), samples.end());
    for (std::size_t first = 0; first < samples.size(); first += kWitnessesRun) {
      if (draft.open_layers() == 0) return;
      const auto part = std::span<const Index>(samples).subspan(first, std::min(kWitnessesRun, samples.size() - first));
      pass.run(network, part, draft.open_layers(), Device::witness, draft);
    }
  }
}

template <class T>
void look_around(const Network<T>& network, const std::vector<LayerBook>& books, Index count, Rng rng,
                 CensusPass<T>& pass, CensusDraft& draft) {
  for (const std::size_t looks : kLooks) {
    // Where they are much of D, the scan gets through it as fast.
    if (!any_fresh(books, draft) || 4 * looks > static_cast<std::size_t>(count)) return;
    std::vector<Index> samples(looks);
    for (Index& sample : samples) sample = static_cast<Index>(rng.below(static_cast<std::uint64_t>(count)));
    const auto at_once = static_cast<std::size_t>(network.pass_columns());
    for (std::size_t first = 0; first < looks && draft.open_layers() > 0; first += at_once)
      pass.run(network, std::span<const Index>(samples).subspan(first, std::min(at_once, looks - first)),
               draft.open_layers(), Device::scan, draft);
  }
}

#define RELUSCOPE_INSTANTIATE(T)                                                                               \
  template void try_witnesses(const Network<T>&, const std::vector<LayerBook>&, CensusPass<T>&, CensusDraft&); \
  template void look_around(const Network<T>&, const std::vector<LayerBook>&, Index, Rng, CensusPass<T>&, CensusDraft&);
RELUSCOPE_INSTANTIATE(float)
RELUSCOPE_INSTANTIATE(double)
#undef RELUSCOPE_INSTANTIATE

}  // namespace reluscope
