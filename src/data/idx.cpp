#include "data/idx.hpp"

#include <array>
#include <cmath>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "data/elements.hpp"
#include "data/input_file.hpp"
#include "data/targets.hpp"
#include "util/error.hpp"
#include "util/input.hpp"
#include "util/memory.hpp"

namespace reluscope {
namespace {

constexpr std::array<std::pair<unsigned char, ElementType>, 6> kIdxTypes = {{{0x08, ElementType::u8},
                                                                             {0x09, ElementType::i8},
                                                                             {0x0B, ElementType::i16},
                                                                             {0x0C, ElementType::i32},
                                                                             {0x0D, ElementType::f32},
                                                                             {0x0E, ElementType::f64}}};

ElementType element_type(const InputFile& file, unsigned char code) {
  for (const auto& [known, type] : kIdxTypes)
    if (known == code) return type;
  file.fail_at(2, "element type " + std::to_string(code) +
                      " is unknown; IDX has 8 (u8), 9 (i8), 11 (i16), 12 (i32), 13 (f32) and 14 (f64)");
}

/// An array without its values.
ElementArray read_header(InputFile& file) {
  std::array<unsigned char, 4> magic;
  file.read_exactly(magic.data(), magic.size(), "the magic number");
  if (magic[0] != 0 || magic[1] != 0)
    file.fail_at(0, "not an IDX file: it has to start with two zero bytes, found " + std::to_string(magic[0]) + " " +
                        std::to_string(magic[1]));
  ElementArray header;
  header.type = element_type(file, magic[2]);
  for (unsigned dimension = 0; dimension < magic[3]; ++dimension) {
    std::array<unsigned char, 4> size;
    file.read_exactly(size.data(), size.size(), "the list of dimensions");
    std::uint64_t extent = 0;
    for (const unsigned char byte : size) extent = extent << 8U | byte;
    header.shape.push_back(extent);
  }
  return header;
}

void read_values(InputFile& file, ElementArray& array) {
  const std::uint64_t samples = array.shape.empty() ? 1 : array.shape[0];
  array.values = read_elements(file, array.type, std::endian::big, element_count(array.shape, 1), samples);
  file.expect_end();
}

/// A file whose header was read and makes sense. Its values may be many: they come once all headers have been seen.
struct Opened {
  InputFile file;
  ElementArray array;
  explicit Opened(const std::filesystem::path& path) : file(path), array(read_header(file)) {}
};

Opened open_images(const std::filesystem::path& path) {
  Opened images(path);
  const std::vector<std::uint64_t>& shape = images.array.shape;
  if (shape.size() < 2)
    images.file.fail_at(3, "images need 2 dimensions or more (samples × …), found " + std::to_string(shape.size()) +
                               "; is this the labels file?");
  if (element_count(shape) == 0) images.file.fail_at(4, "holds no data: its shape is " + shape_text(shape));
  check_declared(images.file, images.array.type, element_count(shape));
  return images;
}

Opened open_labels(const std::filesystem::path& path) {
  Opened labels(path);
  const std::vector<std::uint64_t>& shape = labels.array.shape;
  if (shape.size() != 1)
    labels.file.fail_at(
        3, "labels have 1 dimension, found " + std::to_string(shape.size()) + "; is this the images file?");
  if (shape[0] == 0) labels.file.fail_at(4, "holds no labels");
  check_declared(labels.file, labels.array.type, shape[0]);
  return labels;
}

FeatureMatrix read_images(Opened images) {
  read_values(images.file, images.array);
  require_finite(images.array.values, images.file.name());
  return std::move(images.array.values);
}

TargetColumn read_labels(Opened opened) {
  auto& [file, array] = opened;
  const std::uint64_t start = file.offset();
  read_values(file, array);
  std::vector<double> labels = row_as_doubles(array.values, 0);
  for (std::size_t sample = 0; sample < labels.size(); ++sample) {
    const double label = labels[sample];
    if (!(label >= 0 && label < static_cast<double>(kMaxClasses) && label == std::floor(label)))
      file.fail_at(start + sample * element_bytes(array.type),
                   "the label of sample " + std::to_string(sample) + " is " + number_text(label) +
                       ", it has to be a whole number from 0 to " + std::to_string(kMaxClasses - 1));
  }
  return TargetColumn(std::move(labels));
}

/// By their headers.
void require_same_count(const ParamValues& params, const char* images_key, const Opened& images, const char* labels_key,
                        const Opened& labels) {
  if (images.array.shape[0] != labels.array.shape[0])
    throw DataError(params.text(images_key) + " (" + images_key + ") holds " + std::to_string(images.array.shape[0]) +
                    " samples, but " + params.text(labels_key) + " (" + labels_key + ") holds " +
                    std::to_string(labels.array.shape[0]) + " labels; both have to agree");
}

bool has_test_part(const ParamValues& params, bool wants_labels) {
  const bool images = !params.is_null("test_images");
  if (wants_labels && images != !params.is_null("test_labels"))
    throw DataError(std::string("data of kind idx: test_images and test_labels go together, but only ") +
                    (images ? "test_images" : "test_labels") + " is given");
  return images;
}

/// Images and the labels that go with them, where labels are wanted. Headers first: values may be many.
struct OpenedPart {
  Opened images;
  std::optional<Opened> labels;

  OpenedPart(const ParamValues& params, const SourceContext& context, const char* images_key, const char* labels_key)
      : images(open_images(context.base_directory / params.text(images_key))) {
    if (!context.wants_labels) return;
    labels.emplace(open_labels(context.base_directory / params.text(labels_key)));
    require_same_count(params, images_key, images, labels_key, *labels);
  }
  [[nodiscard]] TargetColumns read_targets() {
    TargetColumns columns;
    columns.push_back(read_labels(std::move(*labels)));
    return columns;
  }
};

RawData load_idx(const ParamValues& params, const SourceContext& context) {
  OpenedPart train(params, context, "images", "labels");
  std::optional<OpenedPart> test;
  if (has_test_part(params, context.wants_labels)) test.emplace(params, context, "test_images", "test_labels");

  RawData data;
  TargetColumns labels;
  std::optional<TargetColumns> test_labels;
  if (context.wants_labels) labels = train.read_targets();
  data.image = image_shape(train.images.array.shape);
  data.train.features = read_images(std::move(train.images));
  if (test) {
    if (context.wants_labels) test_labels = test->read_targets();
    data.test_image = image_shape(test->images.array.shape);
    data.test.emplace().features = read_images(std::move(test->images));
  }
  if (context.wants_labels)
    assign_targets(data, Task::classification, std::move(labels), std::move(test_labels),
                   (context.base_directory / params.text("labels")).string());
  return data;
}

std::uint64_t declared_bytes(const std::filesystem::path& path, std::size_t bytes_per_label) {
  InputFile file(path);
  const ElementArray header = read_header(file);
  return saturating_product(element_count(header.shape),
                            bytes_per_label != 0 ? bytes_per_label : element_bytes_in_memory(header.type));
}

std::uint64_t estimate_idx(const ParamValues& params, const SourceContext& context) {
  // A label is a double while it is read and an int32 for good.
  constexpr std::size_t kLabelBytes = sizeof(double) + sizeof(std::int32_t);
  std::uint64_t bytes = 0;
  for (const auto& [key, bytes_per_label] : {std::pair<const char*, std::size_t>{"images", 0},
                                             {"test_images", 0},
                                             {"labels", kLabelBytes},
                                             {"test_labels", kLabelBytes}}) {
    if (params.is_null(key)) continue;
    const std::filesystem::path path = context.base_directory / params.text(key);
    if (has_file(path)) bytes = saturating_sum(bytes, declared_bytes(path, bytes_per_label));
  }
  return bytes;
}

}  // namespace

ElementArray read_idx(const std::filesystem::path& path) {
  InputFile file(path);
  ElementArray array = read_header(file);
  read_values(file, array);
  return array;
}

SourceEntry idx_source() {
  SourceEntry entry;
  entry.name = "idx";
  entry.aliases = {"mnist"};
  entry.params = {required("images", ParamKind::text, "training images: an IDX file, plain or gzip").path(),
                  unset("labels", ParamKind::text, "training labels: an IDX file with one dimension").path(),
                  unset("test_images", ParamKind::text, "test images; without them test_fraction is split off").path(),
                  unset("test_labels", ParamKind::text, "test labels").path()};
  entry.doc = "images and labels in IDX files, as MNIST and Fashion-MNIST come (LeCun, Cortes, Burges)";
  entry.load = load_idx;
  entry.reads_files = true;
  entry.estimate_bytes = estimate_idx;
  entry.test_key = "test_images";
  entry.label_keys = {"labels"};
  return entry;
}

}  // namespace reluscope
