#include "experiment/initial_network.hpp"

#include "trace/weights.hpp"

namespace reluscope {

template <class T>
Network<T> initial_network(const ExperimentSpec& spec, Index features, std::uint64_t seed) {
  Network<T> network(spec.network, features, seed);
  if (spec.network.init_from)
    import_weights(read_safetensors(*spec.network.init_from), spec.network.init_from->string(), network);
  return network;
}

template Network<float> initial_network(const ExperimentSpec&, Index, std::uint64_t);
template Network<double> initial_network(const ExperimentSpec&, Index, std::uint64_t);

}  // namespace reluscope
