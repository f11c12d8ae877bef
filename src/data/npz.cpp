#include "data/npz.hpp"

#include <algorithm>
#include <array>
#include <span>
#include <string_view>
#include <utility>

#include "data/npy_arrays.hpp"
#include "util/error.hpp"
#include "util/excerpt.hpp"
#include "util/format.hpp"
#include "util/memory.hpp"
#include "util/nearest.hpp"

namespace reluscope {
namespace {

constexpr std::string_view kEnding = ".npy";

// As people and the examples of libraries call them, in small letters, the surer ones first.
constexpr std::array<std::string_view, 9> kFeatures = {"x_train", "train_x",  "train_images", "train_data", "x",
                                                       "data",    "features", "images",       "arr_0"};
constexpr std::array<std::string_view, 9> kLabels = {"y_train", "train_y", "train_labels", "y",    "labels",
                                                     "label",   "targets", "target",       "arr_1"};
constexpr std::array<std::string_view, 4> kTestFeatures = {"x_test", "test_x", "test_images", "test_data"};
constexpr std::array<std::string_view, 3> kTestLabels = {"y_test", "test_y", "test_labels"};

std::optional<std::string> find_usual(const std::vector<std::string>& arrays, std::span<const std::string_view> names) {
  for (const std::string_view name : names)
    for (const std::string& array : arrays)
      if (std::equal(array.begin(), array.end(), name.begin(), name.end(), [](char left, char right) {
            return (left >= 'A' && left <= 'Z' ? left - 'A' + 'a' : left) == right;
          }))
        return array;
  return std::nullopt;
}

/// The arrays that the parameters name, or the usual ones.
class NpzReader {
 public:
  NpzReader(const ParamValues& params, const SourceContext& context)
      : params_(params),
        file_((context.base_directory / params.text("file")).string()),
        archive_(file_),
        arrays_(npz_arrays(archive_)) {
    if (arrays_.empty()) throw DataError(file_ + ": holds no array of NumPy (a member that ends with .npy)");
    features = choose("features", kFeatures);
    if (!features) fail_missing("features");
    if (context.wants_labels) labels = choose("labels", kLabels);
    if (context.wants_labels && !labels) fail_missing("labels");
    test_features = choose("test_features", kTestFeatures);
    if (context.wants_labels) test_labels = choose("test_labels", kTestLabels);
    if (context.wants_labels && test_features.has_value() != test_labels.has_value())
      fail_missing(test_features ? "test_labels" : "test_features");
  }

  [[nodiscard]] InputFile open(const std::string& array) const { return open_npz_array(archive_, array); }
  [[nodiscard]] const std::string& file() const { return file_; }

  std::optional<std::string> features, labels, test_features, test_labels;

 private:
  std::optional<std::string> choose(const char* key, std::span<const std::string_view> usual) const {
    if (params_.is_null(key)) return find_usual(arrays_, usual);
    const std::string& name = params_.text(key);
    if (std::find(arrays_.begin(), arrays_.end(), name) != arrays_.end()) return name;
    const auto near = nearest_name(name, arrays_);
    throw DataError(file_ + ": data." + key + ": there is no array " + in_quotes(name) + "; there are " +
                    joined(arrays_) + help_line(near ? std::string("data.") + key + "=" + *near : ""));
  }
  [[noreturn]] void fail_missing(const std::string& key) const {
    throw DataError(file_ + ": none of its arrays has a usual name for " + key + "; there are " + joined(arrays_) +
                    help_line("data." + key + "=" + arrays_.back()));
  }

  const ParamValues& params_;
  std::string file_;
  ZipArchive archive_;
  std::vector<std::string> arrays_;
};

/// By their headers: values may be many.
void require_as_many(const NpzReader& npz, const OpenedNpy& features, const OpenedNpy& labels) {
  if (features.header.shape[0] == labels.header.shape[0]) return;
  throw DataError(features.file.name() + " holds " + std::to_string(features.header.shape[0]) + " samples, but " +
                  labels.file.name().substr(npz.file().size() + 2) + " " + std::to_string(labels.header.shape[0]) +
                  " labels; both have to agree");
}

RawData load_npz(const ParamValues& params, const SourceContext& context) {
  const NpzReader npz(params, context);
  RawData data;
  TargetColumns targets;
  std::optional<TargetColumns> test_targets;
  const auto load_part = [&](const std::string& features_name, const std::optional<std::string>& labels_name,
                             Samples& part) {
    OpenedNpy features = open_features(npz.open(features_name));
    TargetColumns columns;
    if (labels_name) {
      OpenedNpy labels = open_targets(npz.open(*labels_name));
      require_as_many(npz, features, labels);
      columns = read_npy_targets(std::move(labels));
    }
    (&part == &data.train ? data.image : data.test_image) = image_shape(features.header.shape);
    part.features = read_npy_array(std::move(features)).values;
    return columns;
  };
  targets = load_part(*npz.features, npz.labels, data.train);
  if (npz.test_features) {
    TargetColumns columns = load_part(*npz.test_features, npz.test_labels, data.test.emplace());
    if (npz.test_labels && columns.size() != targets.size())
      throw DataError(npz.file() + ": " + *npz.test_labels + " holds " + std::to_string(columns.size()) +
                      " values a sample, but " + *npz.labels + " " + std::to_string(targets.size()));
    if (npz.test_labels) test_targets = std::move(columns);
  }
  if (npz.labels)
    assign_targets(data, parse_task(params.text("task")), std::move(targets), std::move(test_targets), npz.file());
  return data;
}

std::uint64_t estimate_npz(const ParamValues& params, const SourceContext& context) {
  if (!has_file(context.base_directory / params.text("file"))) return 0;
  const NpzReader npz(params, context);
  std::uint64_t bytes = 0;
  for (const std::optional<std::string>* name : {&npz.features, &npz.labels, &npz.test_features, &npz.test_labels}) {
    if (!*name) continue;
    const OpenedNpy array(npz.open(**name));
    // A copy where the values are not in C order; a label is a double on its way to what is kept.
    const std::uint64_t each = element_bytes_in_memory(array.header.type) * (array.header.fortran_order ? 2 : 1) +
                               (name == &npz.labels || name == &npz.test_labels ? 2 * sizeof(double) : 0);
    bytes = saturating_sum(bytes, saturating_product(element_count(array.header.shape), each));
  }
  return bytes;
}

}  // namespace

std::vector<std::string> npz_arrays(const ZipArchive& archive) {
  std::vector<std::string> names;
  for (const std::string& member : archive.members())
    if (member.size() > kEnding.size() && member.ends_with(kEnding))
      names.push_back(member.substr(0, member.size() - kEnding.size()));
  return names;
}

InputFile open_npz_array(const ZipArchive& archive, const std::string& array) {
  return archive.open(array + std::string(kEnding));
}

SourceEntry npz_source() {
  const auto array = [](const char* name, const std::string& what, const std::string& usual) {
    return unset(name, ParamKind::text, "the array of " + what + "; null: the one called " + usual);
  };
  SourceEntry entry;
  entry.name = "npz";
  entry.params = {
      required("file", ParamKind::text, "the archive (numpy.savez, numpy.savez_compressed)").path(),
      array("features", "features (samples × …)", "x_train, train_images, x, data, features or the like"),
      array("labels", "labels, 1-D, or samples × outputs", "y_train, train_labels, y, labels or the like"),
      array("test_features", "test features", "x_test, test_images or the like; without, test_fraction is split off"),
      array("test_labels", "test labels", "y_test, test_labels or the like"),
      task_param()};
  entry.doc = "an archive of NumPy arrays (Keras' mnist.npz, MedMNIST), through libzip";
  entry.load = load_npz;
  entry.reads_files = true;
  entry.estimate_bytes = estimate_npz;
  return entry;
}

}  // namespace reluscope
