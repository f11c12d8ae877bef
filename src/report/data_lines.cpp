#include "report/data_lines.hpp"

#include <algorithm>
#include <cmath>
#include <span>

#include "data/elements.hpp"
#include "data/filling.hpp"
#include "data/sources.hpp"
#include "experiment/features.hpp"
#include "util/format.hpp"

namespace reluscope {

namespace {

/// Inputs beyond this are worth a word: a network starts for inputs around 1.
constexpr double kLargeInput = 10.0;

/// 1234567.8 as "1,234,567.8": four digits, or all before the point.
std::string readable(double value) {
  std::string text = std::abs(value) >= 1000.0 && std::abs(value) < 1e15 ? format_fixed(value, 0) : format_short(value);
  if (std::abs(value) < 1000.0 || std::abs(value) >= 1e15) return text;
  for (auto at = static_cast<std::ptrdiff_t>(text.size()) - 3; at > (text.front() == '-' ? 1 : 0); at -= 3)
    text.insert(static_cast<std::size_t>(at), ",");
  return text;
}

void add_label(DataLines& lines, const Dataset& dataset) {
  const std::vector<std::string>& labels = dataset.table.labels;
  const bool has_number = labels.size() == 1 && labels[0].find_first_not_of("0123456789") == std::string::npos;
  const std::string name = labels.empty() ? ""
                           : has_number   ? "label column " + labels[0] + ", from 0: "
                                          : "label " + listed(labels) + ": ";
  if (dataset.task == Task::classification) {
    const std::vector<std::int64_t> train = class_counts(dataset, dataset.train);
    const std::vector<std::int64_t> test = class_counts(dataset, dataset.test);
    std::vector<std::string> counts;
    for (std::size_t at = 0; at < train.size(); ++at)
      counts.push_back(dataset.class_names[at] + " (" + std::to_string(train[at] + test[at]) + ")");
    lines.facts.push_back(name + std::to_string(counts.size()) + (counts.size() == 1 ? " class: " : " classes: ") +
                          listed(counts));
  } else if (dataset.task == Task::regression && !name.empty()) {
    lines.facts.push_back(name + "numbers from " + readable(dataset.train.targets.minCoeff()) + " to " +
                          readable(dataset.train.targets.maxCoeff()));
  }
}

void add_columns(DataLines& lines, const Dataset& dataset) {
  const TableFacts& table = dataset.table;
  if (!dataset.feature_names.empty()) lines.facts.push_back("features: " + listed(dataset.feature_names));
  std::vector<std::string> words;
  for (const auto& [column, why] : table.left_out) words.push_back(column + " (" + why + ")");
  if (!words.empty()) lines.facts.push_back("left out: " + listed(words));
  words.clear();
  for (const TableFacts::Filled& one : table.filled)
    if (one.how != Fill::zero)  // a word that is missing is none of the values
      words.push_back(one.feature + " (" + std::to_string(one.train + one.test) + " with " + readable(one.value) +
                      ", the " + std::string(fill_name(one.how)) + ")");
  if (!words.empty()) lines.facts.push_back("missing values filled: " + listed(words));
  if (table.rows_left_out > 0)
    lines.facts.push_back(std::to_string(table.rows_left_out) + " rows left out: they lack something");
  if (table.comments > 0)
    lines.facts.push_back(std::to_string(table.comments) +
                          " lines among the rows left out as comments; data.comment=null takes them as rows");
  if (table.unseen > 0)
    lines.facts.push_back(std::to_string(table.unseen) +
                          " cells of the test file hold words that the training file does " +
                          "not have: they are taken for none of its values");
}

void add_scale(DataLines& lines, const ExperimentSpec& spec, const Dataset& dataset) {
  if (spec.data.normalize != Normalization::none || dataset.train.count() == 0) return;
  const auto [low, high] = std::visit(
      [](const auto& features) {
        return std::pair(static_cast<double>(features.minCoeff()), static_cast<double>(features.maxCoeff()));
      },
      dataset.train.features);
  if (std::max(std::abs(low), std::abs(high)) <= kLargeInput) return;
  lines.facts.push_back("not normalised: features from " + readable(low) + " to " + readable(high) +
                        "; data.normalize=per_feature brings each to mean 0 and standard deviation 1");
}

/// " (3 × 32 × 32)" of samples that have positions.
std::string in_positions(const Dataset& dataset) {
  return dataset.shape().positions() > 1 ? " (" + shape_text(dataset.shape()) + ")" : "";
}

/// Arrays of pictures come in two orders, and their shape alone does not say which.
void add_order(DataLines& lines, const ExperimentSpec& spec, const Dataset& dataset) {
  const Shape shape = dataset.shape();
  const bool is_few = shape.width == 1 || shape.width == 3 || shape.width == 4;
  if (spec.data.shape || !is_few || shape.channels <= 4 || shape.height <= 4) return;
  lines.warnings.push_back("samples are taken for " + shape_text(shape) +
                           " (channels × height × width): if their channels stand last in the file, "
                           "numpy.moveaxis(x, -1, 1) puts them first; data.shape says that they do not");
}

}  // namespace

DataLines data_lines(const ExperimentSpec& spec, const Dataset& dataset) {
  DataLines lines;
  lines.facts.push_back(spec.data.source.name + ": " + std::to_string(dataset.train.count()) + " training and " +
                        std::to_string(dataset.test.count()) + " test samples, " + std::to_string(dataset.features()) +
                        " features" + in_positions(dataset) +
                        (spec.data.reconstruct ? ", which are the targets too" : ""));
  const bool from_files = find_entry(source_table(), spec.data.source.name)->reads_files;
  if (!from_files) return lines;
  add_label(lines, dataset);
  add_columns(lines, dataset);
  add_scale(lines, spec, dataset);
  add_order(lines, spec, dataset);
  if (!dataset.table.row_number.empty())
    lines.warnings.push_back("column " + dataset.table.row_number +
                             " counts the rows, and a network learns nothing from it that holds elsewhere: " +
                             dataset.table.row_number_setting + " leaves it out");
  return lines;
}

}  // namespace reluscope
