#include "data/npz.hpp"

#include <doctest/doctest.h>

#include "data/data_files.hpp"
#include "support/zip.hpp"

using namespace reluscope;
using test::zip_of;

namespace {

std::string features() { return npy_bytes<double>("<f8", "(2, 2)", {1, 2, 3, 4}); }
std::string labels() { return npy_bytes<std::int64_t>("<i8", "(2,)", {0, 1}); }

RawData load_npz(const std::string& content, Settings settings = {}) {
  const TempDirectory directory;
  directory.write("a.npz", content);
  settings.emplace_back("file", text_value("a.npz"));
  return load_raw_data("npz", settings, directory.path());
}

std::string npz_error(const std::string& content, const Settings& settings = {}) {
  return data_error([&] { load_npz(content, settings); });
}

/// A build without libzip refuses every archive.
bool can_read() {
  try {
    load_npz(zip_of({{"x.npy", features()}, {"y.npy", labels()}}));
    return true;
  } catch (const DataError& fault) { return !contains(fault.what(), "this build reads no zip"); }
}

}  // namespace

TEST_CASE("an archive's arrays are found by their usual names, or by those that are given") {
  if (!can_read()) return;
  for (const bool deflated : {false, true}) {
    const RawData data = load_npz(zip_of({{"x_train.npy", features()}, {"y_train.npy", labels()}}, deflated));
    CHECK(as_double(data.train) == Matrix<double>{{1, 3}, {2, 4}});
    CHECK(data.train.labels == std::vector<std::int32_t>{0, 1});
    CHECK(!data.test);
  }
  const std::string both = zip_of({{"train_images.npy", features()},
                                   {"train_labels.npy", labels()},
                                   {"test_images.npy", features()},
                                   {"test_labels.npy", labels()}});
  CHECK(load_npz(both).test->count() == 2);
  const RawData named = load_npz(zip_of({{"inputs.npy", features()}, {"kind.npy", labels()}}),
                                 {{"features", text_value("inputs")}, {"labels", text_value("kind")}});
  CHECK(named.train.count() == 2);
}

TEST_CASE("an archive's array of images brings the shape of a sample") {
  if (!can_read()) return;
  const std::string images = npy_bytes<std::uint8_t>("|u1", "(2, 3, 1, 2)", {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11});
  const RawData data = load_npz(
      zip_of({{"x_train.npy", images},
              {"y_train.npy", labels()},
              {"x_test.npy", npy_bytes<std::uint8_t>("|u1", "(2, 2, 3)", {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11})},
              {"y_test.npy", labels()}}));
  CHECK(data.image == Shape(3, 1, 2));
  CHECK(data.test_image == Shape(1, 2, 3));
}

TEST_CASE("what an archive lacks is named, with what it has") {
  if (!can_read()) return;
  const std::string archive = zip_of({{"x.npy", features()}, {"kind.npy", labels()}, {"readme.txt", "text"}});
  check_message(npz_error(archive), {"a.npz", "labels", "there are x, kind", "help: data.labels=kind"});
  check_message(npz_error(archive, {{"labels", text_value("kinds")}}), {"no array \"kinds\"", "data.labels=kind"});
  check_message(npz_error(zip_of({{"data.pkl", "x"}})), {"holds no array of NumPy"});
  check_message(npz_error(zip_of({{"x.npy", features()}, {"y.npy", labels()}, {"x_test.npy", features()}})),
                {"test_labels"});
  check_message(npz_error(zip_of({{"x.npy", features()}, {"y.npy", npy_bytes<double>("<f8", "(3,)", {0, 1, 0})}})),
                {"holds 2 samples, but y.npy 3 labels"});
}

TEST_CASE("a damaged archive is refused, wherever it is cut or changed") {
  if (!can_read()) return;
  const std::string archive = zip_of({{"x.npy", features()}, {"y.npy", labels()}}, true);
  for (std::size_t length = 0; length < archive.size(); length += 7)
    CHECK(contains(npz_error(archive.substr(0, length)), "a.npz"));
  // A byte of the packed values: the checksum of the member tells.
  std::string changed = zip_of({{"x.npy", features()}, {"y.npy", labels()}});
  const std::size_t value = changed.find("PK\x03\x04", 10) - 3;
  changed[value] = static_cast<char>(changed[value] ^ 1);
  check_message(npz_error(changed), {"a.npz: x.npy", "damaged"});
}

TEST_CASE("a zip archive that is said to be NPY names its kind") {
  const TempDirectory directory;
  directory.write("a.npy", zip_of({{"x.npy", features()}}));
  const std::string message = data_error([&] {
    load_raw_data("npy", {{"file", text_value("a.npy")}, {"labels", text_value("a.npy")}}, directory.path());
  });
  check_message(message, {"is a zip archive of arrays, NPZ", "help: data.kind=npz"});
}
