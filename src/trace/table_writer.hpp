#pragma once
// Records as text: RFC 4180 CSV with a header, or JSON Lines.

#include <cmath>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "trace/column.hpp"
#include "util/format.hpp"
#include "util/text_file.hpp"

namespace reluscope {

enum class TraceFormat { csv, jsonl };

namespace detail {

inline void append_csv(std::string& line, const std::string& cell) { append_csv_cell(line, cell); }
inline void append_csv(std::string& line, double cell) { append_number(line, cell); }
inline void append_csv(std::string& line, std::int64_t cell) { append_number(line, cell); }
inline void append_csv(std::string& line, bool cell) { line += cell ? '1' : '0'; }
inline void append_csv(std::string& line, Role cell) { line += role_name(cell); }
template <class M>
void append_csv(std::string& line, const std::optional<M>& cell) {
  if (cell) append_csv(line, *cell);
}

/// `not_finite` collects "name":"inf" pairs: JSON has no such numbers, so the cell is null and a flag says which it
/// was.
inline void append_json(std::string& line, const std::string& cell, std::string_view, std::string&) {
  append_json_string(line, cell);
}
inline void append_json(std::string& line, double cell, std::string_view name, std::string& not_finite) {
  if (std::isfinite(cell)) {
    append_number(line, cell);
    return;
  }
  line += "null";
  if (!not_finite.empty()) not_finite += ',';
  not_finite.append("\"").append(name).append("\":\"");
  append_number(not_finite, cell);
  not_finite += '"';
}
inline void append_json(std::string& line, std::int64_t cell, std::string_view, std::string&) {
  append_number(line, cell);
}
inline void append_json(std::string& line, bool cell, std::string_view, std::string&) {
  line += cell ? "true" : "false";
}
inline void append_json(std::string& line, Role cell, std::string_view, std::string&) {
  append_json_string(line, role_name(cell));
}
template <class M>
void append_json(std::string& line, const std::optional<M>& cell, std::string_view name, std::string& not_finite) {
  if (cell) {
    append_json(line, *cell, name, not_finite);
  } else {
    line += "null";
  }
}

}  // namespace detail

/// "step,epoch,…" and a line break.
template <class R>
std::string csv_header() {
  std::string line;
  std::apply([&line](const auto&... column) { ((line.append(column.name) += ','), ...); }, R::columns());
  line.back() = '\n';
  return line;
}

template <class R>
void append_csv_row(std::string& line, const R& record) {
  for_each_column<R>([&](const auto& column, std::uint64_t bit) {
    if (is_measured(record, column, bit)) detail::append_csv(line, record.*column.member);
    line += ',';
  });
  line.back() = '\n';
}

/// The whole table.
template <class R>
std::string csv_text(const std::vector<R>& records) {
  std::string text = csv_header<R>();
  for (const R& record : records) append_csv_row(text, record);
  return text;
}

/// {"step":0,…}; numbers that are not finite are null and named in "not_finite".
template <class R>
void append_json_row(std::string& line, const R& record) {
  std::string not_finite;
  char separator = '{';
  for_each_column<R>([&](const auto& column, std::uint64_t bit) {
    line += separator;
    separator = ',';
    line.append("\"").append(column.name).append("\":");
    if (is_measured(record, column, bit)) {
      detail::append_json(line, record.*column.member, column.name, not_finite);
    } else {
      line += "null";
    }
  });
  if (!not_finite.empty()) line.append(",\"not_finite\":{").append(not_finite).append("}");
  line += "}\n";
}

/// Writes records of one kind to a sink, the CSV header first where the sink is empty yet.
template <class R>
class TableWriter {
 public:
  TableWriter(TextSink sink, TraceFormat format) : sink_(std::move(sink)), format_(format) {
    if (format_ == TraceFormat::csv && sink_.size() == 0) sink_.write(csv_header<R>());
  }
  void write(std::span<const R> records) {
    line_.clear();
    for (const R& record : records) {
      if (format_ == TraceFormat::csv) {
        append_csv_row(line_, record);
      } else {
        append_json_row(line_, record);
      }
    }
    sink_.write(line_);
  }
  void flush() { sink_.flush(); }
  /// Returns how many bytes of it are on disk by then: all.
  std::uint64_t sync() {
    sink_.sync();
    return sink_.size();
  }

 private:
  TextSink sink_;
  TraceFormat format_;
  std::string line_;
};

}  // namespace reluscope
