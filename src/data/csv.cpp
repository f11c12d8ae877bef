#include "data/csv.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "data/csv_features.hpp"
#include "data/csv_table.hpp"
#include "data/file_choice.hpp"
#include "util/error.hpp"
#include "util/excerpt.hpp"
#include "util/input.hpp"
#include "util/memory.hpp"

namespace reluscope {
namespace {

constexpr std::array<std::string_view, 1> kCsvFile = {"file"};
constexpr std::array<std::string_view, 2> kCsvFiles = {"train", "test"};

MissingCells parse_missing(const std::string& word) {
  return word == "drop_rows"   ? MissingCells::drop_rows
         : word == "mean"      ? MissingCells::mean
         : word == "median"    ? MissingCells::median
         : word == "indicator" ? MissingCells::indicator
                               : MissingCells::error;
}

void require_same_columns(const CsvTable& train, const CsvTable& test, const ParamValues& params) {
  const auto in_training = [&] { return "in the training file " + params.text("train"); };
  if (train.columns.size() != test.columns.size())
    throw DataError(params.text("test") + ": has " + std::to_string(test.columns.size()) + " feature columns, " +
                    in_training() + " there are " + std::to_string(train.columns.size()));
  const std::vector<std::string>& names = train.layout.header;
  const std::vector<std::string>& others = test.layout.header;
  if (names.empty() || others.empty()) return;
  for (std::size_t column = 0; column < std::min(names.size(), others.size()); ++column)
    if (names[column] != others[column])
      throw DataError(params.text("test") + ": column " + std::to_string(column) + ", from 0, is called " +
                      in_quotes(others[column]) + ", " + in_training() + " it is " + in_quotes(names[column]));
}

RawData load_csv(const ParamValues& params, const SourceContext& context) {
  const bool single = is_single_file(params, "csv", kCsvFile, kCsvFiles);
  const CsvOptions options = csv_options(params, context.wants_labels);
  const std::filesystem::path path = context.base_directory / params.text(single ? "file" : "train");
  RawData data;
  CsvTable train = read_csv_table(path, options);
  std::optional<CsvTable> test;
  std::optional<TargetColumns> test_targets;
  if (!single) {
    test = read_csv_table(context.base_directory / params.text("test"), options);
    require_same_columns(train, *test, params);
    test_targets = std::move(test->targets);
  }
  TargetColumns targets = std::move(train.targets);
  make_features(data, std::move(train), std::move(test), options.missing);
  if (!context.wants_labels) return data;
  assign_targets(data, parse_task(params.text("task")), std::move(targets), std::move(test_targets), path.string());
  return data;
}

/// From the first records: a cell becomes a double of 8 bytes, and its label some 40 more; where text becomes features,
/// those of the values seen there.
std::uint64_t file_estimate(const std::filesystem::path& path, const CsvOptions& options) {
  constexpr std::size_t kMostBytes = std::size_t{64} << 10U;
  constexpr std::uint64_t kSampleOverhead = 40;
  InputFile file(path);
  const std::uint64_t size = file.remaining().value_or(0) > 0 ? *file.remaining() : gzip_content_size(path);
  CsvRecords records(path, options.form);
  std::vector<std::set<std::string, std::less<>>> texts;
  std::uint64_t read = 0;
  std::uint64_t cells = 0;
  std::uint64_t rows = 0;
  for (; read < kMostBytes && records.next(); ++rows) {
    const std::vector<std::string_view>& fields = records.fields();
    texts.resize(std::max(texts.size(), fields.size()));
    for (std::size_t column = 0; column < fields.size(); ++column) {
      read += fields[column].size() + 1;
      if (!options.categorical.empty() && rows > 0 && texts[column].size() < options.max_categories &&
          !parse_number(fields[column]))
        texts[column].insert(std::string(fields[column].substr(0, 64)));
    }
    cells += fields.size();
  }
  std::uint64_t encoded = 0;
  for (const auto& column : texts) encoded += std::min(options.max_categories, 2 * column.size());
  // The text columns' values come beside those of the whole table.
  const std::uint64_t per_row =
      encoded == 0 ? 0 : (encoded + cells / std::max<std::uint64_t>(1, rows)) * sizeof(double);
  const std::uint64_t bytes = cells * sizeof(double) + rows * (kSampleOverhead + per_row);
  if (read == 0 || size <= read) return bytes;
  return saturating_product(size / read + 1, bytes);
}

std::uint64_t estimate_csv(const ParamValues& params, const SourceContext& context) {
  const CsvOptions options = csv_options(params, context.wants_labels);
  std::uint64_t bytes = 0;
  for (const char* key : {"file", "train", "test"}) {
    if (params.is_null(key)) continue;
    const std::filesystem::path path = context.base_directory / params.text(key);
    if (has_file(path)) bytes = saturating_sum(bytes, file_estimate(path, options));
  }
  return bytes;
}

}  // namespace

CsvOptions csv_options(const ParamValues& params, bool wants_labels) {
  CsvOptions options;
  const std::string& delimiter = params.text("delimiter");
  options.form.blanks = delimiter == "whitespace";
  options.form.delimiter = delimiter == "auto"                         ? '\0'
                           : delimiter == "tab" || options.form.blanks ? '\t'
                                                                       : delimiter.front();
  if (!params.is_null("comment")) options.form.comment = params.text("comment").front();
  if (!params.is_null("header")) options.header = params.flag("header");
  options.wants_labels = wants_labels;
  options.label_is_given = !params.is_null("label_column");
  options.label_column = options.label_is_given ? params.text("label_column") : wants_labels ? "-1" : "";
  for (const auto& [key, list] : {std::pair{"columns", &options.columns},
                                  {"drop", &options.drop},
                                  {"categorical", &options.categorical},
                                  {"ordinal", &options.ordinal},
                                  {"dates", &options.dates}})
    *list = params.maybe_text(key).value_or("");
  options.max_categories = static_cast<std::size_t>(params.integer("max_categories"));
  options.missing = parse_missing(params.text("missing"));
  options.numbers.decimal = params.text("decimal").front();
  const std::string thousands = params.maybe_text("thousands").value_or("");
  if (!thousands.empty())
    options.numbers.thousands = thousands == "blank" ? ' ' : thousands == "apostrophe" ? '\'' : thousands.front();
  if (options.numbers.thousands == options.numbers.decimal)
    throw DataError(std::string("data.decimal and data.thousands are both ") + options.numbers.decimal +
                    help_line(options.numbers.decimal == ',' ? "data.decimal=." : "data.decimal=,"));
  return options;
}

SourceEntry csv_source() {
  const auto list = [](const char* name, const char* doc) { return unset(name, ParamKind::text, doc).or_list(); };
  SourceEntry entry;
  entry.name = "csv";
  entry.params = {
      unset("file", ParamKind::text, "the one file, plain or gzip; test_fraction of it is split off").path(),
      unset("train", ParamKind::text, "training file; goes with `test`").path(),
      unset("test", ParamKind::text, "test file").path(),
      unset("header", ParamKind::boolean,
            "whether the first line holds names; null: yes if it is text above numbers, dates or truth values"),
      list(
          "label_column",
          "the labels: a column's name, or its number from 0, negative from the end; several for regression or several "
          "labels a sample; null: the last column. With target \"input\" columns to leave out; null: none"),
      list("columns", "the features: names or numbers of columns; null: all but the label"),
      list("drop", "columns to leave out"),
      list("categorical",
           "columns of words, a feature of 0 or 1 for each value (one-hot); auto: all columns that hold text"),
      list("ordinal",
           "columns of words in the place of each value in their order: as numbers or by the alphabet, from 0"),
      list("dates", "columns of dates, as days since 1970-01-01"),
      integer("max_categories", 20, "values that a column of `categorical` may have").at_least(1).at_most(65536),
      text("missing", "error",
           "cells that are empty, NA, NaN, null, ? or the like, or not finite. error: refused; drop_rows: their rows "
           "are "
           "left out; mean, median: of the column; indicator: the mean, and a feature that says where. Of the training "
           "part alone; a category that is missing is 0 in each of its features; a row without a label is left out")
          .one_of({"error", "drop_rows", "mean", "median", "indicator"}),
      text("decimal", ".", "the decimal point").one_of({".", ","}),
      unset("thousands", ParamKind::text, "what stands between groups of three digits; null: nothing")
          .one_of({",", ".", "blank", "apostrophe"}),
      task_param(),
      text("delimiter", "auto",
           "what stands between the fields; whitespace: runs of blanks and tabs; auto: what cuts the first lines into "
           "equally many")
          .one_of({"auto", ",", ";", "tab", "|", " ", "whitespace"}),
      text("comment", "#", "lines that start with it are left out; null: none are").one_of({"#", "%", "!"}).or_null()};
  entry.doc = "a table as text, one sample a line: comma-separated values (RFC 4180), or `;`, tabs, blanks";
  entry.load = load_csv;
  entry.reads_files = true;
  entry.estimate_bytes = estimate_csv;
  entry.test_key = "test";
  return entry;
}

}  // namespace reluscope
