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

/// Whether its kernels are taken on this CPU: those for AVX-512.
bool has_onednn_convolution();
/// Not with a strided 1 × 1 window, as the shortcut of a residual block has: oneDNN 2.6's kernel for ∂L/∂W writes
/// behind the scratchpad that it asks for. With AVX-512 by up to some hundred kilobytes, from some 56 × 56 positions on
/// where the channels are no whole vectors; with AVX2 by up to a kilobyte.
bool can_trust_onednn(const Window& window);
std::unique_ptr<Convolution<float>> make_onednn_convolution(const Window& window, Index units);

}  // namespace reluscope
