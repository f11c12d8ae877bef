#include "data/csv.hpp"

#include <array>
#include <cmath>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "data/csv_layout.hpp"
#include "data/csv_records.hpp"
#include "data/file_choice.hpp"
#include "data/growing_features.hpp"
#include "data/targets.hpp"
#include "util/error.hpp"
#include "util/input.hpp"

namespace reluscope {
namespace {

constexpr std::array<std::string_view, 1> kSingleKeys = {"file"};
constexpr std::array<std::string_view, 2> kSeparateKeys = {"train", "test"};

struct CsvTable {
  std::vector<std::string> header;         ///< empty without one
  std::vector<std::string> feature_names;  ///< the header without the label columns
  FeatureMatrix features;
  TargetColumns targets;
};

/// Reads one file from front to back.
class CsvTableReader {
 public:
  CsvTableReader(const std::filesystem::path& path, const CsvOptions& options)
      : records_(path, options.delimiter), wants_labels_(options.wants_labels) {
    read_start(options);
  }

  CsvTable read() {
    while (records_.next()) add_sample(records_.fields(), records_.line());
    if (samples_ == 0) records_.fail_at(records_.line(), "there is a header but no sample after it");
    std::vector<std::string> names;
    for (std::size_t column = 0; column < layout_.header.size(); ++column)
      if (layout_.target_of[column] < 0) names.push_back(layout_.header[column]);
    return {std::move(layout_.header), std::move(names), features_.finish(static_cast<Index>(layout_.features())),
            std::move(targets_)};
  }

 private:
  /// Finds out what the columns are from the first record and, where that is not enough, the second.
  void read_start(const CsvOptions& options) {
    if (!records_.next()) records_.fail_at(1, "the file holds nothing but blank lines");
    const std::vector<std::string> first(records_.fields().begin(), records_.fields().end());
    const std::uint64_t first_line = records_.line();
    const auto set_layout = [&](bool has_header) {
      layout_ = make_layout({records_, first_line, has_header ? first : std::vector<std::string>(), first.size()},
                            options.label_column);
      targets_.resize(layout_.labels.size());
    };
    if (options.header.value_or(false)) {
      set_layout(true);
      return;
    }
    const bool has_second = records_.next();
    const std::vector<std::string> second(records_.fields().begin(), records_.fields().end());
    const bool has_header = !options.header && looks_like_header(first, second, options.label_column);
    set_layout(has_header);
    if (!has_header) add_sample({first.begin(), first.end()}, first_line);
    if (has_second) add_sample(records_.fields(), records_.line());
  }

  void add_sample(const std::vector<std::string_view>& fields, std::uint64_t line) {
    if (fields.size() != layout_.columns())
      records_.fail_at(line, "found " + std::to_string(fields.size()) + " field(s), the lines before have " +
                                 std::to_string(layout_.columns()));
    for (std::size_t column = 0; column < fields.size(); ++column) {
      const int target = layout_.target_of[column];
      if (target < 0) {
        features_.add(parse_feature(fields[column], line, column));
      } else if (wants_labels_) {
        targets_[static_cast<std::size_t>(target)].add(fields[column], [&] {
          return records_.name() + ": line " + std::to_string(line) + ": " + layout_.column_text(column);
        });
      }
    }
    ++samples_;
  }

  double parse_feature(std::string_view cell, std::uint64_t line, std::size_t column) const {
    const std::optional<double> value = parse_number(cell);
    if (value && std::isfinite(*value)) return *value;
    const bool is_gap = value.has_value() || is_missing(trimmed(cell));
    records_.fail_at(line, layout_.column_text(column) + ": found " + in_quotes(cell) +
                               (is_gap ? ", but features have to be finite numbers; fill in or drop missing ones"
                                       : ", which is not a number (decimal point '.', no thousands separators)"));
  }

  CsvRecords records_;
  bool wants_labels_;
  CsvLayout layout_;
  GrowingFeatures features_;
  TargetColumns targets_;
  std::uint64_t samples_ = 0;
};

CsvOptions options_of(const ParamValues& params, bool wants_labels) {
  CsvOptions options;
  const std::string& delimiter = params.text("delimiter");
  if (delimiter != "auto") options.delimiter = delimiter == "tab" ? '\t' : delimiter.front();
  if (!params.is_null("header")) options.header = params.flag("header");
  options.wants_labels = wants_labels;
  if (!params.is_null("label_column")) {
    options.label_column = params.text("label_column");
  } else if (wants_labels) {
    options.label_column = "-1";
  }
  return options;
}

void require_same_columns(const CsvTable& train, const CsvTable& test, const ParamValues& params) {
  const auto rows = [](const FeatureMatrix& matrix) {
    return std::visit([](const auto& values) { return values.rows(); }, matrix);
  };
  if (rows(train.features) != rows(test.features))
    throw DataError(params.text("test") + ": has " + std::to_string(rows(test.features)) +
                    " feature columns, the training file " + params.text("train") + " has " +
                    std::to_string(rows(train.features)));
  if (train.header.empty() || test.header.empty()) return;
  for (std::size_t column = 0; column < train.header.size(); ++column)
    if (train.header[column] != test.header[column])
      throw DataError(params.text("test") + ": column " + std::to_string(column + 1) + " is called " +
                      in_quotes(test.header[column]) + ", in the training file " + params.text("train") + " it is " +
                      in_quotes(train.header[column]));
}

RawData load(const ParamValues& params, const SourceContext& context) {
  const bool single = is_single_file(params, "csv", kSingleKeys, kSeparateKeys);
  const CsvOptions options = options_of(params, context.wants_labels);
  const std::filesystem::path path = context.base_directory / params.text(single ? "file" : "train");
  RawData data;
  CsvTable train = CsvTableReader(path, options).read();
  std::optional<TargetColumns> test_targets;
  if (!single) {
    CsvTable test = CsvTableReader(context.base_directory / params.text("test"), options).read();
    require_same_columns(train, test, params);
    data.test.emplace().features = std::move(test.features);
    test_targets = std::move(test.targets);
  }
  data.train.features = std::move(train.features);
  data.feature_names = std::move(train.feature_names);
  if (!context.wants_labels) return data;
  assign_targets(data, parse_task(params.text("task")), std::move(train.targets), std::move(test_targets),
                 path.string());
  return data;
}

/// From the share of delimiters in the first bytes: a cell becomes a double of 8 bytes, and its label some 40 more.
std::uint64_t file_estimate(const std::filesystem::path& path) {
  constexpr std::size_t kProbeBytes = std::size_t{64} << 10U;
  constexpr std::uint64_t kSampleOverhead = 40;
  InputFile file(path);
  const std::optional<std::uint64_t> plain_size = file.remaining();
  const std::uint64_t size = plain_size ? *plain_size : gzip_content_size(path);
  std::string probe(kProbeBytes, '\0');
  probe.resize(file.read(probe.data(), probe.size()));
  std::uint64_t bytes = sizeof(double) + kSampleOverhead;
  for (const char character : probe) {
    if (character == ',' || character == ';' || character == '\t') bytes += sizeof(double);
    if (character == '\n') bytes += sizeof(double) + kSampleOverhead;
  }
  if (probe.empty() || size <= probe.size()) return bytes;
  return saturating_product(size / probe.size() + 1, bytes);
}

std::uint64_t estimate(const ParamValues& params, const SourceContext& context) {
  std::uint64_t bytes = 0;
  for (const char* key : {"file", "train", "test"}) {
    if (params.is_null(key)) continue;
    const std::filesystem::path path = context.base_directory / params.text(key);
    if (has_file(path)) bytes = saturating_sum(bytes, file_estimate(path));
  }
  return bytes;
}

}  // namespace

SourceEntry csv_source() {
  SourceEntry entry;
  entry.name = "csv";
  entry.params = {
      unset("file", ParamKind::text, "the one file, plain or gzip; test_fraction of it is split off"),
      unset("train", ParamKind::text, "training file; goes with `test`"),
      unset("test", ParamKind::text, "test file"),
      unset("header", ParamKind::boolean,
            "whether the first line holds names; null: yes if it has text where a feature has to be a number"),
      unset(
          "label_column", ParamKind::text,
          "the labels: a column's name, or its number from 0, negative from the end; several with commas between, for "
          "regression or several labels a sample; null: the last column. With target \"input\" columns to leave out; "
          "null: none")
          .or_integer(),
      task_param(),
      text("delimiter", "auto", "what stands between the fields; auto: whichever is most frequent in the first line")
          .one_of({"auto", ",", ";", "tab", "|", " "})};
  entry.doc = "comma-separated values (RFC 4180), one sample a line; also with `;` or tabs";
  entry.load = load;
  entry.estimate_bytes = estimate;
  entry.test_key = "test";
  return entry;
}

}  // namespace reluscope
