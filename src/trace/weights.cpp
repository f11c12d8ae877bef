#include "trace/weights.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "util/error.hpp"
#include "util/text_file.hpp"

namespace reluscope {

namespace {

static_assert(std::endian::native == std::endian::little, "the format is little-endian");

/// What the format's own library takes at most.
constexpr std::uint64_t kMostHeaderBytes = 100'000'000;
constexpr std::size_t kLengthBytes = 8;

[[noreturn]] void refuse(const std::filesystem::path& path, std::uint64_t byte, const std::string& message) {
  throw DataError(path.string() + ": byte " + std::to_string(byte) + ": " + message);
}

std::string shape_text(const std::vector<std::int64_t>& shape) {
  std::string text = "[";
  for (std::size_t at = 0; at < shape.size(); ++at) text += (at > 0 ? ", " : "") + std::to_string(shape[at]);
  return text + "]";
}

/// The header as JSON; keys that come twice are refused.
nlohmann::json parse_header(const std::string& text, const std::filesystem::path& path) {
  std::set<std::string> names;
  std::string twice;
  const auto watch = [&](int depth, nlohmann::json::parse_event_t event, nlohmann::json& parsed) {
    if (event == nlohmann::json::parse_event_t::key && depth == 1 && !names.insert(parsed.get<std::string>()).second)
      twice = parsed.get<std::string>();
    return true;
  };
  nlohmann::json header = nlohmann::json::parse(text, watch, false);
  if (!header.is_object()) refuse(path, kLengthBytes, "the header is not a JSON object: not safetensors");
  if (!twice.empty()) refuse(path, kLengthBytes, "the array '" + twice + "' is described twice");
  return header;
}

/// The bytes of an array of this shape; nothing where that overflows or a length is negative.
std::optional<std::uint64_t> bytes_of(const std::vector<std::int64_t>& shape, std::uint64_t element) {
  std::uint64_t bytes = element;
  for (const std::int64_t length : shape) {
    if (length < 0) return std::nullopt;
    const auto count = static_cast<std::uint64_t>(length);
    if (count != 0 && bytes > UINT64_MAX / count) return std::nullopt;
    bytes *= count;
  }
  return bytes;
}

Tensor read_entry(const std::string& name, const nlohmann::json& entry, std::uint64_t data_bytes,
                  const std::filesystem::path& path) {
  const auto wrong = [&](const std::string& message) {
    refuse(path, kLengthBytes, "the array '" + name + "': " + message);
  };
  const auto is_count = [](const nlohmann::json& value) { return value.is_number_integer() && value >= 0; };
  if (!entry.is_object() || !entry.contains("dtype") || !entry.contains("shape") || !entry.contains("data_offsets"))
    wrong("expected an object with dtype, shape and data_offsets");
  Tensor tensor;
  tensor.name = name;
  const nlohmann::json& type = entry["dtype"];
  if (type != "F32" && type != "F64") wrong("found element type " + type.dump() + ", expected F32 or F64");
  tensor.single = type == "F32";
  const nlohmann::json& shape = entry["shape"];
  if (!shape.is_array() || !std::all_of(shape.begin(), shape.end(), is_count))
    wrong("found shape " + shape.dump() + ", expected a list of lengths");
  tensor.shape = shape.get<std::vector<std::int64_t>>();
  const nlohmann::json& offsets = entry["data_offsets"];
  if (!offsets.is_array() || offsets.size() != 2 || !is_count(offsets[0]) || !is_count(offsets[1]) ||
      offsets[0] > offsets[1] || offsets[1] > data_bytes)
    wrong("found offsets " + offsets.dump() + ", expected [begin, end] within " + std::to_string(data_bytes) +
          " bytes of data");
  tensor.begin = offsets[0];
  tensor.end = offsets[1];
  const auto bytes = bytes_of(tensor.shape, tensor.single ? 4 : 8);
  if (!bytes || *bytes != tensor.end - tensor.begin)
    wrong("shape " + shape_text(tensor.shape) + " does not fill its " + std::to_string(tensor.end - tensor.begin) +
          " bytes");
  return tensor;
}

template <class T>
void append_tensor(Weights& weights, const std::string& name, std::vector<std::int64_t> shape, const Matrix<T>& value) {
  Tensor tensor;
  tensor.name = name;
  tensor.shape = std::move(shape);
  tensor.single = sizeof(T) == 4;
  tensor.begin = weights.data.size();
  const Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor> rows = value;
  weights.data.append(reinterpret_cast<const char*>(rows.data()), static_cast<std::size_t>(rows.size()) * sizeof(T));
  tensor.end = weights.data.size();
  weights.tensors.push_back(std::move(tensor));
}

/// Calls visit(name, shape, parameter) for each parameter, in order, with its name in an nn.Sequential.
template <class N, class Visit>
void visit_parameters(N& network, Visit visit) {
  std::size_t place = 0;
  for (std::size_t index = 0; index < network.depth(); ++index) {
    auto& layer = network.layer(index);
    for (auto* parameter : layer.parameters()) {
      const bool slope = parameter->name == "slope";
      const std::string name =
          "layers." + std::to_string(place + (slope ? 1 : 0)) + (slope ? ".weight" : "." + parameter->name);
      std::vector<std::int64_t> shape = {parameter->value.rows()};
      if (parameter->name == "weight") shape.push_back(parameter->value.cols());
      visit(name, shape, parameter->value);
    }
    const bool has_module = layer.activation() != nullptr && layer.activation()->name != "identity";
    place += has_module ? 2 : 1;
  }
}

template <class From, class T>
void copy_rows(const char* bytes, Matrix<T>& value) {
  for (Index row = 0; row < value.rows(); ++row)
    for (Index column = 0; column < value.cols(); ++column, bytes += sizeof(From)) {
      From element;
      std::memcpy(&element, bytes, sizeof(From));
      value(row, column) = static_cast<T>(element);
    }
}

}  // namespace

Weights read_weights(const std::filesystem::path& path) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error)) throw DataError(path.string() + ": not a file with weights");
  const std::uint64_t size = std::filesystem::file_size(path, error);
  std::ifstream file(path, std::ios::binary);
  std::uint64_t header_bytes = 0;
  if (error || !file || size < kLengthBytes || !file.read(reinterpret_cast<char*>(&header_bytes), kLengthBytes))
    refuse(path, 0, "too short for safetensors");
  if (header_bytes > std::min(size - kLengthBytes, kMostHeaderBytes))
    refuse(path, 0, "a header of " + std::to_string(header_bytes) + " bytes in a file of " + std::to_string(size));
  std::string text(header_bytes, '\0');
  Weights weights;
  weights.data.resize(size - kLengthBytes - header_bytes);
  if (!file.read(text.data(), static_cast<std::streamsize>(text.size())) ||
      !file.read(weights.data.data(), static_cast<std::streamsize>(weights.data.size())))
    refuse(path, kLengthBytes, "cannot be read to its end");
  const nlohmann::json header = parse_header(text, path);
  for (const auto& [name, entry] : header.items())
    if (name != "__metadata__") weights.tensors.push_back(read_entry(name, entry, weights.data.size(), path));
  std::sort(weights.tensors.begin(), weights.tensors.end(), [](const Tensor& left, const Tensor& right) {
    return std::tie(left.begin, left.end) < std::tie(right.begin, right.end);
  });
  std::size_t end = 0;
  for (const Tensor& tensor : weights.tensors) {
    if (tensor.begin != end)
      refuse(path, kLengthBytes + header_bytes + std::min(end, tensor.begin),
             "the array '" + tensor.name + (tensor.begin < end ? "' overlaps another" : "' leaves a gap before it"));
    end = tensor.end;
  }
  if (end != weights.data.size()) refuse(path, kLengthBytes + header_bytes + end, "bytes that belong to no array");
  return weights;
}

void write_weights(const std::filesystem::path& path, const Weights& weights) {
  nlohmann::ordered_json header;
  header["__metadata__"] = {{"format", "pt"}};
  for (const Tensor& tensor : weights.tensors)
    header[tensor.name] = {{"dtype", tensor.single ? "F32" : "F64"},
                           {"shape", tensor.shape},
                           {"data_offsets", {tensor.begin, tensor.end}}};
  std::string text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');  // so that the data are aligned
  const std::uint64_t length = text.size();
  std::string file(reinterpret_cast<const char*>(&length), kLengthBytes);
  file += text;
  file += weights.data;
  write_file_atomically(path, file);
}

template <class T>
Weights export_weights(const Network<T>& network) {
  Weights weights;
  visit_parameters(network, [&](const std::string& name, const std::vector<std::int64_t>& shape,
                                const Matrix<T>& value) { append_tensor(weights, name, shape, value); });
  return weights;
}

template <class T>
void import_weights(const Weights& weights, const std::string& origin, Network<T>& network) {
  std::set<std::string> used;
  visit_parameters(network, [&](const std::string& name, const std::vector<std::int64_t>& shape, Matrix<T>& value) {
    const auto found = std::find_if(weights.tensors.begin(), weights.tensors.end(),
                                    [&](const Tensor& tensor) { return tensor.name == name; });
    if (found == weights.tensors.end())
      throw DataError(origin + ": there is no array '" + name + "', of shape " + shape_text(shape));
    if (found->shape != shape)
      throw DataError(origin + ": the array '" + name + "' has shape " + shape_text(found->shape) + ", expected " +
                      shape_text(shape));
    used.insert(name);
    const char* bytes = weights.data.data() + found->begin;
    if (found->single) {
      copy_rows<float>(bytes, value);
    } else {
      copy_rows<double>(bytes, value);
    }
  });
  for (const Tensor& tensor : weights.tensors)
    if (!used.contains(tensor.name))
      throw DataError(origin + ": the network has no place for the array '" + tensor.name + "'");
  network.parameters_changed();
}

template Weights export_weights(const Network<float>&);
template Weights export_weights(const Network<double>&);
template void import_weights(const Weights&, const std::string&, Network<float>&);
template void import_weights(const Weights&, const std::string&, Network<double>&);

}  // namespace reluscope
