// Random damage to valid files: every reader either makes a data set whose parts fit together or throws a DataError.

#include <doctest/doctest.h>

#include <cmath>
#include <random>

#include "data/data_files.hpp"

using namespace reluscope;

namespace {

constexpr int kRounds = 3000;

class Mutator {
 public:
  explicit Mutator(unsigned seed) : random_(seed) {}

  std::string damage(std::string content) {
    for (std::size_t change = below(4) + 1; change > 0; --change) {
      const std::size_t place = below(content.size() + 1);
      switch (below(6)) {
        case 0:
          content.resize(place);
          break;
        case 1:
          content.insert(place, 1, any_byte());
          break;
        case 2:
          content.insert(place, content.substr(below(content.size() + 1), below(40)));
          break;
        case 3:
          content.erase(place, below(8));
          break;
        default:
          if (place < content.size()) content[place] = any_byte();
      }
    }
    return content;
  }

 private:
  std::size_t below(std::size_t bound) { return static_cast<std::size_t>(random_() % bound); }
  char any_byte() {
    constexpr std::string_view kTelling = "\xff\x7f\x01\n\r\"',;0-9e.(){}";
    return below(2) == 0 ? kTelling[below(kTelling.size())] : static_cast<char>(below(256));
  }
  std::mt19937_64 random_;
};

void check_consistent(const RawData& data) {
  const auto samples = static_cast<std::size_t>(data.train.count());
  CHECK(samples > 0);
  CHECK(data.train.features_count() > 0);
  CHECK(as_double(data.train).allFinite());
  if (data.task == Task::classification) {
    REQUIRE(data.train.labels.size() == samples);
    for (const std::int32_t label : data.train.labels) {
      CHECK(label >= 0);
      CHECK(static_cast<std::size_t>(label) < data.class_names.size());
    }
  } else {
    CHECK(static_cast<std::size_t>(data.train.targets.cols()) == samples);
    CHECK(data.train.targets.allFinite());
  }
}

/// Damages `name` among the files in turn; what the reader accepts has to hang together.
void fuzz(const std::string& kind, const Settings& settings, const std::string& first_name, const std::string& first,
          const std::string& second_name = {}, const std::string& second = {}) {
  const TempDirectory directory;
  Mutator mutator(20240229);
  int accepted = 0;
  int refused = 0;
  for (int round = 0; round < kRounds; ++round) {
    CAPTURE(round);
    const bool in_first = second_name.empty() || round % 3 != 0;
    const bool packed_after = round % 5 == 0;   // damaged content in a sound gzip file
    const bool packed_before = round % 5 == 1;  // a damaged gzip file
    std::string content = in_first ? first : second;
    if (packed_before) content = gzipped(content);
    content = mutator.damage(content);
    if (packed_after) content = gzipped(content);
    directory.write(first_name, in_first ? content : first);
    if (!second_name.empty()) directory.write(second_name, in_first ? second : content);
    try {
      check_consistent(load_raw_data(kind, settings, directory.path()));
      ++accepted;
    } catch (const DataError& error) {
      CHECK(std::string(error.what()).size() > 10);
      ++refused;
    }
    try {
      estimated_bytes(kind, settings, directory.path());
    } catch (const DataError&) { CHECK(true); }
  }
  CHECK(accepted > kRounds / 100);
  CHECK(refused > kRounds / 10);
}

}  // namespace

TEST_CASE("damaged IDX files never crash the reader") {
  const Settings files = {{"images", text_value("x")}, {"labels", text_value("y")}};
  std::vector<float> values(24);
  for (std::size_t value = 0; value < values.size(); ++value) values[value] = static_cast<float>(value) / 3.0F;
  const std::string labels = idx_bytes<std::uint8_t>(0x08, {6}, {0, 1, 2, 0, 1, 2});
  fuzz("idx", files, "x", idx_bytes<float>(0x0D, {6, 2, 2}, values), "y", labels);
  fuzz("idx", files, "x", idx_bytes<std::uint8_t>(0x08, {6, 1}, {9, 8, 7, 6, 5, 4}), "y", labels);
}

TEST_CASE("damaged CSV files never crash the reader") {
  const Settings file = {{"file", text_value("x")}};
  fuzz("csv", file, "x", "a,b,label\n1,2.5,0\n-3e2,4,1\n5,\"6\",1\n7,8,0\n");
  fuzz("csv", file, "x", "1;2;\"red \"\"x\"\"\"\r\n3;4;blue\r\n5;6;red\r\n");
  fuzz("csv", {{"file", text_value("x")}, {"label_column", text_value("b,a")}}, "x", "a\tb\tc\n1\t2\t3\n4\t5.5\t6\n");
}

TEST_CASE("damaged NPY files never crash the reader") {
  const Settings files = {{"file", text_value("x")}, {"labels", text_value("y")}};
  const std::string labels = npy_bytes<std::int32_t>("<i4", "(4,)", {1, 0, 1, 0});
  fuzz("npy", files, "x", npy_bytes<double>("<f8", "(4, 2)", {1, 2, 3, 4, 5, 6, 7, 8}), "y", labels);
  fuzz("npy", files, "x", npy_bytes<std::uint8_t>("|u1", "(4, 1, 3)", {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, true),
       "y", npy_bytes<float>("<f4", "(4, 2)", {1, 2, 3, 4, 5, 6, 7, 8}));
}
