#include "probe/thin_network.hpp"

#include <algorithm>
#include <numeric>
#include <optional>
#include <utility>

#include "nn/gemm.hpp"
#include "util/random.hpp"

namespace reluscope {

namespace {

/// Units of a part are kept in multiples of this many.
constexpr std::size_t kThinRows = 16;
/// A part is worth making if it has at most this share of the weights.
constexpr double kThinWorth = 0.8;

}  // namespace

template <class T>
ThinNetwork<T>::ThinNetwork(Network<T> part, std::vector<std::vector<Index>> kept, const Dataset& dataset,
                            ThreadPool& pool)
    : network(std::move(part)), pass(network, std::move(kept), dataset, pool) {}

template <class T>
std::unique_ptr<ThinNetwork<T>> Thinner<T>::thin_out(const Network<T>& network, const std::vector<LayerBook>& books,
                                                     const CensusDraft& draft, std::size_t layers) {
  if (!network.graph().is_chain(network.sites()[layers - 1] + 1)) return nullptr;
  std::vector<std::vector<Index>> kept(layers);
  double part = 0.0;
  double all = 0.0;
  auto inputs = static_cast<double>(network.inputs());
  auto all_inputs = inputs;
  for (std::size_t at = 0; at < layers; ++at) {
    const auto& verdicts = draft.units[at];
    const auto matters = [&](std::size_t unit) {
      if (verdicts[unit].state == UnitState::open) return true;
      if (at + 1 == layers) return false;
      return !(verdicts[unit].state == UnitState::dead && books[at].dead_is_zero);
    };
    std::vector<Index> others;
    for (std::size_t unit = 0; unit < verdicts.size(); ++unit)
      (matters(unit) ? kept[at] : others).push_back(static_cast<Index>(unit));
    // Whole blocks of rows: few different shapes, and no product falls to another kernel for want of rows.
    while (kept[at].size() % kThinRows != 0 && !others.empty()) {
      kept[at].push_back(others.back());
      others.pop_back();
    }
    std::sort(kept[at].begin(), kept[at].end());
    part += inputs * static_cast<double>(kept[at].size());
    all += all_inputs * static_cast<double>(verdicts.size());
    inputs = static_cast<double>(kept[at].size());
    all_inputs = static_cast<double>(verdicts.size());
  }
  if (part > kThinWorth * all) return nullptr;
  // Of a chain of vectors alone: a convolution's inputs are no rows of its products.
  std::optional<Network<T>> part_of_it = network.select(kept);
  if (!part_of_it) return nullptr;
  std::vector<Index> kept_inputs(static_cast<std::size_t>(network.inputs()));
  std::iota(kept_inputs.begin(), kept_inputs.end(), Index{0});
  for (std::size_t at = 0; at < layers; ++at) {
    const Affine<T>* map = network.site(at).affine();  // select() has seen that there is one
    if (!can_leave_out(map->units(), map->fan_in(), kept[at], kept_inputs)) return nullptr;
    kept_inputs = kept[at];
  }
  return std::make_unique<ThinNetwork<T>>(std::move(*part_of_it), std::move(kept), dataset_, pool_);
}

template <class T>
bool Thinner<T>::can_leave_out(Index rows, Index inner, const std::vector<Index>& kept_rows,
                               const std::vector<Index>& kept_inner) {
  const std::array<Index, 4> shape = {rows, inner, static_cast<Index>(kept_rows.size()),
                                      static_cast<Index>(kept_inner.size())};
  if (shape[0] == shape[2] && shape[1] == shape[3]) return true;
  if (const auto known = can_leave_out_.find(shape); known != can_leave_out_.end()) return known->second;
  Rng rng(0, Purpose::probe, 1U << 20U);
  Matrix<T> a(rows, inner);
  for (T& value : a.reshaped()) value = static_cast<T>(rng.uniform(-1.0, 1.0));
  Matrix<T> b = Matrix<T>::Zero(inner, kShardColumns);
  for (const Index kept : kept_inner)
    for (Index column = 0; column < kShardColumns; ++column) b(kept, column) = static_cast<T>(rng.uniform(-1.0, 1.0));
  Matrix<T> all(rows, kShardColumns);
  gemm<T>(Transposed::none, T(1), a, b, all);
  const Matrix<T> thin_a = a(kept_rows, kept_inner);
  const Matrix<T> thin_b = b(kept_inner, Eigen::all);
  Matrix<T> some(shape[2], kShardColumns);
  gemm<T>(Transposed::none, T(1), thin_a, thin_b, some);
  return can_leave_out_[shape] = (some.array() == Matrix<T>(all(kept_rows, Eigen::all)).array()).all();
}

template struct ThinNetwork<float>;
template struct ThinNetwork<double>;
template class Thinner<float>;
template class Thinner<double>;

}  // namespace reluscope
