#include "trace/weights.hpp"

#include <algorithm>
#include <cstring>
#include <set>

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
  std::size_t place = 0;
  for (std::size_t index = 0; index < network.depth(); ++index) {
    const Node<T>& layer = network.node(index);
    for (const Parameter<T>* parameter : layer.parameters()) {
      const bool slope = parameter->role == ParameterRole::slope;
      ParameterPlace& row = all.emplace_back();
      // An activation is the last module of its node.
      row.name = "layers." + std::to_string(place + (slope ? static_cast<std::size_t>(layer.modules()) - 1 : 0)) +
                 (slope ? ".weight" : "." + std::string(parameter_name(parameter->role)));
      row.shape = {parameter->value.rows()};
      if (parameter->role == ParameterRole::weight) {
        const std::vector<Index> shape = layer.affine()->weight_shape();
        row.shape.assign(shape.begin(), shape.end());
      }
    }
    place += static_cast<std::size_t>(layer.modules());
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
    const std::string name = prefix + all[at].name;
    const Tensor* found = from.find(name);
    if (found == nullptr)
      throw DataError(origin + ": there is no array '" + name + "', of shape " + shape_text(all[at].shape));
    if (found->shape != all[at].shape)
      throw DataError(origin + ": the array '" + name + "' has shape " + shape_text(found->shape) + ", expected " +
                      shape_text(all[at].shape));
    if (!is_float(found->type))
      throw DataError(origin + ": the array '" + name + "' has elements " + std::string(tensor_type_name(found->type)) +
                      ", expected F16, BF16, F32 or F64");
    copy_rows(from, *found, *matrices[at]);
  }
}

template <class T>
Tensors export_weights(const Network<T>& network) {
  Tensors weights;
  std::vector<const Matrix<T>*> values;
  for (const Parameter<T>* parameter : network.parameters()) values.push_back(&parameter->value);
  append_matrices(weights, "", network, values);
  return weights;
}

template <class T>
void import_weights(const Tensors& weights, const std::string& origin, Network<T>& network) {
  std::vector<Matrix<T>*> values;
  for (Parameter<T>* parameter : network.parameters()) values.push_back(&parameter->value);
  fill_matrices<T>(weights, "", origin, network, values);
  if (!is_checkpoint(weights)) {
    std::set<std::string> known;
    for (const ParameterPlace& place : places(network)) known.insert(place.name);
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
template Tensors export_weights(const Network<float>&);
template Tensors export_weights(const Network<double>&);
template void import_weights(const Tensors&, const std::string&, Network<float>&);
template void import_weights(const Tensors&, const std::string&, Network<double>&);

}  // namespace reluscope
