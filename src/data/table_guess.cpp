#include "data/table_guess.hpp"

#include <algorithm>
#include <array>
#include <map>

#include "data/targets.hpp"
#include "util/format.hpp"

namespace reluscope {
namespace {

/// Columns that never vary are left out, but not by the dozen: images have many.
constexpr std::size_t kMostConstants = 20;
/// Fewer different texts than this may be all different by chance.
constexpr std::uint64_t kFewestIds = 10;

// Names that mean nothing else, and names that mostly mean it.
constexpr std::array<std::string_view, 8> kLabelNames = {"label", "labels",  "target", "targets",
                                                         "class", "classes", "y",      "outcome"};
constexpr std::array<std::string_view, 22> kLikelyNames = {
    "output", "response", "result", "category",  "species", "diagnosis", "survived", "quality",
    "churn",  "churned",  "price",  "saleprice", "medv",    "default",   "fraud",    "is_fraud",
    "income", "salary",   "digit",  "variety",   "exited",  "approved"};
constexpr std::array<std::string_view, 12> kIdNames = {"",       "id", "index", "idx", "row",  "rowid",
                                                       "row_id", "no", "nr",    "key", "uuid", "unnamed: 0"};

std::string small(std::string_view name) {
  std::string text(name);
  std::transform(text.begin(), text.end(), text.begin(), [](char letter) {
    return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter - 'A' + 'a') : letter;
  });
  return text;
}

template <std::size_t N>
bool is_one_of(const std::array<std::string_view, N>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

/// id, user_id, PassengerId.
bool has_id_name(const std::string& name) {
  return is_one_of(kIdNames, small(name)) || small(name).ends_with("_id") || name.ends_with("Id") ||
         name.ends_with("ID");
}

std::string counted(std::uint64_t count, const std::string& what) { return std::to_string(count) + " " + what; }

bool is_numeric(const ColumnProfile& column) {
  return column.filled() > 0 && column.numbers() + column.count(CellKind::boolean) == column.filled();
}

/// Numbers in another notation alone, or among plain ones.
bool has_other_notation(const ColumnProfile& column) {
  return column.count(CellKind::other_number) > 0 && column.formats != 0 &&
         column.numbers() + column.count(CellKind::other_number) == column.filled();
}

class Guesser {
 public:
  Guesser(const TableProfile& table, std::size_t most_categories) : table_(table), most_(most_categories) {
    for (const ColumnProfile& column : table.columns)
      if (column.filled() > 0 && column.distinct == 1) ++constants_;
  }

  [[nodiscard]] ColumnGuess guess(std::size_t at) const {
    const ColumnProfile& column = table_.columns[at];
    const bool named = table_.has_header && has_id_name(column.name);
    const std::uint64_t missing = column.count(CellKind::missing);
    if (2 * missing > column.cells())
      return {ColumnUse::mostly_missing,
              column.filled() == 0 ? "holds nothing" : format_fixed(share(missing), 0) + " % are missing"};
    constexpr std::uint64_t kFewestRows = 3;
    if (column.counts_up && table_.rows >= kFewestRows && (column.min == 0.0 || column.min == 1.0 || named) &&
        (at == 0 || named))
      return {ColumnUse::row_number, "counts the rows"};
    if (named && column.all_different && table_.rows >= 2) return {ColumnUse::id, "every value is different"};
    if (column.distinct == 1 && constants_ <= kMostConstants) return {ColumnUse::constant, "never varies"};
    if (is_numeric(column) || has_other_notation(column)) return {ColumnUse::number, ""};
    if (column.count(CellKind::date) == column.filled())
      return {ColumnUse::date, "a date; data.dates takes it as days since 1970"};
    if (column.all_different && table_.rows >= kFewestIds) return {ColumnUse::id, "every value is different"};
    if (column.distinct <= most_ && !column.has_more_distinct)
      return {ColumnUse::category, counted(column.distinct, "different texts")};
    return {ColumnUse::text, (column.has_more_distinct ? "over " : "") + counted(column.distinct, "different texts")};
  }

 private:
  [[nodiscard]] double share(std::uint64_t cells) const {
    return 100.0 * static_cast<double>(cells) / static_cast<double>(std::max<std::uint64_t>(1, table_.rows));
  }
  const TableProfile& table_;
  std::size_t most_;
  std::size_t constants_ = 0;
};

bool may_be_label(const ColumnGuess& guess) {
  return guess.use == ColumnUse::number || guess.use == ColumnUse::category;
}

/// The columns with one of these names, of those that may be the label.
template <std::size_t N>
std::vector<std::size_t> columns_named(const TableGuess& guess, const TableProfile& table,
                                       const std::array<std::string_view, N>& names) {
  std::vector<std::size_t> named;
  for (std::size_t column = 0; table.has_header && column < guess.columns.size(); ++column)
    if (may_be_label(guess.columns[column]) && is_one_of(names, small(table.columns[column].name)))
      named.push_back(column);
  return named;
}

/// The label, or candidates.
void find_label(TableGuess& guess, const TableProfile& table) {
  std::vector<std::size_t> named = columns_named(guess, table, kLabelNames);
  if (named.empty()) named = columns_named(guess, table, kLikelyNames);
  if (named.size() == 1) {
    guess.label = named.front();
    guess.why_label = "by its name";
    return;
  }
  std::vector<std::size_t> words;
  for (std::size_t column = 0; column < guess.columns.size(); ++column)
    if (guess.columns[column].use == ColumnUse::category || table.columns[column].count(CellKind::boolean) > 0)
      words.push_back(column);
  const bool last_may = !guess.columns.empty() && may_be_label(guess.columns.back());
  const std::size_t last = guess.columns.size() - 1;
  // Words in other columns too may be the classes; then only a last column of words speaks for itself.
  const bool last_has_words = !words.empty() && words.back() == last;
  if (named.empty() && last_may &&
      (words.empty() || (words.size() == 1 && last_has_words) || (!table.has_header && last_has_words))) {
    guess.label = last;
    guess.why_label = "the last column";
    return;
  }
  guess.label_candidates = !named.empty() ? named : words;
  if (named.empty() && last_may && !last_has_words) guess.label_candidates.push_back(last);
}

}  // namespace

std::string_view column_use_name(ColumnUse use) {
  constexpr std::array<std::string_view, 9> kNames = {"label",    "feature", "categories", "row number",    "id",
                                                      "constant", "date",    "text",       "mostly missing"};
  return kNames[static_cast<std::size_t>(use)];
}

TableGuess guess_table(const TableProfile& table, std::optional<std::size_t> label, std::size_t most_categories) {
  TableGuess guess;
  const Guesser guesser(table, most_categories);
  std::uint32_t formats = 0;
  for (std::size_t column = 0; column < table.columns.size(); ++column) {
    guess.columns.push_back(guesser.guess(column));
    if (has_other_notation(table.columns[column]))
      formats = formats == 0 ? table.columns[column].formats : formats & table.columns[column].formats;
  }
  guess.notations = likely_formats(formats);
  // A column that counts up may be the only feature there is, as the x of a curve.
  const auto others = std::count_if(guess.columns.begin(), guess.columns.end(), may_be_label);
  constexpr std::ptrdiff_t kFewest = 3;  // the label, and two features
  for (std::size_t column = 0; column < table.columns.size(); ++column)
    if (guess.columns[column].use == ColumnUse::row_number && others < kFewest &&
        !has_id_name(table.columns[column].name))
      guess.columns[column] = {ColumnUse::number, "counts up, as a row number would"};
  if (label) {
    guess.label = label;
    guess.why_label = "as you say";
  } else {
    find_label(guess, table);
  }
  if (guess.label) guess.columns[*guess.label] = {ColumnUse::label, guess.why_label};
  return guess;
}

std::optional<std::vector<std::pair<std::string, std::uint64_t>>> classes_of(const ColumnProfile& label) {
  if (label.numbers() < label.filled()) return label.values;
  std::map<double, std::uint64_t> counts;
  for (const auto& [text, count] : label.values) counts[parse_number(text).value_or(0.0)] += count;
  if (counts.empty() || label.whole < label.numbers() || counts.size() > most_classes_of_numbers(label.numbers()))
    return std::nullopt;
  std::vector<std::pair<std::string, std::uint64_t>> classes;
  for (const auto& [value, count] : counts) classes.emplace_back(number_text(value), count);
  return classes;
}

}  // namespace reluscope
