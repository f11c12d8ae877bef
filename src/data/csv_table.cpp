#include "data/csv_table.hpp"

#include <cmath>
#include <limits>
#include <optional>
#include <set>
#include <span>
#include <utility>

#include "data/growing_features.hpp"
#include "util/error.hpp"
#include "util/excerpt.hpp"
#include "util/format.hpp"

namespace reluscope {
namespace {

constexpr double kMissing = std::numeric_limits<double>::quiet_NaN();

class CsvTableReader {
 public:
  CsvTableReader(const std::filesystem::path& path, const CsvOptions& options)
      : options_(options), records_(path, options.form) {
    read_start();
  }

  CsvTable read() {
    while (records_.next()) add_row(records_.fields(), records_.line());
    if (first_gap_) refuse_gaps();
    if (samples_ == 0)
      records_.fail_at(records_.line(), table_.rows_left_out == 0
                                            ? "there is a header but no sample after it"
                                            : "every one of the " + std::to_string(table_.rows_left_out) +
                                                  " rows lacks something: none is left");
    table_.comments = records_.comments();
    table_.values = values_.finish(static_cast<Index>(table_.columns.size()));
    for (FeatureColumn& column : table_.columns)
      if (column.reading == Reading::automatic) column.reading = Reading::number;
    table_.first_counts_rows = counts_rows_ && samples_ > 2;
    return std::move(table_);
  }

 private:
  /// Finds out what the columns are from the first records.
  void read_start() {
    const CsvStart start = reluscope::read_start(records_, options_);
    table_.layout = make_layout(start, options_);
    table_.targets.resize(table_.layout.labels.size());
    for (std::size_t column = 0; column < table_.layout.columns.size(); ++column) add_column(column);
    row_.resize(table_.columns.size());
    const std::size_t first = *start.has_header ? 1 : 0;
    look_at(std::span(start.rows).subspan(first));
    for (std::size_t row = first; row < start.rows.size(); ++row)
      add_row({start.rows[row].begin(), start.rows[row].end()}, start.lines[row]);
  }

  /// What helps to say what a column of text may be.
  void look_at(std::span<const CsvRow> rows) {
    constexpr std::size_t kFewest = 8;
    for (std::size_t column = 0; column < table_.layout.columns.size(); ++column) {
      std::set<std::string_view> values;
      for (const CsvRow& row : rows)
        if (column < row.size()) values.insert(row[column]);
      all_different_.push_back(rows.size() >= kFewest && values.size() == rows.size());
    }
    for (const std::size_t label : table_.layout.labels)
      if (!rows.empty() && label < rows.front().size())
        label_is_text_ = kind_of(rows.front()[label], options_.numbers) == CellKind::text;
  }

  void add_column(std::size_t column) {
    const CsvLayout& layout = table_.layout;
    const Reading reading = layout.columns[column].reading;
    if (reading == Reading::left_out || reading == Reading::label) return;
    table_.columns.push_back({column, column < layout.header.size() ? layout.header[column] : "", reading, {}, 0});
  }

  void add_row(const std::vector<std::string_view>& fields, std::uint64_t line) {
    const CsvLayout& layout = table_.layout;
    if (fields.size() != layout.columns.size())
      records_.fail_in(line, std::min(fields.size(), layout.columns.size()),
                       "found " + std::to_string(fields.size()) + (fields.size() == 1 ? " field" : " fields") +
                           ", the lines before have " + std::to_string(layout.columns.size()));
    if (layout.has_empty_tail && !trimmed(fields.back()).empty())
      records_.fail_in(line, fields.size() - 1, "the last column was empty up to here, and has no name",
                       "data.header=…, or a name for it");
    const bool filled = options_.missing != MissingCells::error;
    if (filled && lacks_something(fields)) {
      ++table_.rows_left_out;
      return;
    }
    line_ = line;
    for (std::size_t at = 0; at < row_.size(); ++at) row_[at] = value_of(table_.columns[at], at, fields);
    for (const double value : row_) values_.add(value);
    if (options_.wants_labels)
      for (std::size_t target = 0; target < layout.labels.size(); ++target) add_label(target, fields);
    counts_rows_ =
        counts_rows_ && (samples_ == 0 ? row_.front() == 0.0 || row_.front() == 1.0 : row_.front() == last_ + 1.0);
    last_ = row_.front();
    ++samples_;
  }

  /// A label, or with drop_rows anything.
  [[nodiscard]] bool lacks_something(const std::vector<std::string_view>& fields) const {
    if (options_.wants_labels)
      for (const std::size_t label : table_.layout.labels)
        if (is_gap(fields[label], Reading::label)) return true;
    if (options_.missing != MissingCells::drop_rows) return false;
    for (const FeatureColumn& column : table_.columns)
      if (is_gap(fields[column.column], column.reading)) return true;
    return false;
  }

  /// Where numbers are wanted, what is not finite is as good as missing.
  [[nodiscard]] bool is_gap(std::string_view cell, Reading reading) const {
    if (is_missing(cell)) return true;
    if (reading == Reading::one_hot || reading == Reading::ordinal || reading == Reading::date) return false;
    const std::optional<double> number = parse_number(cell, options_.numbers);
    return number && !std::isfinite(*number);
  }

  double value_of(FeatureColumn& column, std::size_t at, const std::vector<std::string_view>& fields) {
    const std::string_view cell = fields[column.column];
    const bool takes_numbers = column.reading == Reading::number || column.reading == Reading::automatic;
    if (takes_numbers) {
      const std::optional<double> number = parse_number(cell, options_.numbers);
      if (number && std::isfinite(*number)) return *number;
    }
    if (is_gap(cell, column.reading)) return note_gap(column);
    if (column.reading == Reading::date) {
      if (const std::optional<double> days = parse_date(cell)) return *days;
      fail_at_cell(column.column, in_quotes(trimmed(cell)) + " is not a date (" + text_of(column.column) +
                                      "); a date is written " + kDateForms);
    }
    if (takes_numbers) {
      if (const std::optional<bool> truth = parse_boolean(cell)) return *truth ? 1.0 : 0.0;
      const bool is_number = kind_of(cell, options_.numbers) == CellKind::other_number;
      if (column.reading == Reading::number || is_number) refuse_text(column.column, cell);
      start_categories(column, at);
    }
    return category_of(column, cell);
  }

  /// Text has turned up in a column that was numbers so far: from now on it is one of categories.
  void start_categories(FeatureColumn& column, std::size_t at) {
    column.reading = Reading::one_hot;
    values_.change(static_cast<Index>(at), static_cast<Index>(table_.columns.size()), [&](double number) {
      return std::isnan(number) ? number : category_of(column, number_text(number));
    });
  }

  double category_of(FeatureColumn& column, std::string_view cell) {
    const std::int32_t category = column.categories.id_of(std::string(trimmed(cell)));
    const std::size_t most = column.reading == Reading::ordinal ? kMaxClasses : options_.max_categories;
    if (column.categories.size() > most)
      fail_at_cell(column.column,
                   "more than " + std::to_string(most) + " different values in " + text_of(column.column) +
                       ": too many for a feature each",
                   drop_setting(column.column) +
                       (most < kMaxClasses ? ", or data.max_categories=" + std::to_string(5 * most) : ""));
    return category;
  }

  double note_gap(FeatureColumn& column) {
    ++column.missing;
    if (options_.missing == MissingCells::error && !first_gap_) first_gap_ = {line_, column.column};
    return kMissing;
  }

  void add_label(std::size_t target, const std::vector<std::string_view>& fields) {
    const std::size_t column = table_.layout.labels[target];
    const std::string_view cell = fields[column];
    if (is_gap(cell, Reading::label)) {  // with policies it was not let through
      ++missing_labels_;
      if (!first_gap_) first_gap_ = {line_, column};
      return;
    }
    table_.targets[target].add(cell, parse_number(cell, options_.numbers),
                               [&] { return records_.name() + ":" + std::to_string(line_) + ": " + text_of(column); });
  }

  /// Only now is it known how many there are.
  [[noreturn]] void refuse_gaps() const {
    std::vector<std::string> counts;
    std::uint64_t all = missing_labels_;
    if (missing_labels_ > 0) counts.push_back("the label " + std::to_string(missing_labels_));
    for (const FeatureColumn& column : table_.columns) {
      if (column.missing == 0) continue;
      all += column.missing;
      counts.push_back(table_.layout.reference_to(column.column) + " " + std::to_string(column.missing));
    }
    const std::string message =
        all == 1 ? "a cell is missing, or not finite (" + text_of(first_gap_->second) + ")"
                 : std::to_string(all) + " cells are missing, or not finite, this is the first: " + listed(counts);
    records_.fail_in(first_gap_->first, first_gap_->second, message,
                     all == missing_labels_ ? "data.missing=drop_rows"
                                            : "data.missing=median, or data.missing=drop_rows, or "
                                              "data.missing=indicator");
  }

  [[noreturn]] void refuse_text(std::size_t column, std::string_view cell) const {
    const std::string message = in_quotes(trimmed(cell)) + " is not a number (" + text_of(column) + ")";
    std::vector<std::string> help;
    const std::uint32_t formats = other_formats(cell);
    for (const NumberFormat& format : likely_formats(formats)) help.push_back(format_settings(format));
    if (formats == 0 && !all_different_[column]) {
      if (options_.wants_labels && !options_.label_is_given && !label_is_text_)
        help.push_back(setting("data.label_column", table_.layout.reference_to(column)));
      if (parse_date(cell))
        help.push_back(setting("data.dates", with_column(options_.dates, table_.layout.reference_to(column))));
      else if (options_.categorical != "auto")
        help.emplace_back("data.categorical=auto");
    }
    help.push_back(drop_setting(column));
    if (line_ == 1 && table_.layout.header.empty()) help.emplace_back("data.header=true if the line holds names");
    fail_at_cell(column, message, joined(help, ", or "));
  }

  [[nodiscard]] std::string drop_setting(std::size_t column) const {
    return setting("data.drop", with_column(options_.drop, table_.layout.reference_to(column)));
  }
  [[nodiscard]] std::string text_of(std::size_t column) const { return table_.layout.column_text(column); }
  [[noreturn]] void fail_at_cell(std::size_t column, const std::string& message, const std::string& help = "") const {
    records_.fail_in(line_, column, message, help);
  }

  const CsvOptions& options_;
  CsvRecords records_;
  CsvTable table_;
  GrowingFeatures values_;
  std::vector<bool> all_different_;  ///< of each column: the first rows all differ
  bool label_is_text_ = false;
  std::vector<double> row_;
  std::uint64_t line_ = 0;
  std::uint64_t samples_ = 0;
  std::uint64_t missing_labels_ = 0;
  std::optional<std::pair<std::uint64_t, std::size_t>> first_gap_;  ///< line and column
  bool counts_rows_ = true;
  double last_ = 0.0;
};

}  // namespace

CsvTable read_csv_table(const std::filesystem::path& path, const CsvOptions& options) {
  return CsvTableReader(path, options).read();
}

}  // namespace reluscope
