#include "data/targets.hpp"

#include <algorithm>
#include <cmath>
#include <unordered_set>
#include <utility>

#include "data/input_file.hpp"
#include "util/error.hpp"
#include "util/excerpt.hpp"
#include "util/format.hpp"

namespace reluscope {
namespace {

// Bounds of "few different values" for `task: auto`.
constexpr std::size_t kFewClasses = 20;
constexpr std::size_t kManyClasses = 100;
constexpr std::size_t kSamplesPerClass = 10;

/// The different numbers of both parts, in ascending order. Where there are more than `most`, one more than that: to
/// hold them all would take as much memory as the column.
std::vector<double> distinct_numbers(const TargetColumn& train, const TargetColumn* test, std::size_t most) {
  std::unordered_set<double> seen;
  for (const TargetColumn* part : {&train, test}) {
    if (part == nullptr) continue;
    for (const double number : part->numbers()) {
      if (seen.size() > most) break;
      seen.insert(number);
    }
  }
  std::vector<double> values(seen.begin(), seen.end());
  std::sort(values.begin(), values.end());
  return values;
}

/// Texts that are all numbers, some of them with a decimal comma or a thousands separator, are no classes.
void refuse_other_numbers(const TargetColumn& column) {
  std::uint32_t formats = ~0U;
  std::size_t others = 0;
  for (const std::string& text : column.texts()) {
    const std::uint32_t here = other_formats(text);
    others += here != 0 ? 1U : 0U;
    if (here == 0 && !parse_number(text)) return;
    formats &= here != 0 ? here : formats_of_plain(text);
  }
  if (others == 0) return;
  std::vector<std::string> settings;
  for (const NumberFormat& format : likely_formats(formats)) settings.push_back(format_settings(format));
  settings.emplace_back("data.task=classification if they are classes all the same");
  throw DataError(column.first_text_place() + ": the " + std::to_string(column.texts().size()) +
                  " different labels look like numbers with a comma or a separator, not like classes" +
                  help_line(joined(settings, ", or ")));
}

Task guess_task(const TargetColumns& train, const TargetColumns* test, const std::string& name) {
  if (train.size() != 1) return Task::regression;
  const TargetColumn& column = train.front();
  const TargetColumn* test_column = test != nullptr ? &test->front() : nullptr;
  for (const TargetColumn* part : {&column, test_column}) {
    if (part == nullptr || part->numeric()) continue;
    if (part->has_fraction())
      throw DataError(part->first_text_place() + ": the text stands among labels that are numbers with a fraction; " +
                      "correct the cell" + help_line("data.task=classification, if every label is a class of its own"));
    refuse_other_numbers(*part);
    return Task::classification;
  }
  if (test_column != nullptr && !test_column->numeric()) return Task::classification;

  const std::size_t few = most_classes_of_numbers(column.count());
  const std::vector<double> values = distinct_numbers(column, test_column, few);
  if (values.empty()) throw DataError(name + ": holds no samples");
  const bool whole = std::all_of(values.begin(), values.end(), [](double value) { return value == std::floor(value); });
  return whole && values.size() <= few ? Task::classification : Task::regression;
}

void require_class_count(std::size_t count, const std::string& name) {
  if (count > kMaxClasses)
    throw DataError(name + ": more than " + std::to_string(kMaxClasses) +
                    " different labels were found, the most classes that are possible; set task to \"regression\" for "
                    "values");
}

void assign_numeric_classes(RawData& data, const TargetColumn& train, const TargetColumn* test,
                            const std::string& name) {
  const std::vector<double> values = distinct_numbers(train, test, kMaxClasses);
  require_class_count(values.size(), name);
  const auto encode = [&](const TargetColumn& column, Samples& part) {
    part.labels.reserve(column.count());
    for (const double number : column.numbers()) {
      const auto place = std::lower_bound(values.begin(), values.end(), number);
      part.labels.push_back(static_cast<std::int32_t>(place - values.begin()));
    }
  };
  encode(train, data.train);
  if (test != nullptr) encode(*test, *data.test);
  for (const double value : values) data.class_names.push_back(number_text(value));
}

void assign_text_classes(RawData& data, TargetColumn& train, TargetColumn* test, const std::string& name) {
  train.to_texts();
  std::vector<std::string> names = train.texts();
  if (test != nullptr) {
    test->to_texts();
    names.insert(names.end(), test->texts().begin(), test->texts().end());
  }
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  require_class_count(names.size(), name);
  const auto encode = [&](const TargetColumn& column, Samples& part) {
    std::vector<std::int32_t> class_of_id;
    for (const std::string& text : column.texts())
      class_of_id.push_back(
          static_cast<std::int32_t>(std::lower_bound(names.begin(), names.end(), text) - names.begin()));
    part.labels.reserve(column.count());
    for (const std::int32_t id : column.ids()) part.labels.push_back(class_of_id[static_cast<std::size_t>(id)]);
  };
  encode(train, data.train);
  if (test != nullptr) encode(*test, *data.test);
  data.class_names = std::move(names);
}

void assign_values(const TargetColumns& columns, Samples& part, const std::string& name) {
  const auto samples = static_cast<Index>(columns.front().count());
  part.targets.resize(static_cast<Index>(columns.size()), samples);
  for (std::size_t output = 0; output < columns.size(); ++output) {
    const TargetColumn& column = columns[output];
    if (!column.numeric())
      throw DataError(column.first_text_place() + ": the text is not a number, as regression targets have to be");
    for (std::size_t sample = 0; sample < column.count(); ++sample) {
      if (!std::isfinite(column.numbers()[sample]))
        throw DataError(name + ": target " + std::to_string(output) + " of sample " + std::to_string(sample) +
                        " is not a finite number");
      part.targets(static_cast<Index>(output), static_cast<Index>(sample)) = column.numbers()[sample];
    }
  }
}

/// A 1 in one of the columns of each sample, and 0 in the others.
bool is_one_hot(const TargetColumns& columns) {
  std::vector<int> ones(columns.front().count());
  for (const TargetColumn& column : columns) {
    if (!column.numeric()) return false;
    for (std::size_t sample = 0; sample < ones.size(); ++sample) {
      const double value = column.numbers()[sample];
      if (value != 0.0 && value != 1.0) return false;
      ones[sample] += value == 1.0 ? 1 : 0;
    }
  }
  return std::all_of(ones.begin(), ones.end(), [](int count) { return count == 1; });
}

std::vector<std::int32_t> classes_of_one_hot(const TargetColumns& columns) {
  std::vector<std::int32_t> labels(columns.front().count());
  for (std::size_t output = 0; output < columns.size(); ++output)
    for (std::size_t sample = 0; sample < labels.size(); ++sample)
      if (columns[output].numbers()[sample] == 1.0) labels[sample] = static_cast<std::int32_t>(output);
  return labels;
}

}  // namespace

void TargetColumn::add(std::string_view cell, std::optional<double> number, const std::function<std::string()>& place) {
  const std::string_view content = trimmed(cell);
  has_fraction_ = has_fraction_ || (number && *number != std::floor(*number));
  if (number && numeric_) {
    numbers_.push_back(*number);
    return;
  }
  if (!number && first_text_place_.empty()) first_text_place_ = place() + " " + in_quotes(content);
  to_texts();
  add_text(number ? number_text(*number) : std::string(content), place);
}

void TargetColumn::to_texts() {
  if (!numeric_) return;
  numeric_ = false;
  for (const double number : numbers_) add_text(number_text(number), [this] { return first_text_place_; });
  numbers_ = {};
}

void TargetColumn::add_text(const std::string& text, const std::function<std::string()>& place) {
  ids_.push_back(texts_.id_of(text));
  if (texts_.size() > kMaxClasses)
    throw DataError(place() + ": more than " + std::to_string(kMaxClasses) +
                    " different labels, and some are text: is this the right label column?" +
                    help_line("data.label_column=COLUMN"));
}

std::size_t most_classes_of_numbers(std::size_t samples) {
  return std::max(kFewClasses, std::min(kManyClasses, samples / kSamplesPerClass));
}

std::optional<Task> parse_task(const std::string& word) {
  if (word == "classification") return Task::classification;
  if (word == "regression") return Task::regression;
  return std::nullopt;
}

Param task_param() {
  return text("task", "auto",
              "what the labels are; auto: classes if they are text, or whole numbers with few different values (at "
              "most 20, or up to 100 where each occurs ten times on average)")
      .one_of({"auto", "classification", "regression"});
}

void assign_targets(RawData& data, std::optional<Task> task, TargetColumns train, std::optional<TargetColumns> test,
                    const std::string& name) {
  data.task = task ? *task : guess_task(train, test ? &*test : nullptr, name);
  if (data.task == Task::regression) {
    assign_values(train, data.train, name);
    if (test) assign_values(*test, data.test.value(), name);
    return;
  }
  if (train.size() > 1 && is_one_hot(train) && (!test || is_one_hot(*test))) {
    data.train.labels = classes_of_one_hot(train);
    if (test) data.test->labels = classes_of_one_hot(*test);
    for (std::size_t output = 0; output < train.size(); ++output) data.class_names.push_back(std::to_string(output));
    return;
  }
  if (train.size() != 1)
    throw DataError(name + ": " + std::to_string(train.size()) +
                    " label columns were named, but classification has one, or several that are one-hot; others are "
                    "for regression");
  TargetColumn* test_column = test ? &test->front() : nullptr;
  if (train.front().numeric() && (test_column == nullptr || test_column->numeric())) {
    assign_numeric_classes(data, train.front(), test_column, name);
  } else {
    assign_text_classes(data, train.front(), test_column, name);
  }
}

}  // namespace reluscope
