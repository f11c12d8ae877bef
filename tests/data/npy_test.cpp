#include "data/npy.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <numeric>

#include "data/data_files.hpp"

using namespace reluscope;

namespace {

const std::string kFeatures = npy_bytes<float>("<f4", "(3, 2)", {1, 2, 3, 4, 5, -6.5F});
const std::string kThreeLabels = npy_bytes<std::int64_t>("<i8", "(3,)", {7, 4, 7});

RawData load_npy(const std::string& features, const std::string& labels, Settings settings = {}) {
  const TempDirectory directory;
  directory.write("x.npy", features);
  directory.write("y.npy", labels);
  settings.emplace_back("file", text_value("x.npy"));
  settings.emplace_back("labels", text_value("y.npy"));
  return load_raw_data("npy", settings, directory.path());
}

std::string npy_error(const std::string& features, const std::string& labels = kThreeLabels) {
  return data_error([&] { load_npy(features, labels); });
}

template <class T>
void check_type(const std::string& descr, const std::vector<T>& values) {
  CAPTURE(descr);
  const RawData data = load_npy(npy_bytes<T>(descr, "(2, 2)", values), npy_bytes<std::uint8_t>("|u1", "(2,)", {0, 1}));
  const Matrix<double> features = as_double(data.train);
  REQUIRE(features.size() == 4);
  for (std::size_t value = 0; value < 4; ++value) CHECK(features.data()[value] == static_cast<double>(values[value]));
}

std::string dictionary(const std::string& descr, const std::string& order, const std::string& shape) {
  return "{'descr': " + descr + ", 'fortran_order': " + order + ", 'shape': " + shape + "}";
}

}  // namespace

TEST_CASE("NPY arrays become one column a sample, with sorted classes") {
  const RawData data = load_npy(kFeatures, kThreeLabels);
  CHECK(std::holds_alternative<Matrix<float>>(data.train.features));
  CHECK(as_double(data.train) == Matrix<double>{{1, 3, 5}, {2, 4, -6.5}});
  CHECK(data.task == Task::classification);
  CHECK(data.class_names == std::vector<std::string>{"4", "7"});
  CHECK(data.train.labels == std::vector<std::int32_t>{1, 0, 1});
  const RawData packed = load_npy(gzipped(kFeatures), gzipped(kThreeLabels));
  CHECK(as_double(packed.train) == as_double(data.train));
}

TEST_CASE("NPY arrays of 3 and 4 dimensions bring the shape of a sample, in either order of memory") {
  std::vector<std::uint8_t> values(24);
  std::iota(values.begin(), values.end(), std::uint8_t{0});
  const std::string labels = npy_bytes<std::uint8_t>("|u1", "(2,)", {0, 1});
  const auto load = [&](const std::string& shape, bool fortran = false) {
    return load_npy(npy_bytes<std::uint8_t>("|u1", shape, values, fortran), labels);
  };
  CHECK(load("(2, 3, 4)").image == Shape(1, 3, 4));
  const RawData four = load("(2, 3, 2, 2)");
  CHECK(four.image == Shape(3, 2, 2));
  // Channel by channel, each row by row, as the array lies in memory.
  for (Index feature = 0; feature < 12; ++feature)
    CHECK(as_double(four.train)(feature, 1) == static_cast<double>(12 + feature));
  const RawData fortran = load("(2, 3, 2, 2)", true);
  CHECK(fortran.image == Shape(3, 2, 2));
  // a[s, c, y, x] lies at s + 2 (c + 3 (y + 2 x)); channel 2, row 0, column 1 of sample 1.
  CHECK(as_double(fortran.train)(2 * 4 + 1, 1) == 1 + 2 * (2 + 3 * (0 + 2 * 1)));
  CHECK_FALSE(load("(2, 12)").image.has_value());
  CHECK_FALSE(load("(2, 3, 1, 2, 2)").image.has_value());
}

TEST_CASE("NPY: a test part of another shape is refused, unless data.shape says what a sample is like") {
  const TempDirectory directory;
  directory.write("x.npy", npy_bytes<std::uint8_t>("|u1", "(1, 2, 3)", {1, 2, 3, 4, 5, 6}));
  directory.write("t.npy", npy_bytes<std::uint8_t>("|u1", "(1, 3, 2)", {1, 2, 3, 4, 5, 6}));
  directory.write("y.npy", npy_bytes<std::uint8_t>("|u1", "(1,)", {0}));
  DataSpec spec;
  spec.source = source_choice("npy", {{"train", text_value("x.npy")},
                                      {"train_labels", text_value("y.npy")},
                                      {"test", text_value("t.npy")},
                                      {"test_labels", text_value("y.npy")}});
  spec.base_directory = directory.path();
  check_message(data_error([&] { load_dataset(spec, 1); }), {"1 × 3 × 2", "training part 1 × 2 × 3"});
  spec.shape = Shape(6, 1, 1);
  CHECK(load_dataset(spec, 1).image == Shape(6, 1, 1));
  spec.shape.reset();
  directory.write("t.npy", npy_bytes<std::uint8_t>("|u1", "(1, 6)", {1, 2, 3, 4, 5, 6}));
  CHECK(load_dataset(spec, 1).image == Shape(1, 2, 3));
}

TEST_CASE("more different labels than classes are possible are values, or a mistake") {
  std::vector<float> numbers(65537);
  std::iota(numbers.begin(), numbers.end(), 0.0F);
  const std::string features = npy_bytes<float>("<f4", "(65537, 1)", numbers);
  const std::string labels = npy_bytes<float>("<f4", "(65537,)", numbers);
  const Settings classification = {{"task", text_value("classification")}};
  CHECK(load_npy(features, labels).task == Task::regression);
  check_message(data_error([&] { load_npy(features, labels, classification); }),
                {"y.npy", "more than 65536 different labels", "regression"});
  numbers.back() = 0.0F;
  const std::string fewer = npy_bytes<float>("<f4", "(65537,)", numbers);
  const RawData data = load_npy(features, fewer, classification);
  CHECK(data.class_names.size() == 65536);
  CHECK(data.train.labels[65535] == 65535);
  CHECK(data.train.labels[65536] == 0);
}

TEST_CASE("every plain NPY element type is read, little- and big-endian") {
  check_type<std::uint8_t>("|u1", {0, 1, 128, 255});
  check_type<std::uint8_t>("|b1", {0, 1, 1, 0});
  check_type<std::int8_t>("|i1", {-128, -1, 0, 127});
  check_type<std::uint16_t>("<u2", {0, 258, 65535, 1});
  check_type<std::int16_t>("<i2", {-32768, 258, 32767, -2});
  check_type<std::uint32_t>("<u4", {0, 4294967295, 66051, 9});
  check_type<std::int32_t>("<i4", {-2147483647, 2147483647, 66051, 9});
  check_type<std::uint64_t>("<u8", {0, 1ULL << 53U, 66051, 9});
  check_type<std::int64_t>("<i8", {-(1LL << 53), 1LL << 53, 66051, 9});
  check_type<float>("<f4", {-1.5F, 1e-40F, 1e30F, 0});
  check_type<double>("<f8", {-1.5, 0.1, 1e300, 0});
  check_type<float>(">f4", {-1.5F, 1e-40F, 1e30F, 0});
  check_type<std::int32_t>(">i4", {-2147483647, 2147483647, 66051, 9});
}

TEST_CASE("NPY versions 2 and 3, double quotes and another order of the keys are read") {
  for (const int version : {2, 3})
    CHECK(load_npy(npy_bytes<float>("<f4", "(3, 2)", {1, 2, 3, 4, 5, 6}, false, version), kThreeLabels).train.count() ==
          3);
  const std::string odd = npy_header("{\"shape\":(3,2),\"descr\":\"<f4\",\"fortran_order\":False}");
  CHECK(as_double(load_npy(odd + bytes_of<float>({1, 2, 3, 4, 5, 6}), kThreeLabels).train) ==
        Matrix<double>{{1, 3, 5}, {2, 4, 6}});
}

TEST_CASE("NPY arrays in Fortran order give the same features as in C order") {
  CHECK(as_double(load_npy(npy_bytes<float>("<f4", "(3, 2)", {1, 3, 5, 2, 4, 6}, true), kThreeLabels).train) ==
        Matrix<double>{{1, 3, 5}, {2, 4, 6}});
  // a[n][i][j] = 100 n + 10 i + j for shape (3, 2, 4), written with n running fastest.
  std::vector<double> c_order;
  for (int n = 0; n < 3; ++n)
    for (int i = 0; i < 2; ++i)
      for (int j = 0; j < 4; ++j) c_order.push_back(100 * n + 10 * i + j);
  std::vector<double> fortran_order;
  for (int j = 0; j < 4; ++j)
    for (int i = 0; i < 2; ++i)
      for (int n = 0; n < 3; ++n) fortran_order.push_back(100 * n + 10 * i + j);
  const Matrix<double> expected = as_double(load_npy(npy_bytes("<f8", "(3, 2, 4)", c_order), kThreeLabels).train);
  CHECK(expected.rows() == 8);
  CHECK(expected(5, 2) == 211.0);
  CHECK(as_double(load_npy(npy_bytes("<f8", "(3, 2, 4)", fortran_order, true), kThreeLabels).train) == expected);
}

TEST_CASE("NPY regression targets are 1-D, or samples × outputs in either order") {
  const auto targets = [](const std::string& labels) { return load_npy(kFeatures, labels).train.targets; };
  CHECK(targets(npy_bytes<double>("<f8", "(3,)", {0.5, 1, 2})) == Eigen::MatrixXd{{0.5, 1, 2}});
  const Eigen::MatrixXd two = Eigen::MatrixXd{{1, 3, 5}, {2, 4, 6}};
  CHECK(targets(npy_bytes<double>("<f8", "(3, 2)", {1, 2, 3, 4, 5, 6})) == two);
  CHECK(targets(npy_bytes<double>("<f8", "(3, 2)", {1, 3, 5, 2, 4, 6}, true)) == two);
  const RawData whole = load_npy(kFeatures, kThreeLabels, {{"task", text_value("regression")}});
  CHECK(whole.train.targets == Eigen::MatrixXd{{7, 4, 7}});
  CHECK(whole.class_names.empty());
}

TEST_CASE("separate NPY training and test files are read together") {
  const TempDirectory directory;
  directory.write("x", kFeatures);
  directory.write("y", kThreeLabels);
  directory.write("tx", npy_bytes<float>("<f4", "(1, 2)", {8, 9}));
  directory.write("ty", npy_bytes<std::int64_t>("<i8", "(1,)", {5}));
  Settings files = {{"train", text_value("x")}, {"train_labels", text_value("y")}, {"test", text_value("tx")}};
  check_message(data_error([&] { load_raw_data("npy", files, directory.path()); }), {"test_labels is missing"});
  files.emplace_back("test_labels", text_value("ty"));
  const RawData data = load_raw_data("npy", files, directory.path());
  REQUIRE(data.test.has_value());
  CHECK(data.class_names == std::vector<std::string>{"4", "5", "7"});
  CHECK(data.test->labels == std::vector<std::int32_t>{1});
  CHECK(as_double(*data.test) == Matrix<double>{{8}, {9}});
}

TEST_CASE("an NPY file cut off at any byte is refused, plain and gzip") {
  const std::string packed = gzipped(kFeatures);
  for (std::size_t length = 0; length < kFeatures.size(); ++length)
    check_message(npy_error(kFeatures.substr(0, length)), {"/x.npy: byte "});
  for (std::size_t length = 0; length < packed.size(); ++length)
    check_message(npy_error(packed.substr(0, length)), {"/x.npy: byte "});
  for (std::size_t length = 0; length < kThreeLabels.size(); ++length)
    check_message(npy_error(kFeatures, kThreeLabels.substr(0, length)), {"/y.npy: byte "});
}

TEST_CASE("NPY element types that are not plain real numbers are refused with advice") {
  const auto refused = [](const std::string& descr) {
    return npy_error(npy_header(dictionary(descr, "False", "(3, 2)")));
  };
  check_message(refused("'|O'"), {"\"|O\"", "Python objects", "astype('float32')"});
  check_message(refused("'<U5'"), {"\"<U5\"", "not supported"});
  check_message(refused("'<c8'"), {"\"<c8\"", "not supported"});
  check_message(refused("'<f2'"), {"\"<f2\"", "astype('float32')"});
  check_message(refused("''"), {"not supported"});
  check_message(refused("[('a', '<f4')]"), {"structured"});
}

TEST_CASE("NPY headers that lie about the size are refused without allocating it") {
  for (const char* shape : {"(18446744073709551615, 18446744073709551615)", "(4294967295, 4294967295)",
                            "(3, 4294967295)", "(4294967295, 3)", "(9223372036854775807, 2)"}) {
    for (const char* order : {"False", "True"}) {
      const std::string file = npy_header(dictionary("'<f8'", order, shape)) + "abcdefgh";
      CAPTURE(shape);
      check_message(npy_error(file), {"/x.npy: byte 128", "declares"});
      // Of gzip data the size is not known: other counts are told apart by the headers alone.
      const std::string packed = npy_error(gzipped(file));
      CHECK((contains(packed, "/x.npy: byte ") || contains(packed, "3 labels; both have to agree")));
    }
  }
  check_message(npy_error(npy_header(dictionary("'<f8'", "False", "(99999999999999999999, 1)"))), {"too large"});
  std::string long_header = "\x93NUMPY\x02";
  long_header += std::string("\0\xff\xff\xff\xff", 5);
  check_message(npy_error(long_header), {"byte 8", "4294967295 bytes"});
}

TEST_CASE("malformed NPY headers are named with the byte") {
  const auto refused = [](const std::string& text) { return npy_error(npy_header(text)); };
  check_message(npy_error("PX\x03\x04 this is something else"), {"byte 0", "not an NPY file", "PX\\x03"});
  check_message(npy_error(std::string("\x93NUMPY\x09\0\0\0", 10)), {"byte 6", "version 9"});
  check_message(refused("hello"), {"byte 10", "'{' is needed"});
  check_message(refused("{'descr': '<f4'}"), {"descr, fortran_order and shape"});
  check_message(refused("{'descr': '<f4"), {"never closed"});
  check_message(refused("{'colour': 1}"), {"unknown key \"colour\""});
  check_message(refused(dictionary("'<f4'", "Maybe", "(3, 2)")), {"True or False"});
  check_message(refused(dictionary("'<f4'", "False", "(3, -2)")), {"whole number"});
  check_message(refused(dictionary("'<f4'", "False", "(3, 2")), {"needed"});
  check_message(refused(dictionary("'<f4'", "False", "(3, 2)") + " x"), {"after the closing brace"});
  check_message(refused("{"), {"needed"});
}

TEST_CASE("NPY arrays of the wrong shape are refused") {
  check_message(npy_error(npy_bytes<float>("<f4", "(3,)", {1, 2, 3})), {"samples × features", "shape 3"});
  check_message(npy_error(npy_bytes<float>("<f4", "()", {1})), {"single number"});
  check_message(npy_error(npy_bytes<float>("<f4", "(0, 2)", {})), {"holds no data", "0 × 2"});
  check_message(npy_error(kFeatures, npy_bytes<float>("<f4", "(1, 1, 3)", {1, 2, 3})), {"one label a sample"});
  check_message(npy_error(kFeatures, npy_bytes<float>("<f4", "(2,)", {1, 2})),
                {"x.npy (file) holds 3 samples", "y.npy (labels) holds 2 labels"});
  check_message(npy_error(kFeatures + "x"), {"more bytes follow"});
}

TEST_CASE("NPY values that are not finite are refused with sample and feature") {
  check_message(npy_error(npy_bytes<float>("<f4", "(3, 2)", {1, 2, 3, std::nanf(""), 5, 6})),
                {"x.npy", "sample 1, feature 1", "nan"});
  check_message(npy_error(npy_bytes<double>("<f8", "(3, 2)", {1, 2, 3, 4, HUGE_VAL, 6}, true)),
                {"sample 1, feature 1", "infinite"});
  check_message(npy_error(kFeatures, npy_bytes<double>("<f8", "(3,)", {1, -HUGE_VAL, 6})), {"y.npy", "sample 1"});
}

TEST_CASE("the memory of NPY data is estimated from the headers alone") {
  const TempDirectory directory;
  directory.write("x", npy_header(dictionary("'<f8'", "True", "(1000, 20)")));
  directory.write("y", npy_header(dictionary("'<i8'", "False", "(1000,)")));
  const Settings files = {{"file", text_value("x")}, {"labels", text_value("y")}};
  CHECK(estimated_bytes("npy", files, directory.path()) == 2 * 1000 * 20 * 8 + 1000 * (8 + 16));
  CHECK(estimated_bytes("npy", {{"file", text_value("missing")}}, directory.path()) == 0);
}
