#pragma once
// The part of a network that can still matter to a scan.

#include <array>
#include <map>
#include <memory>
#include <vector>

#include "probe/census_book.hpp"
#include "probe/census_draft.hpp"
#include "probe/census_pass.hpp"

namespace reluscope {

template <class T>
struct ThinNetwork {
  ThinNetwork(Network<T> part, std::vector<std::vector<Index>> kept, const Dataset& dataset, ThreadPool& pool);

  Network<T> network;
  CensusPass<T> pass;
};

template <class T>
class Thinner {
 public:
  /// Data set and pool must outlive it.
  Thinner(const Dataset& dataset, ThreadPool& pool) : dataset_(dataset), pool_(pool) {}

  /// The first `layers` layers with units, without the units that are known to yield exactly 0 and, in the last layer,
  /// without those that are settled; nullptr where that would save little, where a product's rows depend on what is
  /// left out, or where a node cannot do without some of its units.
  std::unique_ptr<ThinNetwork<T>> thin_out(const Network<T>& network, const std::vector<LayerBook>& books,
                                           const CensusDraft& draft, std::size_t layers);

 private:
  /// Whether the products of this back end give a layer's kept rows to the last bit when the other rows are left out,
  /// and the inputs that are 0. That is a matter of the order in which a kernel adds up for a shape, not of the
  /// numbers; random numbers show it.
  bool can_leave_out(Index rows, Index inner, const std::vector<Index>& kept_rows,
                     const std::vector<Index>& kept_inner);

  const Dataset& dataset_;
  ThreadPool& pool_;
  std::map<std::array<Index, 4>, bool> can_leave_out_;  ///< by rows and inner dimension, whole and kept
};

}  // namespace reluscope
