#include "trace/weights.hpp"

#include <doctest/doctest.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>

#include "support/specs.hpp"
#include "util/error.hpp"

using namespace reluscope;
using namespace reluscope::test;

namespace {

class Place {
 public:
  Place() : path(std::filesystem::temp_directory_path() / ("reluscope-weights-" + std::to_string(::getpid()))) {}
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;
  ~Place() { std::filesystem::remove(path); }
  std::filesystem::path path;
};

NetworkSpec some_network() {
  NetworkSpec spec;
  spec.layers = {dense("a", 5, activation("relu")), dropout("b", 0.5), dense("c", 4, activation("prelu")),
                 dense("d", 2)};
  return spec;
}

/// A file with this header and so many bytes of data.
std::string file_of(const std::string& header, std::size_t data) {
  const std::uint64_t length = header.size();
  std::string text(reinterpret_cast<const char*>(&length), 8);
  return text + header + std::string(data, '\0');
}

std::string message_of(const std::string& bytes) {
  const Place place;
  std::ofstream(place.path, std::ios::binary) << bytes;
  try {
    (void)read_safetensors(place.path);
  } catch (const DataError& error) { return error.what(); }
  return "";
}

}  // namespace

TEST_CASE("what is written is read back, with the names of a PyTorch Sequential, row by row") {
  const Network<float> network(some_network(), 3, 7);
  const Place place;
  write_safetensors(place.path, export_weights(network));
  const Tensors weights = read_safetensors(place.path);
  std::vector<std::string> names;
  for (const Tensor& tensor : weights.tensors) names.push_back(tensor.name);
  // Linear, ReLU, Dropout, Linear, PReLU, Linear.
  CHECK(names == std::vector<std::string>{"layers.0.weight", "layers.0.bias", "layers.3.weight", "layers.3.bias",
                                          "layers.4.weight", "layers.5.weight", "layers.5.bias"});
  CHECK(weights.tensors[0].shape == std::vector<std::int64_t>{5, 3});
  float second = 0.0F;
  std::memcpy(&second, weights.data.data() + sizeof(float), sizeof(float));
  CHECK(second == network.node(0).parameter(ParameterRole::weight)->value(0, 1));
  Network<float> other(some_network(), 3, 8);
  import_weights(weights, "file", other);
  const auto mine = network.parameters();
  const auto theirs = std::as_const(other).parameters();
  for (std::size_t at = 0; at < mine.size(); ++at) CHECK(mine[at]->value == theirs[at]->value);
  Network<double> wide(some_network(), 3, 9);
  import_weights(weights, "file", wide);
  CHECK(wide.node(0).parameter(ParameterRole::weight)->value == mine[0]->value.cast<double>());
}

TEST_CASE("weights that do not fit the network are refused, and by which array") {
  const Network<float> network(some_network(), 3, 7);
  const Tensors weights = export_weights(network);
  Network<float> wider(some_network(), 4, 7);
  CHECK_THROWS_WITH_AS(import_weights(weights, "f", wider),
                       "f: the array 'layers.0.weight' has shape [5, 3], expected [5, 4]", DataError);
  NetworkSpec longer = some_network();
  longer.layers.push_back(dense("e", 2));
  Network<float> more(longer, 3, 7);
  CHECK_THROWS_AS(import_weights(weights, "f", more), DataError);
  NetworkSpec shorter = some_network();
  shorter.layers.pop_back();
  Network<float> less(shorter, 3, 7);
  CHECK_THROWS_WITH_AS(import_weights(weights, "f", less),
                       "f: the network has no place for the array 'layers.5.weight'", DataError);
}

TEST_CASE("headers that lie are refused with the place and what is wrong") {
  const auto says = [](const std::string& bytes, const std::string& part) {
    const std::string message = message_of(bytes);
    CAPTURE(message);
    CHECK(message.find(part) != std::string::npos);
  };
  says("", "too short");
  says(std::string(8, '\xFF'), "a header of");
  says(file_of("[1]", 0), "not a JSON object");
  says(file_of("{", 0), "not a JSON object");
  says(file_of(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}})", 4), "does not fill");
  says(file_of(R"({"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}})", 4), "a list of lengths");
  says(file_of(R"({"a":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,0]}})", 0), "does not fill");
  says(file_of(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})", 4), "within 4 bytes");
  says(file_of(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[8,4]}})", 8), "expected [begin, end]");
  says(file_of(R"({"a":{"dtype":"C64","shape":[2],"data_offsets":[0,16]}})", 16), "expected one of F32");
  says(
      file_of(
          R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})",
          4),
      "overlaps");
  says(file_of(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})", 8), "a gap");
  says(file_of(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})", 8), "belong to no array");
  says(
      file_of(
          R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})",
          4),
      "twice");
  says(file_of(R"({"a":7})", 0), "expected an object");
}

TEST_CASE("cut off anywhere, a file is refused") {
  const Network<float> network(some_network(), 3, 7);
  const Place place;
  write_safetensors(place.path, export_weights(network));
  std::ifstream file(place.path, std::ios::binary);
  const std::string whole{std::istreambuf_iterator<char>(file), {}};
  for (std::size_t size = 0; size < whole.size(); ++size) CHECK_FALSE(message_of(whole.substr(0, size)).empty());
}
