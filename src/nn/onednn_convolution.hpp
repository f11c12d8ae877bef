#pragma once
// oneDNN's direct convolution, in the builds that have it (RELUSCOPE_ONEDNN_CONVOLUTION).
//
// Samples and deltas stay as they are, channels last; only W is repacked, once after each change, so that nothing is
// reordered between layers. A sample at a time goes forward and back: its bits then cannot depend on the batch around
// it, and for all but the smallest images it costs nothing. ∂L/∂W is summed over a shard's samples by one call.
// No Winograd: its rounding would be larger than what bounds.hpp allows for.

#include <memory>

#include "nn/convolution.hpp"

namespace reluscope {

/// Whether its kernels for this CPU can be trusted: those for AVX-512. Of oneDNN 2.6's for AVX2, that for ∂L/∂W of a
/// strided 1 × 1 convolution writes up to a kilobyte behind the scratchpad that it asks for.
bool has_onednn_convolution();
std::unique_ptr<Convolution<float>> make_onednn_convolution(const Window& window, Index units);

}  // namespace reluscope
