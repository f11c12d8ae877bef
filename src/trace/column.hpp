#pragma once
// What a record is: a plain struct, one row each, and the one list of its columns from which header, CSV row, JSON row
// and docs come. Schema version 1.
//
// `step` is the number of updates made before the measurement: row 0 describes the initial parameters. An absent
// optional means that the column does not apply there, or was not measured. `unmeasured` says the latter of the other
// columns, a bit for each in their order: a run of ours measures them all, a table from elsewhere may not
// (table_reader.hpp), and the census of a checkpoint cannot.

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <tuple>
#include <type_traits>

namespace reluscope {

inline constexpr int kSchemaVersion = 1;

/// A column: its name, the member that holds it, and what it says.
template <class R, class M>
struct Column {
  std::string_view name;
  M R::*member;
  std::string_view doc;
};
template <class R, class M>
Column(const char*, M R::*, const char*) -> Column<R, M>;

/// What a layer is in its network.
enum class Role : std::uint8_t { hidden, output };
inline constexpr std::array<std::string_view, 2> kRoleNames = {"hidden", "output"};
constexpr std::string_view role_name(Role role) { return kRoleNames[static_cast<std::size_t>(role)]; }

// ---- what is measured

namespace detail {
template <class M>
inline constexpr bool kIsOptional = false;
template <class M>
inline constexpr bool kIsOptional<std::optional<M>> = true;
}  // namespace detail

/// `visit(column, bit)` for every column of R; `bit` is the column's in R::unmeasured.
template <class R, class Visit>
constexpr void for_each_column(Visit visit) {
  static_assert(std::tuple_size_v<decltype(R::columns())> <= 64);
  std::uint64_t bit = 1;
  std::apply([&](const auto&... column) { ((visit(column, bit), bit <<= 1U), ...); }, R::columns());
}

/// Whether the row has something in the column that `visit` was called with.
template <class R, class M>
constexpr bool is_measured(const R& row, const Column<R, M>& column, std::uint64_t bit) {
  if constexpr (detail::kIsOptional<M>) {
    return (row.*column.member).has_value();
  } else if constexpr (requires { row.unmeasured; }) {
    return (row.unmeasured & bit) == 0;
  } else {
    return true;
  }
}
/// The same of the column that shows this member.
template <class R, class M>
constexpr bool is_measured(const R& row, M R::*member) {
  bool found = true;
  for_each_column<R>([&](const auto& column, std::uint64_t bit) {
    if constexpr (std::is_same_v<decltype(column.member), M R::*>)
      if (column.member == member) found = is_measured(row, column, bit);
  });
  return found;
}
/// Says that the row has nothing in the column that shows this member.
template <class R, class M>
constexpr void mark_unmeasured(R& row, M R::*member) {
  for_each_column<R>([&](const auto& column, std::uint64_t bit) {
    if constexpr (std::is_same_v<decltype(column.member), M R::*>)
      if (column.member == member) row.unmeasured |= bit;
  });
}
/// The member, or nothing where it was not measured.
template <class R, class M>
constexpr std::optional<M> measured(const R& row, M R::*member) {
  return is_measured(row, member) ? std::optional<M>(row.*member) : std::nullopt;
}

}  // namespace reluscope
