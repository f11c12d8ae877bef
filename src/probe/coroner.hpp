#pragma once
// The coroner: what pushed a unit out of its live region. For a sample x* that activated the unit at the last census,
// the change of its pre-activation since then splits exactly:
//   Δz(x*) = ΔW·h_old(x*)     own weights
//          + Δb               own bias
//          + W_new·Δh(x*)     upstream: what feeds the unit has moved
// (add and subtract W_new·h_old), where h is what the unit sees at the position of x* at which it was farthest into its
// live region. Where no affine map makes z, all of it is upstream. The term that pushed most in the
// direction of the dead region is the cause.

#include <span>
#include <string_view>
#include <vector>

#include "data/dataset.hpp"
#include "nn/network.hpp"

namespace reluscope {

/// A unit that was alive in `before` and is dead in `now`.
struct Death {
  std::size_t layer = 0;  ///< among the layers with units
  std::size_t unit = 0;
  Index witness = 0;  ///< a training sample that activated it before
};

struct Autopsy {
  double own_weights = 0.0;
  double own_bias = 0.0;
  double upstream = 0.0;
  double z_before = 0.0;  ///< of the witness
  double z_now = 0.0;
  double rounding = 0.0;  ///< the terms add up to z_now − z_before within this
  template <class Archive>
  void archive(Archive& file) {
    file(own_weights, own_bias, upstream, z_before, z_now, rounding);
  }
  /// own_weights, own_bias or upstream; empty if a term is no number.
  [[nodiscard]] std::string_view cause() const;
};

/// In the order of `deaths`. Terms are computed in float64 from the layers' inputs, which are those of evaluation mode.
template <class T>
std::vector<Autopsy> examine(const Network<T>& before, const Network<T>& now, const Dataset& dataset,
                             std::span<const Death> deaths);

}  // namespace reluscope
