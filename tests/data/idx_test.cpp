#include "data/idx.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <cstdlib>
#include <limits>

#include "data/data_files.hpp"

using namespace reluscope;

namespace {

const std::string kImages = idx_bytes<std::uint8_t>(0x08, {3, 2, 2}, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 255});
const std::string kLabels = idx_bytes<std::uint8_t>(0x08, {3}, {5, 0, 5});
const Settings kFiles = {{"images", text_value("images")}, {"labels", text_value("labels")}};

RawData load_idx(const std::string& images, const std::string& labels) {
  const TempDirectory directory;
  directory.write("images", images);
  directory.write("labels", labels);
  return load_raw_data("idx", kFiles, directory.path());
}

std::string load_error(const std::string& images, const std::string& labels) {
  return data_error([&] { load_idx(images, labels); });
}

template <class T>
void check_type(int code, const std::vector<T>& values) {
  CAPTURE(code);
  const RawData data = load_idx(idx_bytes<T>(code, {2, 2}, values), idx_bytes<std::uint8_t>(0x08, {2}, {0, 1}));
  const Matrix<double> features = as_double(data.train);
  REQUIRE(features.rows() == 2);
  REQUIRE(features.cols() == 2);
  for (std::size_t value = 0; value < 4; ++value) CHECK(features.data()[value] == static_cast<double>(values[value]));
}

}  // namespace

TEST_CASE("IDX images become one column of bytes a sample, labels become sorted classes") {
  const RawData data = load_idx(kImages, kLabels);
  const auto& features = std::get<Matrix<std::uint8_t>>(data.train.features);
  CHECK(features == as_bytes(Matrix<double>{{1, 5, 9}, {2, 6, 10}, {3, 7, 11}, {4, 8, 255}}));
  CHECK(data.task == Task::classification);
  CHECK(data.class_names == std::vector<std::string>{"0", "5"});
  CHECK(data.train.labels == std::vector<std::int32_t>{1, 0, 1});
  CHECK_FALSE(data.test.has_value());
  CHECK(data.image == Shape(1, 2, 2));
  CHECK(load_idx(idx_bytes<std::uint8_t>(0x08, {2, 3, 1, 2}, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}),
                 idx_bytes<std::uint8_t>(0x08, {2}, {0, 1}))
            .image == Shape(3, 1, 2));
  // A sample without rows and columns is a vector.
  CHECK_FALSE(load_idx(idx_bytes<std::uint8_t>(0x08, {2, 4}, {1, 2, 3, 4, 5, 6, 7, 8}),
                       idx_bytes<std::uint8_t>(0x08, {2}, {0, 1}))
                  .image.has_value());
}

TEST_CASE("gzip IDX files read the same as plain ones") {
  const RawData plain = load_idx(kImages, kLabels);
  const RawData packed = load_idx(gzipped(kImages), gzipped(kLabels));
  CHECK(as_double(packed.train) == as_double(plain.train));
  CHECK(packed.train.labels == plain.train.labels);
}

TEST_CASE("gzip IDX data larger than the first allocation arrive whole") {
  std::vector<std::uint8_t> values(300'000);
  for (std::size_t value = 0; value < values.size(); ++value)
    values[value] = static_cast<std::uint8_t>(value * 7 % 251);
  const RawData data = load_idx(gzipped(idx_bytes<std::uint8_t>(0x08, {300, 1000}, values)),
                                idx_bytes<std::uint8_t>(0x08, {300}, std::vector<std::uint8_t>(300, 1)));
  const auto& features = std::get<Matrix<std::uint8_t>>(data.train.features);
  REQUIRE(features.rows() == 1000);
  REQUIRE(features.cols() == 300);
  CHECK(std::equal(values.begin(), values.end(), features.data()));
}

TEST_CASE("every IDX element type is read, big-endian") {
  check_type<std::uint8_t>(0x08, {0, 1, 128, 255});
  check_type<std::int8_t>(0x09, {-128, -1, 0, 127});
  check_type<std::int16_t>(0x0B, {-32768, -2, 258, 32767});
  check_type<std::int32_t>(0x0C, {std::numeric_limits<std::int32_t>::min(), -3, 66051, 2147483647});
  check_type<float>(0x0D, {-1.5F, 0.0F, 3.25e-20F, 1e30F});
  check_type<double>(0x0E, {-1.5, 0.1, 1e-300, 1e300});
}

TEST_CASE("IDX test files become the test part, with classes common to both") {
  const TempDirectory directory;
  directory.write("images", kImages);
  directory.write("labels", kLabels);
  directory.write("test-images", idx_bytes<std::uint8_t>(0x08, {1, 2, 2}, {9, 9, 9, 9}));
  directory.write("test-labels", idx_bytes<std::uint8_t>(0x08, {1}, {3}));
  Settings files = kFiles;
  files.emplace_back("test_images", text_value("test-images"));
  const std::string lonely = data_error([&] { load_raw_data("idx", files, directory.path()); });
  check_message(lonely, {"test_images", "test_labels", "go together"});

  files.emplace_back("test_labels", text_value("test-labels"));
  const RawData data = load_raw_data("idx", files, directory.path());
  REQUIRE(data.test.has_value());
  CHECK(data.class_names == std::vector<std::string>{"0", "3", "5"});
  CHECK(data.train.labels == std::vector<std::int32_t>{2, 0, 2});
  CHECK(data.test->labels == std::vector<std::int32_t>{1});
  CHECK(data.test->count() == 1);
}

TEST_CASE("an IDX file cut off at any byte is refused, plain and gzip") {
  const std::string packed_images = gzipped(kImages);
  for (std::size_t length = 0; length < kImages.size(); ++length)
    check_message(load_error(kImages.substr(0, length), kLabels), {"/images: byte "});
  for (std::size_t length = 0; length < packed_images.size(); ++length)
    check_message(load_error(packed_images.substr(0, length), kLabels), {"/images: byte "});
  for (std::size_t length = 0; length < kLabels.size(); ++length)
    check_message(load_error(kImages, kLabels.substr(0, length)), {"/labels: byte "});
}

TEST_CASE("IDX headers that lie about the size are refused without allocating it") {
  constexpr std::uint32_t kHuge = 0xFFFFFFFF;
  for (const std::vector<std::uint32_t>& shape : {std::vector<std::uint32_t>{kHuge, kHuge},
                                                  {kHuge, kHuge, kHuge},
                                                  {3, kHuge},
                                                  {kHuge, 3},
                                                  {kHuge, 1, 1, kHuge}}) {
    for (const int type : {0x08, 0x0E}) {
      const std::string file = idx_header(type, shape) + "abcdefgh";
      check_message(load_error(file, kLabels), {"/images: byte ", "declare"});
      // Of gzip data the size is not known: other counts are told apart by the headers alone.
      const std::string packed = load_error(gzipped(file), kLabels);
      CHECK((contains(packed, "/images: byte ") || contains(packed, "3 labels; both have to agree")));
    }
  }
  const std::string many(255 * 4, '\x7f');
  CHECK(contains(load_error(std::string("\0\0\x08\xff", 4) + many, kLabels), "declares more elements"));
}

TEST_CASE("IDX faults are named with the place and what would be right") {
  check_message(load_error("hello, world", kLabels), {"byte 0", "two zero bytes", "104 101"});
  check_message(load_error(std::string("\0\0\x0A\x01", 4), kLabels), {"byte 2", "type 10", "8 (u8)"});
  check_message(load_error(kLabels, kLabels), {"byte 3", "2 dimensions or more", "labels file?"});
  check_message(load_error(kImages, kImages), {"byte 3", "1 dimension", "images file?"});
  check_message(load_error(idx_header(0x08, {0, 2, 2}), kLabels), {"byte 4", "holds no data", "0 × 2 × 2"});
  check_message(load_error(idx_header(0x08, {3, 0}), kLabels), {"holds no data"});
  check_message(load_error(kImages + "x", kLabels), {"byte 28", "more bytes follow"});
  check_message(load_error(kImages, idx_bytes<std::uint8_t>(0x08, {2}, {1, 1})),
                {"images (images) holds 3 samples", "labels (labels) holds 2 labels"});
  check_message(load_error("", kLabels), {"byte 0", "magic number"});
}

TEST_CASE("IDX labels out of range are named with their sample and byte") {
  check_message(load_error(kImages, idx_bytes<std::int8_t>(0x09, {3}, {1, -1, 2})), {"byte 9", "sample 1 is -1"});
  check_message(load_error(kImages, idx_bytes<std::int32_t>(0x0C, {3}, {1, 2, 2'000'000'000})),
                {"byte 16", "sample 2 is 2000000000", "0 to 65535"});
  check_message(load_error(kImages, idx_bytes<float>(0x0D, {3}, {0.0F, 0.5F, 1.0F})), {"sample 1 is 0.5"});
  check_message(load_error(kImages, idx_bytes<float>(0x0D, {3}, {0.0F, std::nanf(""), 1.0F})), {"sample 1 is nan"});
}

TEST_CASE("IDX values that are not finite are refused with sample and feature") {
  std::vector<float> values(6, 1.0F);
  values[5] = std::numeric_limits<float>::infinity();
  check_message(load_error(idx_bytes<float>(0x0D, {3, 2}, values), kLabels), {"sample 2, feature 1", "infinite"});
  values[2] = std::nanf("");
  check_message(load_error(idx_bytes<float>(0x0D, {3, 2}, values), kLabels), {"sample 1, feature 0", "nan"});
}

TEST_CASE("damaged gzip data are refused") {
  std::string packed = gzipped(kImages);
  packed[packed.size() - 6] = static_cast<char>(packed[packed.size() - 6] ^ 1);  // in the checksum
  check_message(load_error(packed, kLabels), {"/images: byte ", "cannot be read"});
}

TEST_CASE("missing files and directories are named") {
  const TempDirectory directory;
  directory.write("labels", kLabels);
  check_message(data_error([&] { load_raw_data("idx", kFiles, directory.path()); }), {"/images", "No such file"});
  std::filesystem::create_directory(directory.path() / "images");
  check_message(data_error([&] { load_raw_data("idx", kFiles, directory.path()); }), {"/images", "is a directory"});
}

TEST_CASE("the memory of IDX data is estimated from the headers alone") {
  const TempDirectory directory;
  directory.write("images", idx_header(0x0D, {1000, 28, 28}));
  directory.write("labels", gzipped(idx_header(0x08, {1000})));
  const std::uint64_t bytes = estimated_bytes("idx", kFiles, directory.path());
  CHECK(bytes >= 1000 * 28 * 28 * 4 + 1000 * 4);
  CHECK(bytes < 1000 * 28 * 28 * 4 + 1000 * 20);
  directory.write("images", idx_header(0x0E, {0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF}));
  CHECK(estimated_bytes("idx", kFiles, directory.path()) == std::numeric_limits<std::uint64_t>::max());
}

TEST_CASE("Fashion-MNIST loads as Debian has it, by MNIST's file names") {
  const std::filesystem::path directory = "/usr/share/datasets/fashion-mnist";
  if (!std::filesystem::exists(directory / "train-images-idx3-ubyte.gz")) {
    MESSAGE("skipped: no Fashion-MNIST (Debian: dataset-fashion-mnist)");
    return;
  }
  DataSpec spec;
  spec.source = source_choice("idx", {{"images", text_value("train-images-idx3-ubyte.gz")},
                                      {"labels", text_value("train-labels-idx1-ubyte.gz")},
                                      {"test_images", text_value("t10k-images-idx3-ubyte.gz")},
                                      {"test_labels", text_value("t10k-labels-idx1-ubyte.gz")}});
  spec.base_directory = directory;
  spec.normalize = Normalization::per_channel;
  const Dataset fashion = load_dataset(spec, 1);
  CHECK(fashion.train.count() == 60000);
  CHECK(fashion.test.count() == 10000);
  CHECK(fashion.image == Shape(1, 28, 28));
  CHECK(fashion.outputs() == 10);
  const std::vector<std::int32_t> first(fashion.train.labels.begin(), fashion.train.labels.begin() + 10);
  CHECK(first == std::vector<std::int32_t>{9, 0, 0, 3, 0, 2, 7, 2, 5, 5});
  CHECK(fashion.shift[0] / 255.0 == doctest::Approx(0.2860).epsilon(1e-3));
  CHECK(1.0 / fashion.scale[783] / 255.0 == doctest::Approx(0.3530).epsilon(1e-3));
}

TEST_CASE("MNIST loads with its known labels, mean and deviation") {
  const char* variable = std::getenv("RELUSCOPE_MNIST");
  const std::filesystem::path directory = variable != nullptr ? variable : "../shared/data/mnist";
  if (!std::filesystem::exists(directory / "train-images-idx3-ubyte.gz")) {
    MESSAGE("skipped: no MNIST in " << directory.string() << "; set RELUSCOPE_MNIST to its directory");
    return;
  }
  DataSpec spec;
  spec.source = source_choice("idx", {{"images", text_value("train-images-idx3-ubyte.gz")},
                                      {"labels", text_value("train-labels-idx1-ubyte.gz")},
                                      {"test_images", text_value("t10k-images-idx3-ubyte.gz")},
                                      {"test_labels", text_value("t10k-labels-idx1-ubyte.gz")}});
  spec.base_directory = directory;
  spec.normalize = Normalization::standard;
  const Dataset mnist = load_dataset(spec, 1);
  CHECK(mnist.train.count() == 60000);
  CHECK(mnist.test.count() == 10000);
  CHECK(mnist.features() == 784);
  CHECK(mnist.outputs() == 10);
  CHECK(std::holds_alternative<Matrix<std::uint8_t>>(mnist.train.features));
  const std::vector<std::int32_t> first(mnist.train.labels.begin(), mnist.train.labels.begin() + 10);
  CHECK(first == std::vector<std::int32_t>{5, 0, 4, 1, 9, 2, 1, 3, 1, 4});
  CHECK(mnist.shift[0] / 255.0 == doctest::Approx(0.13066).epsilon(1e-4));
  CHECK(1.0 / mnist.scale[0] / 255.0 == doctest::Approx(0.30811).epsilon(1e-4));
}
