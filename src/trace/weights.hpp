#pragma once
// A network's parameters in and out of files (safetensors.hpp). Names and shapes are those of a PyTorch nn.Sequential
// called `layers` that is built of modules as the config has layers: layers.0.weight (out × in, or out × in × height ×
// width), layers.0.bias, layers.1.weight (the slopes of a PReLU), layers.2.weight, … A layer takes one place, its norm
// another, and its activation one more unless that is identity; so does the Flatten that a dense layer on channels at
// positions needs, be it one position. Those of a residual block stand in its Sequentials `body` and `shortcut`:
// layers.3.body.0.weight (nn/node_table.hpp).

#include <string>
#include <vector>

#include "nn/network.hpp"
#include "trace/safetensors.hpp"

namespace reluscope {

/// Appends matrices of the shapes of a network's parameters, in their order, under the parameters' names after
/// `prefix`.
template <class T>
void append_matrices(Tensors& to, const std::string& prefix, const Network<T>& network,
                     const std::vector<const Matrix<T>*>& matrices);
/// The reverse. Throws DataError, naming `origin`, the array, and what would be right, where one is missing or of
/// another shape.
template <class T>
void fill_matrices(const Tensors& from, const std::string& prefix, const std::string& origin, const Network<T>& network,
                   const std::vector<Matrix<T>*>& matrices);

/// The same of its buffers, the running statistics.
template <class T>
void append_buffers(Tensors& to, const std::string& prefix, const Network<T>& network);
template <class T>
void fill_buffers(const Tensors& from, const std::string& prefix, const std::string& origin, Network<T>& network);

/// The parameters and buffers of a network.
template <class T>
Tensors export_weights(const Network<T>& network);
/// Puts them into a network of the same shape. Throws DataError, as fill_matrices does, and for arrays that the network
/// has no place for (of a checkpoint it takes the parameters alone).
template <class T>
void import_weights(const Tensors& weights, const std::string& origin, Network<T>& network);

}  // namespace reluscope
