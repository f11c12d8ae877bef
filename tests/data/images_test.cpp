#include "data/images.hpp"

#include <doctest/doctest.h>

#include "data/data_files.hpp"
#include "data/picture_formats.hpp"
#include "support/pictures.hpp"

using namespace reluscope;
using namespace reluscope::test;

namespace {

const Settings kFolder = {{"train", text_value("train")}};

/// Two classes, each with pictures of 1 × 2 pixels.
void write_folder(const TempDirectory& directory, const std::string& folder = "train") {
  for (const char* name : {"/cat", "/dog"}) std::filesystem::create_directories(directory.path() / (folder + name));
  directory.write(folder + "/cat/1.png", png_of(1, 2, text_of({1, 2})));
  directory.write(folder + "/cat/2.png", png_of(1, 2, text_of({3, 4})));
  directory.write(folder + "/dog/1.png", png_of(1, 2, text_of({10, 20, 30, 40, 50, 60}), {PngColours::rgb}));
}

Settings with(Settings settings, const std::string& key, ParamValue value) {
  settings.emplace_back(key, std::move(value));
  return settings;
}

}  // namespace

TEST_CASE("a folder of pictures becomes bytes, channel by channel, and the shape of a sample") {
  if (!reads_png()) return;
  const TempDirectory directory;
  write_folder(directory);
  const RawData data = load_raw_data("images", kFolder, directory.path());
  CHECK(data.image == Shape(3, 1, 2));
  CHECK(std::holds_alternative<Matrix<std::uint8_t>>(data.train.features));
  CHECK(as_double(data.train).transpose() ==
        Matrix<double>{{1, 2, 1, 2, 1, 2}, {10, 40, 20, 50, 30, 60}, {3, 4, 3, 4, 3, 4}});
  CHECK(data.train.labels == std::vector<std::int32_t>{0, 1, 0});
  CHECK(data.class_names == std::vector<std::string>{"cat", "dog"});
  CHECK(data.task == Task::classification);
  CHECK(!data.test);

  const RawData grey = load_raw_data("images", with(kFolder, "channels", std::int64_t{1}), directory.path());
  CHECK(grey.image == Shape(1, 1, 2));
  CHECK(as_double(grey.train).transpose() == Matrix<double>{{1, 2}, {18, 48}, {3, 4}});
}

TEST_CASE("size brings pictures of any size, PNG and JPEG, to one") {
  if (!reads_png() || !reads_jpeg()) return;
  const TempDirectory directory;
  write_folder(directory);
  directory.write("train/dog/2.jpg", grey_jpeg());
  const Settings sized = with(with(kFolder, "channels", std::int64_t{1}), "size", NumberList{1, 1});
  const RawData data = load_raw_data("images", sized, directory.path());
  CHECK(data.image == Shape(1, 1, 1));
  // (1 + 2) / 2 half up, (18 + 48) / 2, (3 + 4) / 2 half up, the mean of twelve.
  CHECK(as_double(data.train) == Matrix<double>{{2, 33, 4, 67}});
  const std::string message = data_error([&] { load_raw_data("images", kFolder, directory.path()); });
  check_message(message, {"train/dog/2.jpg", "3 × 4 pixels (height × width)", "train/cat/1.png has 1 × 2",
                          "help: data.size='[1, 2]'"});
}

TEST_CASE("a test folder has the same classes, or new ones, and a list may stand for either") {
  if (!reads_png()) return;
  const TempDirectory directory;
  write_folder(directory);
  std::filesystem::create_directories(directory.path() / "test/bird");
  directory.write("test/bird/1.png", png_of(1, 2, text_of({5, 6})));
  const RawData data = load_raw_data("images", with(kFolder, "test", text_value("test")), directory.path());
  CHECK(data.class_names == std::vector<std::string>{"bird", "cat", "dog"});
  CHECK(data.train.labels == std::vector<std::int32_t>{1, 2, 1});
  CHECK(data.test.value().labels == std::vector<std::int32_t>{0});

  directory.write("list.csv", "path,label\ntrain/dog/1.png,10\ntest/bird/1.png,9\n");
  const RawData listed = load_raw_data("images", {{"train", text_value("list.csv")}}, directory.path());
  CHECK(listed.class_names == std::vector<std::string>{"9", "10"});  // numbers are sorted as such
  CHECK(listed.train.labels == std::vector<std::int32_t>{1, 0});
  directory.write("test/bird/1.png", png_of(2, 2, text_of({5, 6, 7, 8})));
  check_message(
      data_error([&] { load_raw_data("images", with(kFolder, "test", text_value("test")), directory.path()); }),
      {"test/bird/1.png", "2 × 2 pixels", "1 × 2 pixels"});
}

TEST_CASE("folders that are called by numbers are sorted as words, as torchvision has them") {
  if (!reads_png()) return;
  const TempDirectory directory;
  for (const char* name : {"9", "10"}) {
    std::filesystem::create_directories(directory.path() / "train" / name);
    directory.write("train/" + std::string(name) + "/1.png", png_of(1, 1, text_of({1})));
  }
  CHECK(load_raw_data("images", kFolder, directory.path()).class_names == std::vector<std::string>{"10", "9"});
}

TEST_CASE("an autoencoder needs no classes, and limit keeps all of them") {
  if (!reads_png()) return;
  const TempDirectory directory;
  directory.write("1.png", png_of(1, 2, text_of({1, 2})));
  DataSpec spec;
  spec.source = source_choice("images", {{"train", text_value(".")}});
  spec.base_directory = directory.path();
  spec.reconstruct = true;
  CHECK(load_dataset(spec, 1).train.count() == 1);
  write_folder(directory);
  spec.source = source_choice("images", kFolder);
  spec.reconstruct = false;
  spec.limit = 2;
  spec.test_fraction = 0.0;
  CHECK(load_dataset(spec, 1).train.labels == std::vector<std::int32_t>{0, 1});
}

TEST_CASE("settings that make no sense, and pictures that are none, are named") {
  const TempDirectory directory;
  write_folder(directory);
  check_message(
      data_error([&] { load_raw_data("images", with(kFolder, "channels", std::int64_t{2}), directory.path()); }),
      {"data.channels", "found 2", "1 (grey) or 3"});
  directory.write("train/cat/1.png", "nothing");
  check_message(data_error([&] { load_raw_data("images", kFolder, directory.path()); }),
                {"train/cat/1.png: byte 0", "neither PNG"});
  check_message(data_error([&] {
                  load_raw_data("images", {{"train", text_value("list.csv")}}, directory.path());
                }),
                {"list.csv", "o such file"});
  directory.write("list.csv", "nowhere.png,1\n");
  check_message(data_error([&] {
                  load_raw_data("images", {{"train", text_value("list.csv")}}, directory.path());
                }),
                {"nowhere.png", "No such file"});
}

TEST_CASE("the memory of pictures is estimated from their number and one size, and looked at before they are read") {
  if (!reads_png()) return;
  const TempDirectory directory;
  write_folder(directory);
  const std::uint64_t as_they_are = estimated_bytes("images", kFolder, directory.path());
  CHECK(as_they_are >= 3 * 6);
  CHECK(as_they_are < 3 * 1000);
  const std::uint64_t large =
      estimated_bytes("images", with(kFolder, "size", NumberList{4096, 4096}), directory.path());
  CHECK(large >= 3 * std::uint64_t{3} * 4096 * 4096);
  CHECK(large < 3 * std::uint64_t{3} * 4096 * 4096 + 100000);
  std::string list;
  for (int line = 0; line < 100000; ++line) list += "train/cat/1.png,1\n";
  directory.write("list.csv", list);
  const Settings many = {{"train", text_value("list.csv")}, {"size", NumberList{4096, 4096}}};
  check_message(data_error([&] { load_raw_data("images", many, directory.path()); }),
                {"list.csv", "100000 pictures need", "of memory, this machine has"});
}
