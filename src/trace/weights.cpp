#include "trace/weights.hpp"

#include <algorithm>
#include <cstring>
#include <set>
#include <utility>

#include "trace/checkpoint.hpp"
#include "util/error.hpp"

namespace reluscope {

namespace {

struct ParameterPlace {
  std::string name;  ///< in an nn.Sequential
  std::vector<std::int64_t> shape;
};

/// Of each parameter, in order.
template <class T>
std::vector<ParameterPlace> places(const Network<T>& network) {
  std::vector<ParameterPlace> all;
  for (std::size_t index = 0; index < network.depth(); ++index) {
    const Node<T>& node = network.node(index);
    for (const Parameter<T>* parameter : node.parameters()) {
      const std::vector<Index> shape = node.array_shape(parameter->role);
      all.push_back({parameter->name, {shape.begin(), shape.end()}});
    }
  }
  return all;
}

template <class T>
constexpr TensorType kTypeOf = sizeof(T) == 4 ? TensorType::f32 : TensorType::f64;

template <class T>
void copy_rows(const Tensors& from, const Tensor& tensor, Matrix<T>& value) {
  if (tensor.type == kTypeOf<T>) {
    Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor> rows(value.rows(), value.cols());
    if (rows.size() > 0) std::memcpy(rows.data(), from.bytes(tensor).data(), from.bytes(tensor).size());
    value = rows;
    return;
  }
  std::size_t element = 0;
  for (Index row = 0; row < value.rows(); ++row)
    for (Index column = 0; column < value.cols(); ++column)
      value(row, column) = static_cast<T>(from.number(tensor, element++));
}

bool is_float(TensorType type) {
  return type == TensorType::f16 || type == TensorType::bf16 || type == TensorType::f32 || type == TensorType::f64;
}

/// The array of this name. Throws DataError where it is missing, of another shape or not of numbers.
const Tensor& find_array(const Tensors& from, const std::string& origin, const std::string& name,
                         const std::vector<std::int64_t>& shape) {
  const Tensor* found = from.find(name);
  if (found == nullptr) throw DataError(origin + ": there is no array '" + name + "', of shape " + shape_text(shape));
  if (found->shape != shape)
    throw DataError(origin + ": the array '" + name + "' has shape " + shape_text(found->shape) + ", expected " +
                    shape_text(shape));
  if (!is_float(found->type))
    throw DataError(origin + ": the array '" + name + "' has elements " + std::string(tensor_type_name(found->type)) +
                    ", expected F16, BF16, F32 or F64");
  return *found;
}

}  // namespace

template <class T>
void append_matrices(Tensors& to, const std::string& prefix, const Network<T>& network,
                     const std::vector<const Matrix<T>*>& matrices) {
  const std::vector<ParameterPlace> all = places(network);
  for (std::size_t at = 0; at < matrices.size(); ++at) {
    const std::span<char> bytes = to.append(prefix + all[at].name, all[at].shape, kTypeOf<T>);
    const Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor> rows = *matrices[at];
    if (!bytes.empty()) std::memcpy(bytes.data(), rows.data(), bytes.size());
  }
}

template <class T>
void fill_matrices(const Tensors& from, const std::string& prefix, const std::string& origin, const Network<T>& network,
                   const std::vector<Matrix<T>*>& matrices) {
  const std::vector<ParameterPlace> all = places(network);
  for (std::size_t at = 0; at < matrices.size(); ++at) {
    copy_rows(from, find_array(from, origin, prefix + all[at].name, all[at].shape), *matrices[at]);
  }
}

template <class T>
void append_buffers(Tensors& to, const std::string& prefix, const Network<T>& network) {
  for (const Buffer<T>* buffer : network.buffers()) {
    if (buffer->is_count) {
      const auto count = static_cast<std::int64_t>(buffer->value(0, 0));
      std::memcpy(to.append(prefix + buffer->full_name, {}, TensorType::i64).data(), &count, sizeof count);
      continue;
    }
    const std::span<char> bytes = to.append(prefix + buffer->full_name, {buffer->value.rows()}, kTypeOf<T>);
    std::memcpy(bytes.data(), buffer->value.data(), bytes.size());
  }
}

template <class T>
void fill_buffers(const Tensors& from, const std::string& prefix, const std::string& origin, Network<T>& network) {
  for (Buffer<T>* buffer : network.buffers()) {
    const std::string name = prefix + buffer->full_name;
    if (!buffer->is_count) {
      copy_rows(from, find_array(from, origin, name, {buffer->value.rows()}), buffer->value);
    } else if (const Tensor* found = from.find(name); found != nullptr && found->count() == 1) {
      buffer->value(0, 0) = static_cast<T>(from.number(*found, 0));
    }
  }
}

template <class T>
Tensors export_weights(const Network<T>& network) {
  Tensors weights;
  std::vector<const Matrix<T>*> values;
  for (const Parameter<T>* parameter : network.parameters()) values.push_back(&parameter->value);
  append_matrices(weights, "", network, values);
  append_buffers(weights, "", network);
  return weights;
}

template <class T>
void import_weights(const Tensors& weights, const std::string& origin, Network<T>& network) {
  std::vector<Matrix<T>*> values;
  for (Parameter<T>* parameter : network.parameters()) values.push_back(&parameter->value);
  fill_matrices<T>(weights, "", origin, network, values);
  fill_buffers<T>(weights, "", origin, network);
  if (!is_checkpoint(weights)) {
    std::set<std::string> known;
    for (const ParameterPlace& place : places(network)) known.insert(place.name);
    for (const Buffer<T>* buffer : std::as_const(network).buffers()) known.insert(buffer->full_name);
    for (const Tensor& tensor : weights.tensors)
      if (!known.contains(tensor.name))
        throw DataError(origin + ": the network has no place for the array '" + tensor.name + "'");
  }
  network.parameters_changed();
}

template void append_matrices(Tensors&, const std::string&, const Network<float>&,
                              const std::vector<const Matrix<float>*>&);
template void append_matrices(Tensors&, const std::string&, const Network<double>&,
                              const std::vector<const Matrix<double>*>&);
template void fill_matrices(const Tensors&, const std::string&, const std::string&, const Network<float>&,
                            const std::vector<Matrix<float>*>&);
template void fill_matrices(const Tensors&, const std::string&, const std::string&, const Network<double>&,
                            const std::vector<Matrix<double>*>&);
template void append_buffers(Tensors&, const std::string&, const Network<float>&);
template void append_buffers(Tensors&, const std::string&, const Network<double>&);
template void fill_buffers(const Tensors&, const std::string&, const std::string&, Network<float>&);
template void fill_buffers(const Tensors&, const std::string&, const std::string&, Network<double>&);
template Tensors export_weights(const Network<float>&);
template Tensors export_weights(const Network<double>&);
template void import_weights(const Tensors&, const std::string&, Network<float>&);
template void import_weights(const Tensors&, const std::string&, Network<double>&);

}  // namespace reluscope
