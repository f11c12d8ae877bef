#pragma once
// State as bytes, and back. One function of a class names its members once, for both ways:
//
//   template <class Archive> void archive(Archive& file) { file(a_, b_); file.sized(units_, 12); }
//
// Little-endian, packed, without names: whoever reads must know what was written (a format version says so). The reader
// trusts nothing: it throws BadArchive where the bytes end, where a length, a truth value or a number within bounds is
// impossible, and it never makes room for more than the bytes that are there can fill.

#include <Eigen/Core>
#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <limits>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace reluscope {

static_assert(std::endian::native == std::endian::little, "archives are little-endian");

/// The bytes are not what the reader's side of the program would have written.
class BadArchive : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

template <class V>
concept PlainNumber = std::is_arithmetic_v<V> && !std::is_same_v<V, bool>;

class ArchiveWriter {
 public:
  explicit ArchiveWriter(std::string& bytes) : bytes_(bytes) {}

  template <class... Values>
  void operator()(Values&... values) {
    (put(values), ...);
  }
  /// A list whose length follows from something else, which the reader checks.
  template <class V>
  void sized(std::vector<V>& values, std::size_t /*size*/) {
    put(values);
  }
  /// An integer that must lie in [low, high].
  template <class V>
  void within(V& value, std::type_identity_t<V> /*low*/, std::type_identity_t<V> /*high*/) {
    put(value);
  }

 private:
  template <PlainNumber V>
  void put(V& value) {
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof(V));
  }
  void put(bool& value) { bytes_ += value ? '\1' : '\0'; }
  template <class V>
  requires std::is_enum_v<V>
  void put(V& value) {
    auto number = static_cast<std::uint8_t>(value);
    put(number);
  }
  void put_size(std::size_t size) {
    auto number = static_cast<std::uint64_t>(size);
    put(number);
  }
  void put(std::string& text) {
    put_size(text.size());
    bytes_ += text;
  }
  template <class V>
  void put(std::optional<V>& value) {
    bool present = value.has_value();
    put(present);
    if (present) put(*value);
  }
  template <class V>
  void put(std::vector<V>& values) {
    put_size(values.size());
    if constexpr (PlainNumber<V>) {
      bytes_.append(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(V));
    } else {
      for (V& value : values) put(value);
    }
  }
  template <class V, std::size_t kSize>
  void put(std::array<V, kSize>& values) {
    for (V& value : values) put(value);
  }
  template <class V>
  void put(std::map<std::string, V>& values) {
    put_size(values.size());
    for (auto& [key, value] : values) {
      std::string name = key;
      put(name);
      put(value);
    }
  }
  template <class V>
  requires std::is_class_v<V>
  void put(V& value) { value.archive(*this); }

  std::string& bytes_;
};

class ArchiveReader {
 public:
  explicit ArchiveReader(std::string_view bytes) : bytes_(bytes), whole_(bytes.size()) {}

  template <class... Values>
  void operator()(Values&... values) {
    (get(values), ...);
  }
  template <class V>
  void sized(std::vector<V>& values, std::size_t size) {
    get(values);
    if (values.size() != size)
      fail("a list of " + std::to_string(values.size()) + " where " + std::to_string(size) + " belong");
  }
  template <class V>
  void within(V& value, std::type_identity_t<V> low, std::type_identity_t<V> high) {
    get(value);
    if (value < low || value > high)
      fail("found " + std::to_string(value) + ", expected " + std::to_string(low) + " to " + std::to_string(high));
  }
  /// Everything must have been read by now.
  void expect_end() const {
    if (!bytes_.empty()) fail(std::to_string(bytes_.size()) + " bytes too many");
  }
  [[noreturn]] void fail(const std::string& message) const {
    throw BadArchive("byte " + std::to_string(whole_ - bytes_.size()) + " of the state: " + message);
  }

 private:
  /// Steps, samples, times that something happened: none comes near, and sums of some do not overflow.
  static constexpr std::int64_t kMostCount = std::int64_t{1} << 53U;

  void take(void* to, std::size_t size) {
    if (size > bytes_.size()) fail("it ends too early");
    if (size > 0) std::memcpy(to, bytes_.data(), size);
    bytes_.remove_prefix(size);
  }
  template <PlainNumber V>
  void get(V& value) {
    take(&value, sizeof(V));
    if constexpr (std::is_signed_v<V> && sizeof(V) == sizeof(kMostCount) && std::is_integral_v<V>)
      if (value > kMostCount || value < -kMostCount) fail("found the count " + std::to_string(value));
  }
  void get(bool& value) {
    std::uint8_t byte = 0;
    get(byte);
    if (byte > 1) fail("found " + std::to_string(byte) + ", expected 0 or 1");
    value = byte == 1;
  }
  template <class V>
  requires std::is_enum_v<V>
  void get(V& value) {
    std::uint8_t number = 0;
    get(number);
    if (number > static_cast<std::uint8_t>(last_of(V{}))) fail("found choice " + std::to_string(number));
    value = static_cast<V>(number);
  }
  /// A count of things that take at least `least` bytes each.
  std::size_t get_size(std::size_t least) {
    std::uint64_t size = 0;
    get(size);
    if (size > bytes_.size() / least) fail("a length of " + std::to_string(size) + ", more than there are bytes");
    return static_cast<std::size_t>(size);
  }
  void get(std::string& text) {
    text.resize(get_size(1));
    take(text.data(), text.size());
  }
  template <class V>
  void get(std::optional<V>& value) {
    bool present = false;
    get(present);
    value.reset();
    if (present) get(value.emplace());
  }
  template <class V>
  void get(std::vector<V>& values) {
    values.clear();
    if constexpr (PlainNumber<V>) {
      values.resize(get_size(sizeof(V)));
      take(values.data(), values.size() * sizeof(V));
    } else {
      // One by one: room is made for what has arrived, not for what a length claims.
      for (std::size_t count = get_size(1); count > 0; --count) get(values.emplace_back());
    }
  }
  template <class V, std::size_t kSize>
  void get(std::array<V, kSize>& values) {
    for (V& value : values) get(value);
  }
  template <class V>
  void get(std::map<std::string, V>& values) {
    values.clear();
    for (std::size_t count = get_size(1); count > 0; --count) {
      std::string key;
      get(key);
      get(values[key]);
    }
  }
  template <class V>
  requires std::is_class_v<V>
  void get(V& value) { value.archive(*this); }

  std::string_view bytes_;
  std::size_t whole_;
};

}  // namespace reluscope
