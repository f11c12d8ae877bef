#include "probe/census_proof.hpp"

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include "nn/activation_node.hpp"
#include "nn/affine.hpp"
#include "probe/reach.hpp"

namespace reluscope {

namespace {

bool wants_interval(const LayerBook& book, const std::vector<CensusDraft::Verdict>& verdicts, bool all) {
  for (std::size_t unit = 0; unit < book.units.size(); ++unit)
    if (verdicts[unit].state == UnitState::open && (all || book.units[unit].dead)) return true;
  return false;
}

void prove_by_margin(const LayerBook& book, const Eigen::VectorXd& z_drift,
                     std::vector<CensusDraft::Verdict>& verdicts) {
  for (std::size_t unit = 0; unit < book.units.size(); ++unit) {
    const UnitBook& known = book.units[unit];
    auto& verdict = verdicts[unit];
    if (verdict.state != UnitState::open || !known.dead) continue;
    const double drift = z_drift[static_cast<Index>(unit)];
    if (drift == 0.0) {
      verdict = {UnitState::dead, Device::invariance, -1, known.margin};
    } else {
      const double highest = add_up(known.levels.highest(), drift);
      if (highest <= 0.0) verdict = {UnitState::dead, Device::margin, -1, -highest};
    }
  }
}

/// The box of D's inputs on its way through the network, as far as somebody asked.
template <class T>
class IntervalProof {
 public:
  IntervalProof(const Network<T>& network, const std::vector<LayerBook>& books, Box inputs)
      : network_(network), books_(books), reach_(network, std::move(inputs)) {}

  /// Settles the open units up to the site `target` that are dead for every input in the box.
  void prove(std::size_t target, CensusDraft& draft) {
    for (; boxed_ <= target; ++boxed_) {
      const Node<T>& site = network_.site(boxed_);
      const ActivationShape& function = site.activation()->function();
      const PreActivationBox bound = reach_.next();
      auto& verdicts = draft.units[boxed_];
      for (std::size_t unit = 0; unit < verdicts.size(); ++unit) {
        const auto index = static_cast<Index>(unit);
        auto& verdict = verdicts[unit];
        if (verdict.state != UnitState::open) continue;
        const double low = bound.z.low[index];
        const double high = bound.z.high[index];
        if (!function.is_dead_between(low, high)) continue;
        const bool by_sign =
            bound.at_most_bias[unit] && static_cast<double>(site.affine()->bias_of(index)) <= function.dead_below;
        verdict = {UnitState::dead, by_sign ? Device::sign : Device::interval, -1,
                   std::max(function.dead_below - high, low - function.dead_above)};
      }
      std::vector<std::size_t> zero;
      if (books_[boxed_].dead_is_zero)
        for (std::size_t unit = 0; unit < verdicts.size(); ++unit)
          if (verdicts[unit].state == UnitState::dead) zero.push_back(unit);
      reach_.pass_on(bound.z, zero);
    }
  }

 private:
  const Network<T>& network_;
  const std::vector<LayerBook>& books_;
  BoxReach<T> reach_;
  std::size_t boxed_ = 0;
};

}  // namespace

template <class T>
void prove_dead(const Network<T>& network, const Network<T>* last, const std::vector<LayerBook>& books,
                LazyExtent<T>& extent, bool all, CensusDraft& draft) {
  const std::size_t layers = std::max(draft.open_layers(), tracked_layers(books));
  IntervalProof<T> interval(network, books, extent.get().box);
  std::optional<DriftReach<T>> drift;
  if (last != nullptr) drift.emplace(*last, network, extent.get().norm);
  for (std::size_t at = 0; at < layers; ++at) {
    const LayerBook& book = books[at];
    auto& verdicts = draft.units[at];
    if (!drift) {
      if (wants_interval(book, verdicts, all)) interval.prove(at, draft);
      continue;
    }
    const Eigen::VectorXd z_drift = drift->next();
    // A learned slope that moved changes what the margin is: from −z to −∞ when it leaves 0.
    const Eigen::VectorXd slope = network.site(at).activation()->slope_motion(last->site(at));
    draft.z_drift[at] = (slope.array() == 0.0).select(z_drift.array(), kInfinity);
    prove_by_margin(book, draft.z_drift[at], verdicts);
    if (wants_interval(book, verdicts, all)) interval.prove(at, draft);
    Eigen::VectorXd a_drift = drift->of_outputs(z_drift);
    if (book.dead_is_zero)
      for (std::size_t unit = 0; unit < book.units.size(); ++unit)
        if (book.units[unit].dead && verdicts[unit].state == UnitState::dead) a_drift[static_cast<Index>(unit)] = 0.0;
    // Each position may drift so.
    draft.norm_drift[at] = a_drift.norm() * std::sqrt(static_cast<double>(network.site(at).positions())) * (1.0 + 1e-9);
    drift->pass_on(book.norm.highest(), std::move(a_drift));
  }
}

void move_levels(std::vector<LayerBook>& books, const CensusDraft& draft) {
  for (std::size_t at = 0; at < books.size(); ++at) {
    const bool measured = draft.z_drift[at].size() > 0;
    for (std::size_t unit = 0; unit < books[at].units.size(); ++unit)
      books[at].units[unit].levels.travel(measured ? draft.z_drift[at][static_cast<Index>(unit)] : kInfinity);
    books[at].norm.travel(measured ? draft.norm_drift[at] : kInfinity);
  }
}

template void prove_dead(const Network<float>&, const Network<float>*, const std::vector<LayerBook>&,
                         LazyExtent<float>&, bool, CensusDraft&);
template void prove_dead(const Network<double>&, const Network<double>*, const std::vector<LayerBook>&,
                         LazyExtent<double>&, bool, CensusDraft&);

}  // namespace reluscope
