#include "data/data_spec.hpp"

#include <algorithm>
#include <cmath>
#include <new>
#include <numeric>
#include <stdexcept>
#include <utility>
#include <vector>

#include "data/dataset.hpp"
#include "data/elements.hpp"
#include "data/filling.hpp"
#include "data/normalization.hpp"
#include "data/sources.hpp"
#include "util/error.hpp"
#include "util/excerpt.hpp"
#include "util/format.hpp"
#include "util/memory.hpp"
#include "util/nearest.hpp"
#include "util/random.hpp"

namespace reluscope {

namespace {

/// Keeps the first `count` samples.
void truncate(Samples& part, Index count) {
  std::visit([&](auto& matrix) { matrix.conservativeResize(matrix.rows(), count); }, part.features);
  if (!part.labels.empty()) part.labels.resize(static_cast<std::size_t>(count));
  if (part.targets.size() != 0) part.targets.conservativeResize(part.targets.rows(), count);
}

void forget_labels(Samples& part) {
  part.labels = {};
  part.targets = {};
}

/// Moves the columns of `matrix` at `taken` (ascending) into the result and closes the gaps, both in their old order:
/// no second copy of what stays.
template <class T>
Matrix<T> take_columns(Matrix<T>& matrix, std::span<const Index> taken) {
  Matrix<T> result(matrix.rows(), static_cast<Index>(taken.size()));
  Index kept = 0;
  std::size_t next = 0;
  for (Index column = 0; column < matrix.cols(); ++column) {
    if (next < taken.size() && taken[next] == column) {
      result.col(static_cast<Index>(next++)) = matrix.col(column);
    } else {
      if (kept != column) matrix.col(kept) = matrix.col(column);
      ++kept;
    }
  }
  matrix.conservativeResize(matrix.rows(), kept);
  return result;
}

std::vector<std::int32_t> take_labels(std::vector<std::int32_t>& labels, std::span<const Index> taken) {
  std::vector<std::int32_t> result;
  result.reserve(taken.size());
  std::size_t kept = 0;
  for (std::size_t sample = 0; sample < labels.size(); ++sample) {
    if (result.size() < taken.size() && taken[result.size()] == static_cast<Index>(sample)) {
      result.push_back(labels[sample]);
    } else {
      labels[kept++] = labels[sample];
    }
  }
  labels.resize(kept);
  return result;
}

/// Splits round(fraction · n) samples off, but leaves at least one. Which ones the seed decides; both parts keep the
/// order of the file.
Samples split_off_test(Samples& train, double fraction, std::uint64_t seed) {
  const Index count = train.count();
  const auto wanted = static_cast<Index>(std::llround(fraction * static_cast<double>(count)));
  const Index test_count = std::clamp<Index>(wanted, 0, count - 1);

  std::vector<Index> order(static_cast<std::size_t>(count));
  std::iota(order.begin(), order.end(), Index{0});
  Rng(seed, Purpose::split).shuffle(std::span<Index>(order));
  order.resize(static_cast<std::size_t>(test_count));
  std::sort(order.begin(), order.end());

  Samples test;
  test.features =
      std::visit([&](auto& matrix) -> FeatureMatrix { return take_columns(matrix, order); }, train.features);
  if (!train.labels.empty()) test.labels = take_labels(train.labels, order);
  if (train.targets.size() != 0) test.targets = take_columns(train.targets, order);
  return test;
}

/// The files in its directory, at most a thousand.
std::vector<std::string> names_beside(const std::filesystem::path& path) {
  constexpr std::size_t kMost = 1000;
  std::vector<std::string> names;
  std::error_code error;
  std::filesystem::directory_iterator entry(path.has_parent_path() ? path.parent_path() : ".", error);
  for (; !error && entry != std::filesystem::directory_iterator() && names.size() < kMost; entry.increment(error))
    names.push_back(entry->path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

void check(const DataSpec& spec) {
  if (!(spec.test_fraction >= 0 && spec.test_fraction < 1))
    throw DataError("test_fraction has to be at least 0 and below 1, found " + std::to_string(spec.test_fraction));
  if (spec.limit && *spec.limit < 1)
    throw DataError("limit has to be at least 1, found " + std::to_string(*spec.limit));
}

/// Before anything is read: relative paths are the ones that go wrong.
void require_files(const DataSpec& spec, const SourceEntry& entry) {
  if (spec.reconstruct) return;  // files of labels need not be there
  for (const Param& param : entry.params) {
    if (!param.is_path || spec.source.params.is_null(param.name)) continue;
    const std::filesystem::path given = spec.source.params.text(param.name);
    const std::filesystem::path path = spec.base_directory / given;
    std::error_code error;
    if (std::filesystem::exists(path, error) || error) continue;
    const std::vector<std::string> beside = names_beside(path);
    const auto near = nearest_name(path.filename().string(), beside);
    throw DataError(
        path.string() + ": no such file" +
        (given.is_absolute() ? "" : "; relative paths start at the config file's directory") +
        help_line(near ? "data." + param.name + "=" + shell_word((given.parent_path() / *near).string()) : ""));
  }
}

RawData load_raw(const DataSpec& spec, std::uint64_t seed) {
  const SourceEntry* entry = find_entry(source_table(), spec.source.name);
  if (entry == nullptr) throw std::logic_error("no data kind called " + spec.source.name);
  const SourceContext context{spec.base_directory, seed, !spec.reconstruct};
  require_files(spec, *entry);
  try {
    return entry->load(spec.source.params, context);
  } catch (const std::bad_alloc&) {
    const std::uint64_t bytes = entry->estimate_bytes(spec.source.params, context);
    throw DataError("there is not enough memory to load the " + entry->name + " data" +
                    (bytes > 0 ? ", which need about " + format_bytes(bytes) : std::string()));
  }
}

}  // namespace

std::uint64_t estimate_dataset_bytes(const DataSpec& spec, std::uint64_t seed) {
  const SourceEntry& entry = *find_entry(source_table(), spec.source.name);
  require_files(spec, entry);
  const ParamValues& params = spec.source.params;
  const std::uint64_t bytes = entry.estimate_bytes(params, {spec.base_directory, seed});
  if (entry.test_key != nullptr && !params.is_null(entry.test_key)) return bytes;
  // The test part is copied before the rest moves together.
  return saturating_sum(bytes, static_cast<std::uint64_t>(std::ceil(static_cast<double>(bytes) * spec.test_fraction)));
}

Dataset load_dataset(const DataSpec& spec, std::uint64_t seed) {
  check(spec);
  RawData raw = load_raw(spec, seed);
  if (spec.reconstruct) {
    raw.task = Task::reconstruction;
    raw.class_names.clear();
    forget_labels(raw.train);
    if (raw.test) forget_labels(*raw.test);
  }
  Dataset dataset;
  dataset.task = raw.task;
  dataset.train = std::move(raw.train);
  dataset.class_names = std::move(raw.class_names);
  dataset.feature_names = std::move(raw.feature_names);
  dataset.table = std::move(raw.table);
  dataset.image = raw.image;
  if (spec.shape && spec.shape->size() == dataset.features()) dataset.image = spec.shape;
  if (spec.limit && *spec.limit < dataset.train.count()) truncate(dataset.train, static_cast<Index>(*spec.limit));
  if (raw.test) {
    dataset.test = std::move(*raw.test);
    if (!spec.shape && raw.image && raw.test_image && raw.image != raw.test_image)
      throw DataError("the test part's samples are " + shape_text(*raw.test_image) + ", those of the training part " +
                      shape_text(*raw.image) + " (channels × height × width)");
    if (dataset.test.features_count() != dataset.features())
      throw DataError("the test part has " + std::to_string(dataset.test.features_count()) +
                      " features a sample, the training part " + std::to_string(dataset.features()));
  } else {
    dataset.test = split_off_test(dataset.train, spec.test_fraction, seed);
  }
  fill_missing(dataset, raw.fills);
  set_normalization(dataset, spec.normalize);
  if (spec.scale_targets && dataset.task == Task::regression) set_target_normalization(dataset);
  dataset.train.prefer_huge_pages();
  return dataset;
}

}  // namespace reluscope
