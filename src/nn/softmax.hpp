#pragma once
// Softmax over the units of a layer: the one activation of which each output depends on every pre-activation.

#include <memory>

#include "nn/activation.hpp"

namespace reluscope {

/// a_i = exp(z_i − max z) / Σ_j exp(z_j − max z), of each column. Backward multiplies by the full Jacobian, ∂a_i/∂z_j =
/// a_i (δ_ij − a_j): ∂L/∂z_i = a_i (∂L/∂a_i − Σ_j a_j ∂L/∂a_j) (Bridle 1990). What is measured as φ' is its diagonal
/// a_i (1 − a_i). The layer's units have to be all of `call.units`.
template <class T>
std::unique_ptr<ActivationKernel<T>> make_softmax_kernel();

}  // namespace reluscope
