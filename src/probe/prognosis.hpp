#pragma once
// The prognosis: which dead units provably cannot revive before the run ends. A lock is a proof; what no certificate
// covers is revivable ("tentatively dead", Shin & Karniadakis 2020).
//
// The common ground. A unit that is dead on D has φ'(z(x)) = 0 for every training sample, whatever the batches and
// their order, so its own weights and bias get a gradient of exactly 0 as long as it stays dead (δ = ∂L/∂a · φ' = 0 and
// 0·h = 0; clipping scales 0). They move by what the optimiser does without a gradient alone: each element coasts to
// s·θ + r with one factor s in [shrink, 1], |r| ≤ rest (UpdateRule::shrink and rest in optim/optimizer.hpp, where the
// argument for each optimiser stands). No momentum and no decay: s = 1 and r = 0, nothing moves at all. Weights and
// biases may shrink by factors of their own (an L2 penalty is on weights alone). L2 decay through adaptive rates (adam,
// rmsprop, adagrad) has no such s, nor has an L1 penalty on weights, and nothing is locked. A prelu slope gets a
// gradient even where the unit is dead (slope exactly 0), and nothing is locked either. That holds in training passes
// only if they see what the census saw: where dropout or a random slope comes before the layer, D is not what it is
// trained on, and only certificates count that cover the inputs dropout can make of D.
//
//   domain  Sites that the data feed: no parameters come before them, as in the first layer. Over the box of D (with
//           dropout before it, widened to [0, 1/(1 − p)] times its values) z stays in the dead region by interval
//           bounds: z ≤ τ − m. So w·x ≤ τ − m − b, and coasting turns z into at most
//           s_w(τ − m − b) + s_b b + ‖r‖H + |r_b| with H the largest norm in the box. It is locked if that is ≤ τ for
//           every s_w and s_b in their [shrink, 1]; where both are one s, for every s.
//           Or: sites on a layer norm, which alone they read, whatever finite values feed that. z = γ x̂ + β with |x̂| ≤
//           R (Node::normal_reach), so it is locked if (|γ| + |r_γ|)R + s_β β + |r_β| ≤ τ for every s_β, at each
//           position. γ and β are the unit's own, and get no gradient while it is dead.
//   frozen  The same sites, no dropout before them: with m from the census and H over D.
//           Or: all that a site depends on, itself too, is cut off from the loss by wholly dead sites that no dropout
//           precedes, as what is below a wholly dead layer is. Then every gradient there is exactly 0 as long as they
//           stay wholly dead; if none of those parameters moves by a bit any more, all pre-activations are frozen. (Not
//           where activations below are penalised: that is a gradient of their own.)
//   sign    Inputs that are never negative (what feeds it has φ ≥ 0; dropout keeps that), no weight above 0, and a
//           bias in the dead region: z ≤ τ whatever comes before does. Coasting must keep the signs:
//           s·w + r ≤ 0, s·b + r ≤ τ.
//
// But for the layer norm, all of it is about units on an affine map; of other sites, and behind a node that does not
// answer (nn/node.hpp), nothing is known, and nothing is locked.
//
// Rounding. Each update rounds each element by a factor of at most 1 ± u: over the K steps to come that is 2Ku(‖w‖H +
// |b|) on z, plus the slack of a computed z (nn/bounds.hpp). An element with rest ≤ |θ|u/4 does not move at all: every
// update is less than a quarter of its spacing and is rounded away.

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "nn/network.hpp"
#include "optim/optimizer.hpp"
#include "probe/census.hpp"
#include "probe/extent.hpp"
#include "probe/reach.hpp"
#include "util/archive.hpp"

namespace reluscope {

enum class Lock : std::uint8_t { none, domain, sign, frozen };
constexpr Lock last_of(Lock /*any*/) { return Lock::frozen; }
/// "", domain, sign, frozen.
std::string_view lock_name(Lock lock);

template <class T>
class Prognosis {
 public:
  /// All references must outlive it.
  Prognosis(const Network<T>& network, const Optimizer<T>& optimizer, const Penalty& penalty, LazyExtent<T>& extent);

  /// Looks for certificates for the dead units of this census, taken at `step` and the network's present parameters.
  /// Locks are for good. A unit that has none is not looked at again at once, but after 1, 2, 4 … 64 steps.
  void judge(std::int64_t step, const CensusResult& census, const RatesAhead& rates);

  /// [layer][unit]
  [[nodiscard]] const std::vector<std::vector<Lock>>& locks() const { return locks_; }

  template <class Archive>
  void archive(Archive& file) {
    for (std::size_t at = 0; at < locks_.size(); ++at) {
      file.sized(locks_[at], locks_[at].size());
      file.sized(patience_[at], patience_[at].size());
    }
    file(frozen_patience_);
  }

 private:
  struct Patience {
    std::int64_t next = 0;
    std::int64_t wait = 1;
    template <class Archive>
    void archive(Archive& file) {
      file(next);
      file.within(wait, 1, 1024);
    }
  };
  struct Coasting {
    double shrink_weights = 1.0;
    double shrink_bias = 1.0;
    double weights = 0.0;  ///< ‖r‖ of the unit's weights
    double bias = 0.0;
    bool still = false;  ///< no parameter of the unit moves by a bit
  };

  /// What z can be in training passes, whatever the batch; the norm of what feeds it then, and over D in evaluation.
  struct InTraining {
    Box z;
    double norm = 0.0;
    double norm_over_data = 0.0;
  };

  [[nodiscard]] const InTraining& bound_in_training(std::size_t layer);
  /// Of a node's parameter of this role; 1 and 0 where it has none.
  [[nodiscard]] std::optional<double> shrink(std::size_t node, ParameterRole role, const RatesAhead& rates) const;
  [[nodiscard]] double rest(std::size_t node, ParameterRole role, const RatesAhead& rates, Index element) const;
  [[nodiscard]] std::optional<Coasting> coasting(std::size_t layer, Index unit, const RatesAhead& rates) const;
  [[nodiscard]] bool stays_dead(std::size_t layer, Index unit, const Coasting& coasting, double margin, double norm,
                                double steps) const;
  [[nodiscard]] bool keeps_sign(std::size_t layer, Index unit, const RatesAhead& rates) const;
  [[nodiscard]] bool is_kept_by_norm(std::size_t layer, Index unit, const RatesAhead& rates) const;
  [[nodiscard]] Lock certify(std::size_t layer, Index unit, const UnitCensus& census, const RatesAhead& rates);
  [[nodiscard]] std::vector<std::size_t> cut_off_sites(const CensusResult& census) const;
  [[nodiscard]] bool all_still(const std::vector<std::size_t>& sites, const RatesAhead& rates) const;

  const Network<T>& network_;
  const Optimizer<T>& optimizer_;
  bool penalised_activations_;
  LazyExtent<T>& extent_;
  std::vector<ByRole<std::size_t>> places_;  ///< of the parameters of each node, in the optimiser's list
  std::vector<bool> never_negative_;         ///< of each node: its outputs
  std::vector<bool> fed_by_data_;            ///< of each site: nothing with parameters comes before it
  std::vector<bool> sees_data_;              ///< of each site: training passes feed it what evaluation does
  std::vector<std::vector<Lock>> locks_;
  std::vector<std::vector<Patience>> patience_;
  Patience frozen_patience_;
  std::vector<std::optional<InTraining>> in_training_;  ///< of each site, at the present parameters
};

}  // namespace reluscope
