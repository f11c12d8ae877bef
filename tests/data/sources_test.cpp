#include "data/sources.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <set>

#include "data/data_files.hpp"
#include "data/data_spec.hpp"

using namespace reluscope;

namespace {

/// n samples; the feature is the sample's number, the class its number modulo 3.
DataSpec numbered(const TempDirectory& directory, int count) {
  std::string content;
  for (int row = 0; row < count; ++row) content += std::to_string(row) + "," + std::to_string(row % 3) + "\n";
  directory.write("numbers.csv", content);
  DataSpec spec;
  spec.source = source_choice("csv", {{"file", text_value("numbers.csv")}, {"task", text_value("classification")}});
  spec.base_directory = directory.path();
  return spec;
}

std::vector<int> numbers_of(const Samples& samples) {
  std::vector<int> numbers;
  const Matrix<double> features = as_double(samples);
  for (Index sample = 0; sample < features.cols(); ++sample) numbers.push_back(static_cast<int>(features(0, sample)));
  return numbers;
}

}  // namespace

TEST_CASE("the split is disjoint, complete, keeps the order and takes the labels along") {
  const TempDirectory directory;
  const DataSpec spec = numbered(directory, 101);
  const Dataset dataset = load_dataset(spec, 3);
  const std::vector<int> train = numbers_of(dataset.train);
  const std::vector<int> test = numbers_of(dataset.test);
  CHECK(test.size() == 20);
  CHECK(std::is_sorted(train.begin(), train.end()));
  CHECK(std::is_sorted(test.begin(), test.end()));
  std::set<int> all(train.begin(), train.end());
  all.insert(test.begin(), test.end());
  CHECK(train.size() + test.size() == 101);
  CHECK(all.size() == 101);
  for (const auto& [part, numbers] : {std::pair{&dataset.train, &train}, {&dataset.test, &test}})
    for (std::size_t sample = 0; sample < numbers->size(); ++sample)
      CHECK(part->labels[sample] == (*numbers)[sample] % 3);
}

TEST_CASE("data.shape says what a sample is like; one of another size is passed over") {
  const TempDirectory directory;
  directory.write("four.csv", "1,2,3,4,a\n5,6,7,8,b\n");
  DataSpec spec;
  spec.source = source_choice("csv", {{"file", text_value("four.csv")}});
  spec.base_directory = directory.path();
  CHECK(load_dataset(spec, 1).shape() == Shape(4));
  spec.shape = Shape(1, 2, 2);
  CHECK(load_dataset(spec, 1).image == Shape(1, 2, 2));
  spec.shape = Shape(3, 2, 2);
  CHECK_FALSE(load_dataset(spec, 1).image.has_value());
}

TEST_CASE("the split takes the targets of a regression along") {
  const TempDirectory directory;
  DataSpec spec = numbered(directory, 50);
  spec.source.params.set("task", text_value("regression"));
  const Dataset dataset = load_dataset(spec, 3);
  REQUIRE(dataset.test.count() == 10);
  REQUIRE(dataset.test.targets.cols() == 10);
  REQUIRE(dataset.train.targets.cols() == 40);
  for (Index sample = 0; sample < 10; ++sample)
    CHECK(dataset.test.targets(0, sample) == numbers_of(dataset.test)[static_cast<std::size_t>(sample)] % 3);
  for (Index sample = 0; sample < 40; ++sample)
    CHECK(dataset.train.targets(0, sample) == numbers_of(dataset.train)[static_cast<std::size_t>(sample)] % 3);
}

TEST_CASE("the same seed splits in the same way, another seed in another") {
  const TempDirectory directory;
  const DataSpec spec = numbered(directory, 200);
  CHECK(numbers_of(load_dataset(spec, 3).test) == numbers_of(load_dataset(spec, 3).test));
  CHECK(numbers_of(load_dataset(spec, 3).test) != numbers_of(load_dataset(spec, 4).test));
}

TEST_CASE("every sample is equally likely to be in the test part") {
  const TempDirectory directory;
  const DataSpec spec = numbered(directory, 10);
  std::vector<int> chosen(10, 0);
  for (std::uint64_t seed = 0; seed < 1000; ++seed)
    for (const int number : numbers_of(load_dataset(spec, seed).test)) ++chosen[static_cast<std::size_t>(number)];
  // Binomial(1000, 0.2): mean 200, standard deviation 12.6.
  for (const int count : chosen) CHECK(std::abs(count - 200) < 60);
}

TEST_CASE("the test part is the rounded fraction, but one training sample always stays") {
  const TempDirectory directory;
  const auto test_count = [&](int count, double fraction) {
    DataSpec spec = numbered(directory, count);
    spec.test_fraction = fraction;
    return load_dataset(spec, 1).test.count();
  };
  CHECK(test_count(10, 0.0) == 0);
  CHECK(test_count(10, 0.24) == 2);
  CHECK(test_count(10, 0.25) == 3);
  CHECK(test_count(10, 0.99) == 9);
  CHECK(test_count(1, 0.9) == 0);
  CHECK_THROWS_AS(test_count(10, 1.0), DataError);
  CHECK_THROWS_AS(test_count(10, -0.1), DataError);
}

TEST_CASE("limit keeps the first samples of the file, before the split") {
  const TempDirectory directory;
  DataSpec spec = numbered(directory, 100);
  spec.limit = 10;
  const Dataset dataset = load_dataset(spec, 1);
  CHECK(dataset.train.count() == 8);
  CHECK(dataset.test.count() == 2);
  CHECK(numbers_of(dataset.train).back() < 10);
  CHECK(numbers_of(dataset.test).back() < 10);
  CHECK(dataset.train.labels.size() == 8);
  spec.limit = 1000;
  CHECK(load_dataset(spec, 1).train.count() == 80);
  spec.limit = 0;
  CHECK_THROWS_AS(load_dataset(spec, 1), DataError);
}

TEST_CASE("limit leaves a separate test file whole") {
  const TempDirectory directory;
  DataSpec spec = numbered(directory, 30);
  spec.source = source_choice("csv", {{"train", text_value("numbers.csv")}, {"test", text_value("numbers.csv")}});
  spec.limit = 7;
  const Dataset dataset = load_dataset(spec, 1);
  CHECK(dataset.train.count() == 7);
  CHECK(dataset.test.count() == 30);
}

TEST_CASE("the normalisation comes from the training part alone") {
  const TempDirectory directory;
  directory.write("train.csv", "0,0\n2,1\n");
  directory.write("test.csv", "100,0\n200,1\n");
  DataSpec spec;
  spec.source = source_choice("csv", {{"train", text_value("train.csv")}, {"test", text_value("test.csv")}});
  spec.base_directory = directory.path();
  spec.normalize = Normalization::standard;
  const Dataset dataset = load_dataset(spec, 1);
  CHECK(dataset.shift[0] == 1.0);
  CHECK(dataset.scale[0] == 1.0);
  Matrix<float> out(1, 2);
  gather<float>(dataset, dataset.test, std::vector<Index>{0, 1}, out);
  CHECK(out(0, 0) == 99.0F);
  CHECK(out(0, 1) == 199.0F);
}

TEST_CASE("test files whose samples have other features are refused") {
  const TempDirectory directory;
  directory.write("x", npy_bytes<float>("<f4", "(2, 2)", {1, 2, 3, 4}));
  directory.write("y", npy_bytes<std::uint8_t>("|u1", "(2,)", {0, 1}));
  directory.write("tx", npy_bytes<float>("<f4", "(2, 3)", {1, 2, 3, 4, 5, 6}));
  DataSpec spec;
  spec.source = source_choice("npy", {{"train", text_value("x")},
                                      {"train_labels", text_value("y")},
                                      {"test", text_value("tx")},
                                      {"test_labels", text_value("y")}});
  spec.base_directory = directory.path();
  check_message(data_error([&] { load_dataset(spec, 1); }), {"test part has 3 features", "training part 2"});
}

TEST_CASE("the memory for data has room for a copy of the test part, where one is split off") {
  const TempDirectory directory;
  DataSpec spec = numbered(directory, 100);
  const std::uint64_t file = estimated_bytes("csv", {{"file", text_value("numbers.csv")}}, directory.path());
  spec.test_fraction = 0.5;
  CHECK(estimate_dataset_bytes(spec, 1) == file + file / 2);
  spec.test_fraction = 0.0;
  CHECK(estimate_dataset_bytes(spec, 1) == file);
  spec.test_fraction = 0.5;
  spec.source = source_choice("csv", {{"train", text_value("numbers.csv")}, {"test", text_value("numbers.csv")}});
  CHECK(estimate_dataset_bytes(spec, 1) == 2 * file);
}

TEST_CASE("every data kind has a name, a doc, both functions and parameters of different names") {
  std::set<std::string> names;
  for (const SourceEntry& entry : source_table()) {
    CAPTURE(entry.name);
    CHECK(names.insert(entry.name).second);
    CHECK_FALSE(entry.doc.empty());
    CHECK(((entry.load != nullptr)));
    CHECK(((entry.estimate_bytes != nullptr)));
    std::set<std::string> keys = {"kind", "normalize", "limit", "test_fraction"};
    for (const Param& param : entry.params) {
      CAPTURE(param.name);
      CHECK(keys.insert(param.name).second);
      CHECK_FALSE(param.doc.empty());
    }
    CHECK((entry.test_key == nullptr || keys.count(entry.test_key) == 1));
    CHECK((entry.test_key != nullptr) == (keys.count("test") + keys.count("test_images") > 0));
  }
}

#ifndef __SANITIZE_ADDRESS__  // which ends the program on such an allocation instead of letting it fail
TEST_CASE("more data than the memory holds are refused with the figure") {
  DataSpec spec;
  spec.source = source_choice("sparse", {{"n_samples", ParamValue(std::int64_t{1'000'000'000})},
                                         {"n_features", ParamValue(std::int64_t{10'000'000})}});
  check_message(data_error([&] { load_dataset(spec, 1); }), {"not enough memory", "sparse", "B"});
}
#endif

TEST_CASE(
    "where the sample is the target, every kind of file loads without labels, and what there is of them is left") {
  const TempDirectory directory;
  directory.write("images", idx_bytes<std::uint8_t>(0x08, {3, 2}, {1, 2, 3, 4, 5, 6}));
  directory.write("x.npy", npy_bytes<float>("<f4", "(3, 2)", {1, 2, 3, 4, 5, 6}));
  directory.write("plain.csv", "1,2\n3,4\n5,6\n");
  directory.write("named.csv", "a,label,b\n1,?,2\n3,cat,4\n5,,6\n");
  struct Case {
    const char* kind;
    Settings settings;
  };
  const std::vector<Case> cases = {
      {"idx", {{"images", text_value("images")}}},
      {"idx", {{"images", text_value("images")}, {"labels", text_value("there is none")}}},
      {"npy", {{"file", text_value("x.npy")}}},
      {"npy", {{"train", text_value("x.npy")}, {"test", text_value("x.npy")}}},
      {"csv", {{"file", text_value("plain.csv")}}},
      {"csv", {{"train", text_value("plain.csv")}, {"test", text_value("plain.csv")}}},
      {"csv", {{"file", text_value("named.csv")}, {"label_column", text_value("label")}}},
  };
  for (const Case& one : cases) {
    CAPTURE(one.kind);
    DataSpec spec;
    spec.source = source_choice(one.kind, one.settings);
    spec.base_directory = directory.path();
    spec.test_fraction = 0.0;
    spec.reconstruct = true;
    const Dataset dataset = load_dataset(spec, 1);
    CHECK(dataset.task == Task::reconstruction);
    CHECK(as_double(dataset.train) == Matrix<double>{{1, 3, 5}, {2, 4, 6}});
    CHECK(dataset.train.labels.empty());
    CHECK(dataset.train.targets.size() == 0);
    CHECK(dataset.class_names.empty());
    CHECK(dataset.outputs() == 2);
  }
  // A generator's labels and targets go as well; without that, a table's last column is its label.
  for (const char* kind : {"moons", "abs"}) {
    DataSpec spec;
    spec.source = source_choice(kind, {});
    spec.reconstruct = true;
    const Dataset dataset = load_dataset(spec, 1);
    CHECK(dataset.train.labels.empty());
    CHECK(dataset.test.labels.empty());
    CHECK(dataset.outputs() == dataset.features());
  }
  DataSpec labelled;
  labelled.source = source_choice("csv", {{"file", text_value("plain.csv")}});
  labelled.base_directory = directory.path();
  CHECK(load_dataset(labelled, 1).features() == 1);
}
