#pragma once
// Parameters as data: every choice a user can make in a config (an activation, an optimiser, a generator, …) is an
// `Entry` of a table, and its settings are `Param`s. The config loader, the JSON Schema, the help and the docs walk
// these tables; the numerical rooms read the checked values out of a `Choice`.

#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace reluscope {

/// A list as a parameter's value. A type of its own, since libstdc++ takes a variant of nothing but simple types,
/// strings and vectors for one that always has a value, and destroys what was never there when copying one throws.
struct NumberList : std::vector<double> {
  using std::vector<double>::vector;
  NumberList(std::vector<double> numbers) : std::vector<double>(std::move(numbers)) {}
};

/// A parameter's value. `monostate` is JSON's null: "not set".
using ParamValue = std::variant<std::monostate, bool, std::int64_t, double, std::string, NumberList>;

enum class ParamKind { boolean, integer, number, text, numbers };

/// One setting: its JSON name, kind, default, permitted range and a one-line description (with its source, if any).
struct Param {
  std::string name;
  ParamKind kind = ParamKind::number;
  ParamValue fallback;  ///< the default; monostate together with `optional` means null
  std::string doc;
  double min = -std::numeric_limits<double>::infinity();
  double max = std::numeric_limits<double>::infinity();
  bool min_exclusive = false;
  bool max_exclusive = false;
  std::vector<std::string> allowed;  ///< text: the permitted words; empty permits any. Integer: words that it may be
  std::size_t count = 0;             ///< numbers: the exact length; 0 permits any
  bool integer_too = false;          ///< text: an integer stands for its digits
  bool is_path = false;              ///< text: of a file or directory; ~ at its start is the home directory
  bool list_too = false;             ///< text: a list of texts and integers stands for them with commas between
  bool optional = false;             ///< null is permitted
  bool required = false;             ///< there is no default, the user must say

  // Chained refinements, for tables that read as sentences: number("p", 0.5, "…").at_least(0).below(1)
  Param at_least(double bound) && {
    min = bound;
    return std::move(*this);
  }
  Param above(double bound) && {
    min = bound;
    min_exclusive = true;
    return std::move(*this);
  }
  Param at_most(double bound) && {
    max = bound;
    return std::move(*this);
  }
  Param below(double bound) && {
    max = bound;
    max_exclusive = true;
    return std::move(*this);
  }
  Param one_of(std::vector<std::string> words) && {
    allowed = std::move(words);
    return std::move(*this);
  }
  Param of_length(std::size_t length) && {
    count = length;
    return std::move(*this);
  }
  Param or_integer() && {
    integer_too = true;
    return std::move(*this);
  }
  Param path() && {
    is_path = true;
    return std::move(*this);
  }
  /// An integer, or a list of texts and integers, for names of columns.
  Param or_list() && {
    integer_too = true;
    list_too = true;
    return std::move(*this);
  }
  Param or_null() && {
    optional = true;
    return std::move(*this);
  }
};

Param boolean(std::string name, bool fallback, std::string doc);
Param integer(std::string name, std::int64_t fallback, std::string doc);
Param number(std::string name, double fallback, std::string doc);
Param text(std::string name, std::string fallback, std::string doc);
Param numbers(std::string name, std::vector<double> fallback, std::string doc);
/// A parameter whose default is null; `kind` is what it holds when it is set.
Param unset(std::string name, ParamKind kind, std::string doc);
/// A parameter without a default: the user must give it.
Param required(std::string name, ParamKind kind, std::string doc);

/// Whether the number lies within the parameter's bounds.
bool is_in_range(const Param& param, double number);
/// " from 1 to 10", " ≥ 0 and < 1", or nothing where every number is allowed.
std::string range_text(const Param& param);

/// One row of a table. Rooms derive from it and add the functions that do the work.
struct Entry {
  std::string name;
  std::vector<std::string> aliases;
  std::vector<Param> params;
  std::string doc;  ///< one line, with the source of the formula
};

/// The values of an entry's parameters, every one present: defaults fill what was not set.
/// Reading an unknown name or the wrong kind is a programming error (std::logic_error).
class ParamValues {
 public:
  ParamValues() = default;
  /// All defaults. A `required` parameter starts as null and has to be `set`.
  explicit ParamValues(std::span<const Param> params);

  void set(std::string_view name, ParamValue value);
  [[nodiscard]] bool flag(std::string_view name) const;
  [[nodiscard]] std::int64_t integer(std::string_view name) const;
  [[nodiscard]] double number(std::string_view name) const;
  [[nodiscard]] const std::string& text(std::string_view name) const;
  [[nodiscard]] const std::vector<double>& numbers(std::string_view name) const;
  [[nodiscard]] bool is_null(std::string_view name) const;
  /// Of an integer that may be a word.
  [[nodiscard]] bool is_word(std::string_view name) const;
  [[nodiscard]] std::optional<std::int64_t> maybe_integer(std::string_view name) const;
  [[nodiscard]] std::optional<double> maybe_number(std::string_view name) const;
  [[nodiscard]] std::optional<std::string> maybe_text(std::string_view name) const;
  [[nodiscard]] const std::vector<std::pair<std::string, ParamValue>>& all() const { return values_; }

 private:
  [[nodiscard]] const ParamValue& at(std::string_view name) const;
  std::vector<std::pair<std::string, ParamValue>> values_;
};

/// What the user chose from a table: the entry's canonical name and its values.
struct Choice {
  std::string name;
  ParamValues params;
};

/// The entry called `name` (or with that alias), or nullptr.
template <class E>
const E* find_entry(std::span<const E> table, std::string_view name) {
  for (const E& entry : table) {
    if (entry.name == name) return &entry;
    for (const std::string& alias : entry.aliases)
      if (alias == name) return &entry;
  }
  return nullptr;
}

/// The choice of `name` with all its defaults. Throws std::logic_error for a name the table does not have.
template <class E>
Choice default_choice(std::span<const E> table, std::string_view name) {
  const E* entry = find_entry(table, name);
  if (entry == nullptr) throw std::logic_error("no table entry called " + std::string(name));
  return {entry->name, ParamValues(entry->params)};
}

}  // namespace reluscope
