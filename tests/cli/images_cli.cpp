// Samples with a shape, from the command line: pictures in folders and lists, and data.shape.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "data/data_files.hpp"
#include "data/picture_formats.hpp"
#include "support/command.hpp"
#include "support/pictures.hpp"

using namespace reluscope;
using namespace reluscope::test;
using Json = nlohmann::json;

namespace {

const char* kNetwork = R"("network": {"layers": [{"units": 4, "activation": "relu"}, {"units": 2}]},
                          "train": {"epochs": 2, "batch_size": 4})";

/// Twelve pictures of two classes, the dark and the light.
void write_pictures(const Workplace& place) {
  for (const auto& [name, level] : {std::pair("dark", 10), std::pair("light", 240)}) {
    std::filesystem::create_directories(place.path() / "train" / name);
    for (int number = 0; number < 6; ++number)
      write_file(place.path() / "train" / name / (std::to_string(number) + ".png"),
                 png_of(2, 2, text_of({level, level + number, level, level - number})));
  }
  write_file(place.path() / "c.json", std::string(R"({"data": {"kind": "images", "train": "train", "channels": 1,
             "normalize": "per_channel"}, )") +
                                          kNetwork + "}");
}

/// 4 samples, flattened or with a shape.
void write_array(const Workplace& place, const std::string& shape) {
  std::vector<std::uint8_t> values(4 * 75);
  for (std::size_t value = 0; value < values.size(); ++value) values[value] = static_cast<std::uint8_t>(value % 7);
  write_file(place.path() / "x.npy", npy_bytes<std::uint8_t>("|u1", shape, values));
  write_file(place.path() / "y.npy", npy_bytes<std::uint8_t>("|u1", "(4,)", {0, 1, 0, 1}));
  write_file(place.path() / "c.json",
             std::string("{\n  \"data\": {\"kind\": \"npy\", \"file\": \"x.npy\", \"labels\": \"y.npy\", "
                         "\"test_fraction\": 0},\n  ") +
                 kNetwork + "}");
}

}  // namespace

TEST_CASE("a folder of pictures trains, twice to the same bytes, and as a list with the same pixels") {
  if (!reads_png()) return;
  const Workplace place;
  write_pictures(place);
  const auto ran = place.shell(
      "$R run c.json --out a && $R run c.json -q --out b && diff -r a b -x manifest.json "
      "-x summary.json");
  INFO(ran.err);
  CHECK(ran.exit_code == 0);
  CHECK(contains(ran.err, "images: 10 training and 2 test samples, 4 features (1 × 2 × 2)"));
  CHECK(contains(ran.err, "2 classes: dark (6), light (6)"));
  const Json data = Json::parse(read_file(place.path() / "a/manifest.json"))["data"];
  CHECK(data["features"] == 4);
  const auto listed = place.shell(
      "for n in 0 1 2 3 4 5; do for c in dark light; do echo train/$c/$n.png,$c; done; done > list.csv && "
      "$R run c.json -q data.train=list.csv --out c");
  CHECK(listed.exit_code == 0);
  CHECK(Json::parse(read_file(place.path() / "c/manifest.json"))["data"]["crc32"] == data["crc32"]);
}

TEST_CASE("what is wrong with a picture is said in a line, and nothing is written") {
  if (!reads_png()) return;
  const Workplace place;
  write_pictures(place);
  write_file(place.path() / "train/dark/3.png", "GIF89a");
  const auto ran = place.shell("$R run c.json -q --out a");
  CHECK(ran.exit_code == 2);
  CHECK(contains(ran.err, "train/dark/3.png: byte 0: neither PNG"));
  CHECK(!std::filesystem::exists(place.path() / "a/steps.csv"));
}

TEST_CASE("a shape of another size than a sample is refused with its place, and with one that fits") {
  const Workplace place;
  write_array(place, "(4, 75)");
  const auto flat = place.shell("$R validate c.json 'data.shape=[1, 5, 5]'");
  CHECK(flat.exit_code == 2);
  CHECK(contains(flat.err,
                 "c.json: /data/shape: found [1, 5, 5], 25 numbers, expected channels, height and width "
                 "whose product is 75, the features of a sample"));
  CHECK(contains(flat.err, "help: data.shape='[3, 5, 5]'"));
  CHECK(place.shell("$R validate c.json 'data.shape=[3, 5, 5]' && $R validate c.json 'data.shape=[75, 1, 1]'")
            .exit_code == 0);
  write_array(place, "(4, 3, 25)");
  const auto shaped = place.shell("$R validate c.json 'data.shape=[2, 5, 5]'");
  CHECK(contains(shaped.err, "help: data.shape='[1, 3, 25]', as the file has it; null takes that"));
  CHECK(place.shell("$R validate c.json 'data.shape=[3, 5, 5]'").exit_code == 0);
  CHECK(contains(place.shell("$R validate c.json 'data.shape=[3, 25]'").err, "a list of 3 integers from 1"));
  CHECK(contains(place.shell("$R validate c.json 'data.shape=[3, 5, 5.5]'").err, "a list of 3 integers from 1"));
  // In a config, the line is shown.
  const auto marked = place.shell("sed -i 's/\"test_fraction\": 0/\"shape\": [9, 9, 9]/' c.json && $R validate c.json");
  CHECK(contains(marked.err, "c.json:2:"));
  CHECK(contains(marked.err, "^^^^"));
}

TEST_CASE("a run says what it takes samples for, and warns where the channels seem to stand last") {
  const Workplace place;
  write_array(place, "(4, 5, 5, 3)");
  const auto last = place.shell("$R run c.json --out a");
  CHECK(contains(last.err, "75 features (5 × 5 × 3)"));
  CHECK(says(last.err, "numpy.moveaxis(x, -1, 1) puts them first"));
  CHECK(!contains(place.shell("$R run c.json 'data.shape=[5, 5, 3]' --out b").err, "moveaxis"));
  write_array(place, "(4, 3, 5, 5)");
  const auto first = place.shell("$R run c.json --out c");
  CHECK(contains(first.err, "75 features (3 × 5 × 5)"));
  CHECK(!contains(first.err, "moveaxis"));
  // `try` takes the setting along.
  CHECK(place.shell("$R try x.npy --label y.npy -q 'data.shape=[75, 1, 1]' train.epochs=1").exit_code == 0);
}
