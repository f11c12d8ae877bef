#include "data/images.hpp"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>

#include "data/elements.hpp"
#include "data/picture.hpp"
#include "data/picture_list.hpp"
#include "data/targets.hpp"
#include "util/error.hpp"
#include "util/excerpt.hpp"
#include "util/format.hpp"
#include "util/memory.hpp"

namespace reluscope {
namespace {

constexpr Index kColours = 3;

/// How every picture becomes a sample.
struct SampleForm {
  PictureSize size;
  Index channels = kColours;
  bool is_resized = false;    ///< to `size`; else every picture has it
  std::string first_picture;  ///< which has it

  [[nodiscard]] Shape shape() const { return {channels, size.height, size.width}; }
};

SampleForm form_of(const ParamValues& params, const PictureList& train) {
  SampleForm form;
  form.channels = params.integer("channels");
  if (form.channels == 2) throw DataError("data.channels: found 2, expected 1 (grey) or 3 (red, green, blue)");
  form.is_resized = !params.is_null("size");
  if (form.is_resized) {
    const std::vector<double>& size = params.numbers("size");
    form.size = {static_cast<Index>(size[0]), static_cast<Index>(size[1])};
  } else {
    form.first_picture = train.files.front();
    form.size = picture_size(read_picture_file(form.first_picture));
  }
  return form;
}

std::uint64_t bytes_of(const PictureList& list, const SampleForm& form) {
  return saturating_product(list.files.size(), static_cast<std::uint64_t>(form.shape().size()));
}

Picture load_picture(const std::string& path, const SampleForm& form) {
  const PictureFile file = read_picture_file(path);
  if (!form.is_resized)
    if (const PictureSize size = picture_size(file); size != form.size)
      throw DataError(file.name + ": the picture has " + size_text(size) + ", but " + form.first_picture + " has " +
                      size_text(form.size) + "; one size is needed" +
                      help_line("data.size='[" + std::to_string(form.size.height) + ", " +
                                std::to_string(form.size.width) + "]' resizes all"));
  return resized(with_channels(read_picture(file), form.channels), form.size);
}

FeatureMatrix load_pictures(const PictureList& list, const SampleForm& form, const std::string& name) {
  if (const std::uint64_t bytes = bytes_of(list, form), available = available_memory_bytes(); bytes > available)
    throw DataError(name + ": " + std::to_string(list.files.size()) + " pictures need " + format_bytes(bytes) +
                    " of memory, this machine has " + format_bytes(available) + help_line("a smaller data.size"));
  Matrix<std::uint8_t> features(form.shape().size(), static_cast<Index>(list.files.size()));
  for (Index sample = 0; sample < features.cols(); ++sample)
    write_planes(load_picture(list.files[static_cast<std::size_t>(sample)], form), features.col(sample).data());
  return features;
}

RawData load_images(const ParamValues& params, const SourceContext& context) {
  const std::filesystem::path train_path = context.base_directory / params.text("train");
  PictureList train = list_pictures(train_path, context.wants_labels);
  std::optional<PictureList> test;
  if (!params.is_null("test")) test = list_pictures(context.base_directory / params.text("test"), context.wants_labels);
  const SampleForm form = form_of(params, train);

  RawData data;
  data.image = form.shape();
  data.train.features = load_pictures(train, form, train_path.string());
  if (test) data.test.emplace().features = load_pictures(*test, form, params.text("test"));
  if (!context.wants_labels) return data;
  const auto column = [](PictureList& list) {
    TargetColumns columns;
    columns.push_back(std::move(list.labels));
    return columns;
  };
  assign_targets(data, Task::classification, column(train), test ? std::optional(column(*test)) : std::nullopt,
                 train_path.string());
  return data;
}

std::uint64_t estimate_images(const ParamValues& params, const SourceContext& context) {
  // A path in the list, a label on its way from text to what is kept.
  constexpr std::uint64_t kBytesPerPicture = 256;
  std::uint64_t bytes = 0;
  std::optional<SampleForm> form;
  for (const char* key : {"train", "test"}) {
    if (params.is_null(key)) continue;
    const PictureList list = list_pictures(context.base_directory / params.text(key), context.wants_labels);
    if (!form) {
      form = form_of(params, list);
      // One picture at a time, as its file has it and with other channels.
      const PictureFile first = read_picture_file(list.files.front());
      const PictureSize size = picture_size(first);
      bytes = first.bytes.size() + static_cast<std::uint64_t>(2 * kColours * size.height * size.width);
    }
    bytes = saturating_sum(
        bytes, saturating_sum(bytes_of(list, *form), saturating_product(list.files.size(), kBytesPerPicture)));
  }
  return bytes;
}

}  // namespace

SourceEntry images_source() {
  constexpr double kMostPixelsOfASide = 4096;
  SourceEntry entry;
  entry.name = "images";
  entry.aliases = {"image_folder"};
  entry.params = {
      required("train", ParamKind::text,
               "training pictures, PNG or JPEG: a folder with a folder for each class, or a CSV of path,label lines, "
               "paths relative to it")
          .path(),
      unset("test", ParamKind::text, "test pictures, in the same two ways; without, test_fraction is split off").path(),
      unset("size", ParamKind::numbers,
            "height and width that every picture is resized to: the mean of an area where an axis shrinks, else "
            "linear; null: all have that of the first")
          .of_length(2)
          .of_integers()
          .at_least(1)
          .at_most(kMostPixelsOfASide),
      integer("channels", kColours,
              "3: red, green, blue; 1: grey (0.299 R + 0.587 G + 0.114 B). Transparency is dropped")
          .at_least(1)
          .at_most(kColours)};
  entry.doc = "pictures in PNG and JPEG files, as torchvision's ImageFolder has them, through libpng and libjpeg";
  entry.load = load_images;
  entry.reads_files = true;
  entry.estimate_bytes = estimate_images;
  entry.test_key = "test";
  return entry;
}

}  // namespace reluscope
