#pragma once
// The end of an exact census: D, group by group, for the units that nothing else has settled. The groups in which a
// unit is known to be dead are left out, and what is seen of the others is kept for the censuses to come.

#include <vector>

#include "data/dataset.hpp"
#include "probe/census_book.hpp"
#include "probe/census_draft.hpp"
#include "probe/census_pass.hpp"
#include "probe/thin_network.hpp"
#include "util/thread_pool.hpp"

namespace reluscope {

template <class T>
class CensusScan {
 public:
  /// Data set and pool must outlive it.
  CensusScan(const Dataset& dataset, ThreadPool& pool);

  /// Settles all open units. The levels in the books must hold at the network's parameters. `pass` takes the whole
  /// network.
  void settle(const Network<T>& network, std::vector<LayerBook>& books, CensusPass<T>& pass, CensusDraft& draft);

  /// Groups of D, of which a level each is kept.
  [[nodiscard]] std::size_t groups() const { return groups_; }

 private:
  using OpenUnit = CensusDraft::OpenUnit;

  [[nodiscard]] std::vector<std::size_t> nearest_first(const std::vector<LayerBook>& books,
                                                       const std::vector<OpenUnit>& open) const;
  void run_groups(const Network<T>& network, std::vector<std::size_t> groups, std::size_t layers,
                  std::vector<LayerBook>& books, CensusPass<T>& pass, CensusDraft& draft) const;

  const Dataset& dataset_;
  Index group_size_;
  std::size_t groups_;
  Thinner<T> thinner_;
};

}  // namespace reluscope
