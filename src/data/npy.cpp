#include "data/npy.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "data/file_choice.hpp"
#include "data/input_file.hpp"
#include "data/npy_arrays.hpp"
#include "data/targets.hpp"
#include "util/error.hpp"
#include "util/input.hpp"
#include "util/memory.hpp"

namespace reluscope {
namespace {

constexpr std::array<std::string_view, 2> kNpyFile = {"file", "labels"};
constexpr std::array<std::string_view, 4> kNpyFiles = {"train", "train_labels", "test", "test_labels"};
// Without labels.
constexpr std::array<std::string_view, 1> kNpyFeatures = {"file"};
constexpr std::array<std::string_view, 2> kNpyFeatureFiles = {"train", "test"};

/// By their headers.
void require_same_samples(const ParamValues& params, std::string_view features_key, const OpenedNpy& features,
                          std::string_view labels_key, const OpenedNpy& labels) {
  if (features.header.shape[0] != labels.header.shape[0])
    throw DataError(params.text(features_key) + " (" + std::string(features_key) + ") holds " +
                    std::to_string(features.header.shape[0]) + " samples, but " + params.text(labels_key) + " (" +
                    std::string(labels_key) + ") holds " + std::to_string(labels.header.shape[0]) +
                    " labels; both have to agree");
}

/// Features and the labels that go with them, where labels are wanted. Headers first: values may be many.
struct NpyPart {
  OpenedNpy features;
  std::optional<OpenedNpy> labels;

  NpyPart(const ParamValues& params, const SourceContext& context, std::string_view features_key,
          std::string_view labels_key)
      : features(open_features(InputFile(context.base_directory / params.text(features_key)))) {
    if (!context.wants_labels) return;
    labels.emplace(open_targets(InputFile(context.base_directory / params.text(labels_key))));
    require_same_samples(params, features_key, features, labels_key, *labels);
  }
};

RawData load_npy(const ParamValues& params, const SourceContext& context) {
  const bool labelled = context.wants_labels;
  const bool single = labelled ? is_single_file(params, "npy", kNpyFile, kNpyFiles)
                               : is_single_file(params, "npy", kNpyFeatures, kNpyFeatureFiles);
  const std::string_view labels_key = single ? "labels" : "train_labels";
  NpyPart train(params, context, single ? "file" : "train", labels_key);
  std::optional<NpyPart> test;
  if (!single) test.emplace(params, context, "test", "test_labels");

  RawData data;
  TargetColumns targets;
  std::optional<TargetColumns> test_targets;
  if (labelled) targets = read_npy_targets(std::move(*train.labels));
  data.image = image_shape(train.features.header.shape);
  data.train.features = read_npy_array(std::move(train.features)).values;
  if (test) {
    if (labelled) test_targets = read_npy_targets(std::move(*test->labels));
    data.test_image = image_shape(test->features.header.shape);
    data.test.emplace().features = read_npy_array(std::move(test->features)).values;
  }
  if (test_targets && test_targets->size() != targets.size())
    throw DataError(params.text("test_labels") + " (test_labels) holds " + std::to_string(test_targets->size()) +
                    " values a sample, but train_labels " + std::to_string(targets.size()));
  if (labelled)
    assign_targets(data, parse_task(params.text("task")), std::move(targets), std::move(test_targets),
                   (context.base_directory / params.text(labels_key)).string());
  return data;
}

std::uint64_t estimate_npy(const ParamValues& params, const SourceContext& context) {
  // A label or target is a double on its way from the file's type to what is kept: an int32 or a double.
  constexpr std::size_t kTargetBytes = 2 * sizeof(double);
  std::uint64_t bytes = 0;
  for (const auto& [key, extra] : {std::pair<const char*, std::size_t>{"file", 0},
                                   {"labels", kTargetBytes},
                                   {"train", 0},
                                   {"train_labels", kTargetBytes},
                                   {"test", 0},
                                   {"test_labels", kTargetBytes}}) {
    if (params.is_null(key)) continue;
    const std::filesystem::path path = context.base_directory / params.text(key);
    if (!has_file(path)) continue;
    InputFile file(path);
    const NpyHeader header = read_npy_header(file);
    const std::uint64_t copies = header.fortran_order ? 2 : 1;
    bytes = saturating_sum(
        bytes, saturating_product(element_count(header.shape), copies * element_bytes_in_memory(header.type) + extra));
  }
  return bytes;
}

}  // namespace

SourceEntry npy_source() {
  SourceEntry entry;
  entry.name = "npy";
  entry.params = {
      unset("file", ParamKind::text, "features (samples × …); test_fraction is split off").path(),
      unset("labels", ParamKind::text, "the labels of `file`: 1-D, or samples × outputs for regression").path(),
      unset("train", ParamKind::text, "training features; goes with the next three").path(),
      unset("train_labels", ParamKind::text, "training labels").path(),
      unset("test", ParamKind::text, "test features").path(),
      unset("test_labels", ParamKind::text, "test labels").path(),
      task_param()};
  entry.doc = "NumPy arrays (numpy.save), plain or gzip";
  entry.load = load_npy;
  entry.reads_files = true;
  entry.estimate_bytes = estimate_npy;
  entry.test_key = "test";
  return entry;
}

}  // namespace reluscope
