#include "trace/safetensors.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstring>
#include <new>
#include <nlohmann/json.hpp>
#include <set>
#include <tuple>

#include "data/input_file.hpp"
#include "util/error.hpp"
#include "util/format.hpp"
#include "util/hash.hpp"
#include "util/input.hpp"
#include "util/memory.hpp"
#include "util/text_file.hpp"

namespace reluscope {

namespace {

static_assert(std::endian::native == std::endian::little, "the format is little-endian");

constexpr std::size_t kLengthBytes = 8;
constexpr std::size_t kMostDimensions = 64;
constexpr const char* kMetadataKey = "__metadata__";
const std::string kNoChecksum(16, '0');

struct TypeRow {
  std::string_view name;
  std::size_t bytes;
};
/// In the order of TensorType.
constexpr std::array<TypeRow, 13> kTypes = {{{"BOOL", 1},
                                             {"U8", 1},
                                             {"I8", 1},
                                             {"U16", 2},
                                             {"I16", 2},
                                             {"F16", 2},
                                             {"BF16", 2},
                                             {"U32", 4},
                                             {"I32", 4},
                                             {"F32", 4},
                                             {"U64", 8},
                                             {"I64", 8},
                                             {"F64", 8}}};

/// Takes the header in as the parser goes over it, and stops it at the first thing that does not belong: no tree of
/// the whole header is ever built, and nesting has nowhere to go.
class HeaderReader final : public nlohmann::json_sax<nlohmann::json> {
 public:
  explicit HeaderReader(std::uint64_t data_bytes) : data_bytes_(data_bytes) {}

  std::vector<Tensor> tensors;
  std::map<std::string, std::string> metadata;
  std::string fault;

  bool null() override { return misplaced("null"); }
  bool boolean(bool value) override { return misplaced(value ? "true" : "false"); }
  bool number_integer(number_integer_t value) override { return misplaced(std::to_string(value)); }
  bool number_unsigned(number_unsigned_t value) override {
    if (place_ != Place::shape && place_ != Place::offsets) return misplaced(std::to_string(value));
    std::vector<std::uint64_t>& list = place_ == Place::shape ? shape_ : offsets_;
    if (value > static_cast<std::uint64_t>(INT64_MAX) || list.size() == kMostDimensions)
      return misplaced(std::to_string(value));
    list.push_back(value);
    return true;
  }
  bool number_float(number_float_t /*value*/, const string_t& text) override { return misplaced(text); }
  bool string(string_t& value) override {
    if (place_ == Place::metadata) {
      if (!metadata.emplace(key_, value).second) return refuse("the metadata '" + key_ + "' come twice");
      return true;
    }
    if (place_ != Place::tensor || key_ != "dtype") return misplaced(in_quotes(value));
    const auto* known =
        std::find_if(kTypes.begin(), kTypes.end(), [&](const TypeRow& row) { return row.name == value; });
    if (known == kTypes.end())
      return wrong("found element type " + in_quotes(value) + ", expected one of F32, F64, F16, BF16, U8, …");
    tensors.back().type = static_cast<TensorType>(known - kTypes.begin());
    return true;
  }
  bool binary(binary_t& /*value*/) override { return misplaced("binary"); }
  bool start_object(std::size_t /*size*/) override {
    if (place_ == Place::start) {
      place_ = Place::top;
    } else if (place_ == Place::top && key_ == kMetadataKey) {
      place_ = Place::metadata;
    } else if (place_ == Place::top) {
      place_ = Place::tensor;
      tensors.emplace_back().name = key_;
      given_.clear();
      shape_.clear();
      offsets_.clear();
    } else {
      return misplaced("{");
    }
    return true;
  }
  bool key(string_t& name) override {
    if (place_ == Place::top && !names_.insert(name).second)
      return refuse("the array " + in_quotes(name) + " is described twice");
    if (place_ == Place::tensor) {
      if (name != "dtype" && name != "shape" && name != "data_offsets")
        return wrong("unknown key " + in_quotes(name) + ", expected dtype, shape and data_offsets");
      if (!given_.insert(name).second) return wrong(name + " is given twice");
    }
    key_ = name;
    return true;
  }
  bool end_object() override {
    if (place_ == Place::tensor && !finish_tensor()) return false;
    place_ = place_ == Place::top ? Place::end : Place::top;
    return true;
  }
  bool start_array(std::size_t /*size*/) override {
    if (place_ != Place::tensor || (key_ != "shape" && key_ != "data_offsets")) return misplaced("[");
    place_ = key_ == "shape" ? Place::shape : Place::offsets;
    return true;
  }
  bool end_array() override {
    place_ = Place::tensor;
    return true;
  }
  bool parse_error(std::size_t /*position*/, const std::string& /*token*/,
                   const nlohmann::detail::exception& /*error*/) override {
    return refuse("the header is not a JSON object: not safetensors");
  }

 private:
  enum class Place { start, top, metadata, tensor, shape, offsets, end };

  bool refuse(const std::string& message) {
    if (fault.empty()) fault = message;
    return false;
  }
  bool wrong(const std::string& message) {
    return refuse("the array " + in_quotes(tensors.back().name) + ": " + message);
  }
  /// A value where none of its kind belongs.
  bool misplaced(const std::string& found) {
    switch (place_) {
      case Place::shape:
        return wrong("found " + found + " in its shape, expected a list of lengths");
      case Place::offsets:
        return wrong("found " + found + " in its offsets, expected [begin, end]");
      case Place::tensor:
        return wrong("found " + found + " for " + key_);
      case Place::top:
        return refuse(in_quotes(key_) + ": found " + found + ", expected an object with dtype, shape and data_offsets");
      case Place::metadata:
        return refuse("the metadata " + in_quotes(key_) + " are not text");
      default:
        return refuse("the header is not a JSON object: not safetensors");
    }
  }
  bool finish_tensor() {
    Tensor& tensor = tensors.back();
    if (given_.size() != 3) return wrong("expected an object with dtype, shape and data_offsets");
    if (offsets_.size() != 2 || offsets_[0] > offsets_[1] || offsets_[1] > data_bytes_)
      return wrong("expected [begin, end] within " + std::to_string(data_bytes_) + " bytes of data as data_offsets");
    tensor.begin = static_cast<std::size_t>(offsets_[0]);
    tensor.end = static_cast<std::size_t>(offsets_[1]);
    std::uint64_t bytes = tensor_type_bytes(tensor.type);
    for (const std::uint64_t length : shape_) {
      tensor.shape.push_back(static_cast<std::int64_t>(length));
      bytes = saturating_product(bytes, length);
    }
    if (bytes != offsets_[1] - offsets_[0])
      return wrong("shape " + shape_text(tensor.shape) + " does not fill its " +
                   std::to_string(offsets_[1] - offsets_[0]) + " bytes");
    return true;
  }

  std::uint64_t data_bytes_;
  Place place_ = Place::start;
  std::string key_;
  std::set<std::string> names_;
  std::set<std::string> given_;
  std::vector<std::uint64_t> shape_;
  std::vector<std::uint64_t> offsets_;
};

/// As it stands in a header.
std::string checksum_entry(const std::string& checksum) {
  return std::string("\"") + kChecksumKey + "\":\"" + checksum + '"';
}

/// Whether what was read is what was written; nothing where there is no checksum.
std::optional<bool> is_intact(std::string header, const Tensors& tensors) {
  const auto found = tensors.metadata.find(kChecksumKey);
  if (found == tensors.metadata.end()) return std::nullopt;
  const std::string entry = checksum_entry(found->second);
  const std::size_t place = header.find(entry);
  if (place == std::string::npos || found->second.size() != kNoChecksum.size()) return false;
  header.replace(place, entry.size(), checksum_entry(kNoChecksum));
  const std::array<std::string_view, 2> parts = {header, tensors.data};
  return content_hash(parts) == found->second;
}

template <class Stored>
double as_number(std::string_view bytes, std::size_t element) {
  Stored value;
  std::memcpy(&value, bytes.data() + element * sizeof(Stored), sizeof(Stored));
  return static_cast<double>(value);
}

/// IEEE half and bfloat16 by their bits: both are exact in double.
double half_number(std::uint16_t bits) {
  const double sign = (bits & 0x8000U) != 0 ? -1.0 : 1.0;
  const int exponent = static_cast<int>(bits >> 10U & 0x1FU);
  const double fraction = static_cast<double>(bits & 0x3FFU) / 1024.0;
  if (exponent == 0) return sign * std::ldexp(fraction, -14);
  if (exponent == 31)
    return fraction != 0.0 ? std::numeric_limits<double>::quiet_NaN() : sign * std::numeric_limits<double>::infinity();
  return sign * std::ldexp(1.0 + fraction, exponent - 15);
}
double brain_number(std::uint16_t bits) {
  return static_cast<double>(std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16U));
}

}  // namespace

std::string_view tensor_type_name(TensorType type) { return kTypes[static_cast<std::size_t>(type)].name; }
std::size_t tensor_type_bytes(TensorType type) { return kTypes[static_cast<std::size_t>(type)].bytes; }

std::string shape_text(const std::vector<std::int64_t>& shape) {
  std::string text = "[";
  for (std::size_t at = 0; at < shape.size(); ++at) text += (at > 0 ? ", " : "") + std::to_string(shape[at]);
  return text + "]";
}

const Tensor* Tensors::find(std::string_view name) const {
  const auto found =
      std::find_if(tensors.begin(), tensors.end(), [&](const Tensor& tensor) { return tensor.name == name; });
  return found == tensors.end() ? nullptr : &*found;
}

double Tensors::number(const Tensor& tensor, std::size_t element) const {
  const std::string_view content = bytes(tensor);
  switch (tensor.type) {
    case TensorType::boolean:
    case TensorType::u8:
      return as_number<std::uint8_t>(content, element);
    case TensorType::i8:
      return as_number<std::int8_t>(content, element);
    case TensorType::u16:
      return as_number<std::uint16_t>(content, element);
    case TensorType::i16:
      return as_number<std::int16_t>(content, element);
    case TensorType::f16:
      return half_number(static_cast<std::uint16_t>(as_number<std::uint16_t>(content, element)));
    case TensorType::bf16:
      return brain_number(static_cast<std::uint16_t>(as_number<std::uint16_t>(content, element)));
    case TensorType::u32:
      return as_number<std::uint32_t>(content, element);
    case TensorType::i32:
      return as_number<std::int32_t>(content, element);
    case TensorType::f32:
      return as_number<float>(content, element);
    case TensorType::u64:
      return as_number<std::uint64_t>(content, element);
    case TensorType::i64:
      return as_number<std::int64_t>(content, element);
    case TensorType::f64:
      break;
  }
  return as_number<double>(content, element);
}

std::span<char> Tensors::append(std::string name, std::vector<std::int64_t> shape, TensorType type) {
  std::size_t bytes = tensor_type_bytes(type);
  for (const std::int64_t length : shape) bytes *= static_cast<std::size_t>(length);
  const std::size_t begin = data.size();
  data.resize(begin + bytes);
  tensors.push_back({std::move(name), std::move(shape), type, begin, begin + bytes});
  return {data.data() + begin, bytes};
}

Tensors read_safetensors(const std::filesystem::path& path) {
  const auto refuse = [&](std::uint64_t byte, const std::string& message) {
    throw DataError(path.string() + ": byte " + std::to_string(byte) + ": " + message);
  };
  const Descriptor file = open_for_reading(path, FileKind::regular);
  if (file.number() < 0) throw DataError(path.string() + ": cannot be read: " + std::strerror(errno));
  const std::uint64_t size = size_of(file);
  std::uint64_t header_bytes = 0;
  if (read_at(file.number(), 0, &header_bytes, kLengthBytes) < kLengthBytes) refuse(0, "too short for safetensors");
  if (header_bytes > std::min(size - kLengthBytes, kMostHeaderBytes))
    refuse(0, "a header of " + std::to_string(header_bytes) + " bytes in a file of " + std::to_string(size) +
                  ", expected at most " + std::to_string(std::min(size - kLengthBytes, kMostHeaderBytes)));
  Tensors result;
  HeaderReader header(size - kLengthBytes - header_bytes);
  std::string text(header_bytes, '\0');
  if (read_at(file.number(), kLengthBytes, text.data(), text.size()) < text.size())
    refuse(kLengthBytes, "cannot be read to its end");
  // The format wants the brace first; and the parser takes a NUL for the end, whatever follows.
  if (!text.starts_with('{')) refuse(kLengthBytes, "the header is not a JSON object: not safetensors");
  if (const std::size_t nul = text.find('\0'); nul != std::string::npos)
    refuse(kLengthBytes + nul, "found a NUL in the header, expected blanks behind its JSON object");
  if (!nlohmann::json::sax_parse(text, &header)) refuse(kLengthBytes, header.fault);
  try {
    if (size > available_memory_bytes()) throw std::bad_alloc();
    result.data.resize(size - kLengthBytes - header_bytes);
  } catch (const std::bad_alloc&) {
    refuse(kLengthBytes + header_bytes, "the arrays need " + format_bytes(size) + " of memory, this machine has " +
                                            format_bytes(available_memory_bytes()));
  }
  if (read_at(file.number(), kLengthBytes + header_bytes, result.data.data(), result.data.size()) < result.data.size())
    refuse(kLengthBytes + header_bytes, "cannot be read to its end");
  result.tensors = std::move(header.tensors);
  result.metadata = std::move(header.metadata);
  std::sort(result.tensors.begin(), result.tensors.end(), [](const Tensor& left, const Tensor& right) {
    return std::tie(left.begin, left.end) < std::tie(right.begin, right.end);
  });
  std::size_t end = 0;
  for (const Tensor& tensor : result.tensors) {
    if (tensor.begin != end)
      refuse(kLengthBytes + header_bytes + std::min(end, tensor.begin),
             "the array " + in_quotes(tensor.name) +
                 (tensor.begin < end ? " overlaps another" : " leaves a gap before it"));
    end = tensor.end;
  }
  if (end != result.data.size()) refuse(kLengthBytes + header_bytes + end, "bytes that belong to no array");
  result.intact = is_intact(std::move(text), result);
  return result;
}

void write_safetensors(const std::filesystem::path& path, const Tensors& tensors, bool with_checksum) {
  nlohmann::ordered_json header;
  header[kMetadataKey] = {{"format", "pt"}};
  if (with_checksum) header[kMetadataKey][kChecksumKey] = kNoChecksum;
  for (const auto& [key, value] : tensors.metadata)
    if (key != "format" && key != kChecksumKey) header[kMetadataKey][key] = value;
  for (const Tensor& tensor : tensors.tensors)
    header[tensor.name] = {{"dtype", tensor_type_name(tensor.type)},
                           {"shape", tensor.shape},
                           {"data_offsets", {tensor.begin, tensor.end}}};
  std::string text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');  // so that the data are aligned
  if (with_checksum) {
    const std::array<std::string_view, 2> parts = {text, tensors.data};
    const std::string entry = checksum_entry(content_hash(parts));
    text.replace(text.find(checksum_entry(kNoChecksum)), entry.size(), entry);
  }
  const std::uint64_t length = text.size();
  const std::array<std::string_view, 3> parts = {std::string_view(reinterpret_cast<const char*>(&length), kLengthBytes),
                                                 text, tensors.data};
  write_file_atomically(path, parts);
}

}  // namespace reluscope
