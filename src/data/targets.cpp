#include "data/targets.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <unordered_set>
#include <utility>

#include "data/input_file.hpp"
#include "util/error.hpp"
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

Task guess_task(const TargetColumns& train, const TargetColumns* test, const std::string& name) {
  if (train.size() != 1) return Task::regression;
  const TargetColumn& column = train.front();
  const TargetColumn* test_column = test != nullptr ? &test->front() : nullptr;
  for (const TargetColumn* part : {&column, test_column}) {
    if (part == nullptr || part->numeric()) continue;
    if (part->has_fraction())
      throw DataError(part->first_text_place() + ": the text stands among labels that are numbers with a fraction; " +
                      "correct the cell, or set task to \"classification\" if every label is a class of its own");
    return Task::classification;
  }
  if (test_column != nullptr && !test_column->numeric()) return Task::classification;

  const std::size_t few = std::max(kFewClasses, std::min(kManyClasses, column.count() / kSamplesPerClass));
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

}  // namespace

void TargetColumn::add(std::string_view cell, const std::function<std::string()>& place) {
  const std::string_view content = trimmed(cell);
  if (is_missing(content))
    throw DataError(place() + ": the label is missing (found " + in_quotes(content) + "); drop the row or fill it in");
  const std::optional<double> number = parse_number(content);
  if (number && !std::isfinite(*number))
    throw DataError(place() + ": the label " + in_quotes(content) + " is not a finite number");
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

void TargetColumn::add_text(std::string text, const std::function<std::string()>& place) {
  const auto [entry, is_new] = index_.try_emplace(std::move(text), static_cast<std::int32_t>(texts_.size()));
  if (is_new) {
    texts_.push_back(entry->first);
    if (texts_.size() > kMaxClasses)
      throw DataError(place() + ": more than " + std::to_string(kMaxClasses) +
                      " different labels, and some are text: is this the right label column?");
  }
  ids_.push_back(entry->second);
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
  if (train.size() != 1)
    throw DataError(name + ": " + std::to_string(train.size()) +
                    " label columns were named, but classification has one; several are for regression");
  TargetColumn* test_column = test ? &test->front() : nullptr;
  if (train.front().numeric() && (test_column == nullptr || test_column->numeric())) {
    assign_numeric_classes(data, train.front(), test_column, name);
  } else {
    assign_text_classes(data, train.front(), test_column, name);
  }
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r\n";
  const std::size_t first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

std::optional<double> parse_number(std::string_view text) {
  text = trimmed(text);
  if (text.size() > 1 && text[0] == '+' && text[1] != '-') text.remove_prefix(1);
  double value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc{} || stop != end) return std::nullopt;
  return value;
}

bool is_missing(std::string_view text) {
  constexpr std::array<std::string_view, 6> kWords = {"?", "na", "n/a", "null", "none", "-"};
  if (text.empty()) return true;
  return std::any_of(kWords.begin(), kWords.end(), [&](std::string_view word) {
    return std::equal(text.begin(), text.end(), word.begin(), word.end(), [](char left, char right) {
      return (left >= 'A' && left <= 'Z' ? left - 'A' + 'a' : left) == right;
    });
  });
}

std::string number_text(double value) {
  const bool is_whole = value == std::floor(value) && std::abs(value) < 1e15;
  return is_whole ? std::to_string(static_cast<std::int64_t>(value)) : format_number(value);
}

}  // namespace reluscope
