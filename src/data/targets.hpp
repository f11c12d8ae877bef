#pragma once
// From the labels a file holds to class indices or regression targets: one rule for every file format.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "data/categories.hpp"
#include "data/cells.hpp"
#include "data/sources.hpp"

namespace reluscope {

/// More classes than this are taken for a mistake.
inline constexpr std::size_t kMaxClasses = 65536;

/// One column of labels or target values, filled sample by sample. Numbers stay numbers until a text turns up.
class TargetColumn {
 public:
  TargetColumn() = default;
  explicit TargetColumn(std::vector<double> numbers) : numbers_(std::move(numbers)) {}

  /// A cell that is not missing; `number`, a finite one, where it is one. `place` makes the cell's name for a message.
  /// Throws DataError for more than kMaxClasses different texts.
  void add(std::string_view cell, std::optional<double> number, const std::function<std::string()>& place);

  [[nodiscard]] std::size_t count() const { return numeric_ ? numbers_.size() : ids_.size(); }
  [[nodiscard]] bool numeric() const { return numeric_; }
  [[nodiscard]] const std::vector<double>& numbers() const { return numbers_; }  ///< when numeric
  [[nodiscard]] const std::vector<std::int32_t>& ids() const { return ids_; }    ///< else: index into `texts`
  [[nodiscard]] const std::vector<std::string>& texts() const { return texts_.texts(); }
  [[nodiscard]] bool has_fraction() const { return has_fraction_; }  ///< some cell is a number that is not whole
  [[nodiscard]] const std::string& first_text_place() const { return first_text_place_; }

  /// Turns numbers into texts, so that this column can be matched with one of texts.
  void to_texts();

 private:
  void add_text(const std::string& text, const std::function<std::string()>& place);
  bool numeric_ = true;
  bool has_fraction_ = false;
  std::string first_text_place_;
  std::vector<double> numbers_;
  std::vector<std::int32_t> ids_;
  Categories texts_;
};

/// The columns of one part; classification has exactly one.
using TargetColumns = std::vector<TargetColumn>;

/// What the user asked for in `task`; nothing means auto.
std::optional<Task> parse_task(const std::string& word);
/// The parameter `task`, the same for every file format.
Param task_param();

/// As many different whole numbers are taken for classes by `task: auto`.
std::size_t most_classes_of_numbers(std::size_t samples);

/// Fills `data`'s task, class names, and the labels or targets of its parts. Classes are the different labels of both
/// parts, sorted as numbers where all are numbers, else lexicographically.
/// Auto is classification for texts, and for one column of whole numbers with few different values: at most 20, or up
/// to 100 where each occurs ten times on average. `name` is the file in messages. Throws DataError.
void assign_targets(RawData& data, std::optional<Task> task, TargetColumns train, std::optional<TargetColumns> test,
                    const std::string& name);

}  // namespace reluscope
