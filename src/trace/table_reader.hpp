#pragma once
// Records read back from CSV, by the names of their columns: what reluscope wrote, or another program in the same
// columns. A cell that is empty, or whose column the file does not have, was not measured: an optional is absent then;
// of the others the record says so (R::unmeasured), a double is NaN, and the rest keep their defaults. Columns that the
// file does not have are listed; columns nobody knows are ignored.

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <limits>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "data/csv_records.hpp"
#include "trace/column.hpp"
#include "trace/table_rows.hpp"
#include "util/format.hpp"
#include "util/memory.hpp"

namespace reluscope {

namespace detail {

/// Each returns what the cell should have been, or nullptr if it was that.
inline const char* read_cell(std::string_view cell, std::string& value) {
  value = cell;
  return nullptr;
}
template <class Number>
const char* read_number(std::string_view cell, Number& value, const char* expected) {
  const auto [end, error] = std::from_chars(cell.data(), cell.data() + cell.size(), value);
  return error == std::errc() && end == cell.data() + cell.size() ? nullptr : expected;
}
/// Steps, counts and positions: none is below 0, and sums and differences of two must not overflow.
inline const char* read_cell(std::string_view cell, std::int64_t& value) {
  constexpr std::int64_t kMost = std::int64_t{1} << 53U;  // what a double still holds exactly
  constexpr const char* kExpected = "a whole number from 0 to 2^53";
  if (const char* expected = read_number(cell, value, kExpected)) return expected;
  return value >= 0 && value <= kMost ? nullptr : kExpected;
}
inline const char* read_cell(std::string_view cell, double& value) {
  // from_chars takes nan, inf and -inf as well.
  return read_number(cell, value, "a number, nan, inf or -inf");
}
inline const char* read_cell(std::string_view cell, bool& value) {
  value = cell == "1" || cell == "true";
  return value || cell == "0" || cell == "false" ? nullptr : "0 or 1";
}
inline const char* read_cell(std::string_view cell, Role& value) {
  const auto found = std::find(kRoleNames.begin(), kRoleNames.end(), cell);
  if (found == kRoleNames.end()) return "hidden, output or nothing";
  value = static_cast<Role>(found - kRoleNames.begin());
  return nullptr;
}
template <class M>
const char* read_cell(std::string_view cell, std::optional<M>& value) {
  return read_cell(cell, value.emplace());
}

/// Nothing was measured for this member.
template <class R, class M>
void leave_out(R& record, M R::*member, std::uint64_t bit) {
  if constexpr (!kIsOptional<M>) record.unmeasured |= bit;
  if constexpr (std::is_same_v<M, double>) record.*member = std::numeric_limits<double>::quiet_NaN();
}

}  // namespace detail

/// Where a table stands: by itself, named by the user, or in the directory of a run. That may come from a stranger: the
/// table is a regular file of plain text there. It may also be of a run that was killed, or goes on: a last row without
/// its line break is left out.
enum class TablePlace { alone, run_directory };

/// Throws DataError, naming file, line and column, for a cell that is no value of its column, a row with too few or too
/// many cells, a file without a single known column, and more rows than memory holds.
template <class R>
TableRows<R> read_table(const std::filesystem::path& path, TablePlace place = TablePlace::alone) {
  const bool in_run = place == TablePlace::run_directory;
  CsvRecords csv(path, ',', in_run ? FileKind::regular : FileKind::any);
  TableRows<R> table;
  table.present = true;
  if (!csv.next()) return table;
  const std::vector<std::string> header(csv.fields().begin(), csv.fields().end());
  using Reader = const char* (*)(std::string_view, R&);
  std::vector<Reader> readers(header.size(), nullptr);
  const auto columns = R::columns();
  R blank;  // a row in whose cells nothing stands
  const auto bind = [&]<std::size_t kIndex>(std::integral_constant<std::size_t, kIndex>) {
    const auto& column = std::get<kIndex>(columns);
    bool found = false;
    for (std::size_t at = 0; at < header.size(); ++at) {
      if (header[at] != column.name) continue;
      found = true;
      readers[at] = [](std::string_view cell, R& record) -> const char* {
        constexpr auto kMember = std::get<kIndex>(R::columns()).member;
        if (!cell.empty()) return detail::read_cell(cell, record.*kMember);
        detail::leave_out(record, kMember, std::uint64_t{1} << kIndex);
        return nullptr;
      };
    }
    if (found) return;
    table.missing.emplace(column.name);
    detail::leave_out(blank, column.member, std::uint64_t{1} << kIndex);
  };
  [&]<std::size_t... kIndices>(std::index_sequence<kIndices...>) {
    (bind(std::integral_constant<std::size_t, kIndices>()), ...);
  }
  (std::make_index_sequence<std::tuple_size_v<decltype(columns)>>());
  if (table.missing.size() == std::tuple_size_v<decltype(columns)>)
    csv.fail("none of the columns is known here, found '" + header.front() + "', …");
  while (csv.next()) {
    if (in_run && !csv.is_terminated()) break;
    // What was read bounds the text in the rows. Looked at whenever they are about to take twice the room.
    if (table.rows.size() == table.rows.capacity() &&
        saturating_sum(2 * table.rows.size() * sizeof(R), csv.bytes()) > available_memory_bytes())
      csv.fail("more rows than this machine's memory holds, which is " + format_bytes(available_memory_bytes()));
    const auto& cells = csv.fields();
    if (cells.size() != header.size())
      csv.fail("found " + std::to_string(cells.size()) + " cells, expected " + std::to_string(header.size()));
    R& record = table.rows.emplace_back(blank);
    for (std::size_t at = 0; at < cells.size(); ++at)
      if (readers[at] != nullptr)
        if (const char* expected = readers[at](cells[at], record))
          csv.fail("column '" + header[at] + "': found '" + std::string(cells[at]) + "', expected " + expected);
  }
  return table;
}

}  // namespace reluscope
