#include "experiment/initial_network.hpp"

#include "trace/weights.hpp"
#include "util/error.hpp"

namespace reluscope {

template <class T>
Network<T> initial_network(const ExperimentSpec& spec, const Shape& input, std::uint64_t seed) {
  Network<T> network(spec.network, input, seed);
  if (!spec.network.init_from) return network;
  const std::filesystem::path& path = *spec.network.init_from;
  const Tensors weights = read_safetensors(path);
  if (!weights.intact.value_or(true))
    throw DataError(path.string() + ": damaged: its checksum is not that of its content");
  import_weights(weights, path.string(), network);
  return network;
}

template Network<float> initial_network(const ExperimentSpec&, const Shape&, std::uint64_t);
template Network<double> initial_network(const ExperimentSpec&, const Shape&, std::uint64_t);

}  // namespace reluscope
