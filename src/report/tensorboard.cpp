#include "report/tensorboard.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <map>
#include <vector>

namespace reluscope {

namespace {

static_assert(std::endian::native == std::endian::little, "numbers are written as they lie in memory");

constexpr std::array<std::uint32_t, 256> make_crc_table() {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    std::uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0x82F63B78U : 0U);
    table[byte] = crc;
  }
  return table;
}
constexpr std::array<std::uint32_t, 256> kCrcTable = make_crc_table();

template <class Number>
void append_raw(std::string& to, Number value) {
  char bytes[sizeof(Number)];
  std::memcpy(bytes, &value, sizeof(Number));
  to.append(bytes, sizeof(Number));
}

// ---- the wire format of protocol buffers

enum WireType : std::uint32_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

void append_varint(std::string& to, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) to += static_cast<char>((value & 0x7F) | 0x80);
  to += static_cast<char>(value);
}
void append_key(std::string& to, std::uint32_t field, WireType type) { append_varint(to, field << 3 | type); }
void append_double(std::string& to, std::uint32_t field, double value) {
  append_key(to, field, kFixed64);
  append_raw(to, value);
}
void append_bytes(std::string& to, std::uint32_t field, std::string_view bytes) {
  append_key(to, field, kBytes);
  append_varint(to, bytes.size());
  to += bytes;
}
void append_doubles(std::string& to, std::uint32_t field, const std::vector<double>& values) {
  std::string packed;
  for (const double value : values) append_raw(packed, value);
  append_bytes(to, field, packed);
}

// ---- TFRecord and Event

std::uint32_t masked(std::uint32_t crc) { return ((crc >> 15) | (crc << 17)) + 0xA282EAD8U; }

void append_record(std::string& file, const std::string& data) {
  std::string length;
  append_raw(length, static_cast<std::uint64_t>(data.size()));
  file += length;
  append_raw(file, masked(crc32c(length)));
  file += data;
  append_raw(file, masked(crc32c(data)));
}

/// Event {wall_time = 1, step = 2, file_version = 3, summary = 5}.
std::string event_at(std::int64_t step) {
  std::string event;
  append_double(event, 1, static_cast<double>(step));
  append_key(event, 2, kVarint);
  append_varint(event, static_cast<std::uint64_t>(step));
  return event;
}

/// Summary.Value {tag = 1, simple_value = 2, histo = 5}.
void add_scalar(std::string& summary, const std::string& tag, double number) {
  std::string value;
  append_bytes(value, 1, tag);
  append_key(value, 2, kFixed32);
  append_raw(value, static_cast<float>(number));
  append_bytes(summary, 1, value);
}

/// HistogramProto {min = 1, max = 2, num = 3, sum = 4, sum_squares = 5, bucket_limit = 6, bucket = 7}.
void add_histogram(std::string& summary, const std::string& tag, const std::vector<double>& numbers) {
  constexpr std::size_t kBuckets = 30;
  const auto [least, greatest] = std::minmax_element(numbers.begin(), numbers.end());
  double sum = 0.0;
  double squares = 0.0;
  std::vector<double> limits(kBuckets);
  std::vector<double> counts(kBuckets, 0.0);
  const double width = (*greatest - *least) / static_cast<double>(kBuckets);
  for (std::size_t at = 0; at < kBuckets; ++at)
    limits[at] = at + 1 == kBuckets ? *greatest : *least + width * static_cast<double>(at + 1);
  for (const double number : numbers) {
    sum += number;
    squares += number * number;
    const auto at = width > 0.0 ? static_cast<std::size_t>((number - *least) / width) : 0;
    counts[std::min(at, kBuckets - 1)] += 1.0;
  }
  std::string histogram;
  append_double(histogram, 1, *least);
  append_double(histogram, 2, *greatest);
  append_double(histogram, 3, static_cast<double>(numbers.size()));
  append_double(histogram, 4, sum);
  append_double(histogram, 5, squares);
  append_doubles(histogram, 6, limits);
  append_doubles(histogram, 7, counts);
  std::string value;
  append_bytes(value, 1, tag);
  append_bytes(value, 5, histogram);
  append_bytes(summary, 1, value);
}

// ---- records

void add_cell(std::string& summary, const std::string& tag, double cell) { add_scalar(summary, tag, cell); }
void add_cell(std::string& summary, const std::string& tag, std::int64_t cell) {
  add_scalar(summary, tag, static_cast<double>(cell));
}
void add_cell(std::string& /*summary*/, const std::string& /*tag*/, const std::string& /*cell*/) {}
void add_cell(std::string& /*summary*/, const std::string& /*tag*/, Role /*cell*/) {}
void add_cell(std::string& /*summary*/, const std::string& /*tag*/, bool /*cell*/) {}
template <class M>
void add_cell(std::string& summary, const std::string& tag, const std::optional<M>& cell) {
  if (cell) add_cell(summary, tag, *cell);
}

/// What a row is about is no value of it.
bool is_place(std::string_view column) {
  return column == "step" || column == "epoch" || column == "layer" || column == "name" || column == "units";
}

template <class R>
void add_rows(const TableRows<R>& table, const std::string& group, std::map<std::int64_t, std::string>& summaries) {
  for (const R& row : table.rows) {
    if (!is_measured(row, &R::step)) continue;  // it has no place on the axis
    std::string prefix = group + "/";
    if constexpr (requires { row.name; }) prefix += row.name + "/";
    std::string& summary = summaries[row.step];
    for_each_column<R>([&](const auto& column, std::uint64_t bit) {
      if (!is_place(column.name) && is_measured(row, column, bit))
        add_cell(summary, prefix + std::string(column.name), row.*column.member);
    });
  }
}

}  // namespace

std::uint32_t crc32c(std::string_view bytes) {
  std::uint32_t crc = 0xFFFFFFFFU;
  for (const char byte : bytes) crc = (crc >> 8) ^ kCrcTable[(crc ^ static_cast<unsigned char>(byte)) & 0xFF];
  return crc ^ 0xFFFFFFFFU;
}

std::string tensorboard_events(const RunTables& tables) {
  std::map<std::int64_t, std::string> summaries;
  add_rows(tables.steps, "steps", summaries);
  add_rows(tables.layers, "layers", summaries);
  add_rows(tables.census, "census", summaries);
  std::map<std::pair<std::int64_t, std::string>, std::map<std::string, std::vector<double>>> units;
  for (const UnitRecord& row : tables.units.rows) {
    auto& layer = units[{row.layer, row.name}];
    if (row.margin && std::isfinite(*row.margin)) layer["margin"].push_back(*row.margin);
    if (row.activation_rate) layer["activation_rate"].push_back(*row.activation_rate);
  }
  const std::int64_t last = summaries.empty() ? 0 : summaries.rbegin()->first;
  for (const auto& [layer, figures] : units)
    for (const auto& [name, numbers] : figures)
      add_histogram(summaries[last], "units/" + layer.second + "/" + name, numbers);

  std::string file;
  std::string version;
  append_double(version, 1, 0.0);
  append_bytes(version, 3, "brain.Event:2");
  append_record(file, version);
  for (const auto& [step, summary] : summaries) {
    std::string event = event_at(step);
    append_bytes(event, 5, summary);
    append_record(file, event);
  }
  return file;
}

}  // namespace reluscope
