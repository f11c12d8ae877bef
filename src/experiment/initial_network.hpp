#pragma once

#include "config/spec.hpp"
#include "nn/network.hpp"

namespace reluscope {

/// The network of `spec` before training: drawn from `seed`, or with the parameters of network.init_from. Throws
/// DataError for a file that does not fit.
template <class T>
Network<T> initial_network(const ExperimentSpec& spec, const Shape& input, std::uint64_t seed);

}  // namespace reluscope
