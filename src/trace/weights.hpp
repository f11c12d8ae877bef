#pragma once
// Parameters in and out of files: safetensors (github.com/huggingface/safetensors: 8 bytes little-endian length of a
// JSON header, the header, the data). Names and shapes are those of a PyTorch nn.Sequential called `layers` that is
// built of Linear, activation and Dropout modules: layers.0.weight (out × in), layers.0.bias, layers.1.weight (the
// slopes of a PReLU), layers.2.weight, … A layer whose activation is identity takes one place, any other dense layer
// two.

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "nn/network.hpp"

namespace reluscope {

/// One array: row by row (the last index fastest), F32 or F64, little-endian.
struct Tensor {
  std::string name;
  std::vector<std::int64_t> shape;
  bool single = true;     ///< F32, else F64
  std::size_t begin = 0;  ///< its bytes in Weights::data
  std::size_t end = 0;
};

struct Weights {
  std::vector<Tensor> tensors;
  std::string data;
};

/// Throws DataError for whatever a file may have wrong: cut off, a header that lies about sizes, arrays that overlap or
/// leave gaps, names that come twice, another element type. Takes as much memory as the file is large, and its header
/// once more.
Weights read_weights(const std::filesystem::path& path);
/// Atomically. Throws IoError.
void write_weights(const std::filesystem::path& path, const Weights& weights);

/// The parameters of a network.
template <class T>
Weights export_weights(const Network<T>& network);
/// Puts them into a network of the same shape. Throws DataError, naming `origin`, the array, and what would be right.
template <class T>
void import_weights(const Weights& weights, const std::string& origin, Network<T>& network);

}  // namespace reluscope
