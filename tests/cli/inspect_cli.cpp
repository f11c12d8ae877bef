// `reluscope inspect`, held against what the files are known to hold.
#include <doctest/doctest.h>

#include <limits>
#include <nlohmann/json.hpp>

#include "data/data_files.hpp"
#include "support/command.hpp"

using namespace reluscope;
using namespace reluscope::test;
using Json = nlohmann::json;

namespace {

const std::string kTrain =
    R"({"name": "small", "data": {"kind": "moons", "n_samples": 60}, "record": {"checkpoint_every": 5},
        "network": {"layers": [{"units": 5, "activation": "relu"}, {"units": 2}]}, "train": {"epochs": 2}})";

}  // namespace

TEST_CASE("a data file: shape, type, range, classes, and the checksum that other tools compute") {
  const Workplace place;
  const auto text = place.shell("$R inspect $S/data/digits/digits.csv.gz");
  CHECK(text.exit_code == 0);
  CHECK(contains(text.out, "1797 rows × 65 columns"));
  CHECK(contains(text.out, "10 classes: 0 (178)"));
  const Json json = Json::parse(place.shell("$R inspect $S/data/digits/digits.csv.gz --json").out);
  CHECK(json["format"] == "CSV");
  CHECK(json["gzip"] == true);
  CHECK(json["table"]["rows"] == 1797);
  CHECK(json["table"]["columns"].size() == 65);
  CHECK(json["table"]["columns"][3]["min"] == 0.0);
  CHECK(json["table"]["columns"][3]["max"] == 16.0);
  CHECK(json["table"]["columns"][3]["missing"] == 0);
  CHECK(json["classes"].size() == 10);
  const auto checksum = place.shell(
      "gzip -dc $S/data/digits/digits.csv.gz > plain.csv && python3 -c 'import zlib; "
      "print(\"%08x\" % zlib.crc32(open(\"plain.csv\", \"rb\").read()), end=\"\")'");
  CHECK(json["crc32"] == checksum.out);
  Json plain = Json::parse(place.shell("$R inspect plain.csv --json").out);
  CHECK(plain["gzip"] == false);
  for (const char* key : {"table", "classes", "crc32", "bytes"}) CHECK(plain[key] == json[key]);
}

TEST_CASE("what is dumped is the file's content, and reads back") {
  const Workplace place;
  const auto same = place.shell(
      "gzip -dc $S/data/digits/digits.csv.gz > plain.csv && $R inspect plain.csv --dump > copy.csv && "
      "cmp plain.csv copy.csv");
  CHECK(same.exit_code == 0);
  write_file(place.path() / "labels", idx_bytes<std::uint8_t>(0x08, {4}, {2, 0, 2, 7}));
  CHECK(place.shell("$R inspect labels --dump").out == "2\n0\n2\n7\n");
  CHECK(Json::parse(place.shell("$R inspect labels --json").out)["classes"] ==
        Json::parse(R"([{"label": "0", "samples": 1}, {"label": "2", "samples": 2}, {"label": "7", "samples": 1}])"));
  // Column by column in the file, row by row in the dump.
  write_file(place.path() / "f.npy", npy_bytes<double>("<f8", "(2, 3)", {1, 4, 2, 5, 3, 6}, true));
  CHECK(place.shell("$R inspect f.npy --dump").out == "1,2,3\n4,5,6\n");
  write_file(place.path() / "empty.npy", npy_bytes<double>("<f8", "(0, 3)", {}));
  CHECK(place.shell("$R inspect empty.npy --dump").out.empty());
  CHECK(Json::parse(place.shell("$R inspect empty.npy --json").out)["arrays"][0]["min"].is_null());
  const auto piped = place.shell("set -o pipefail; $R inspect plain.csv --dump | head -n 1 | wc -l");
  CHECK(piped.exit_code == 0);
  CHECK(piped.err.empty());
}

TEST_CASE("labels of a CSV are where the user says") {
  const Workplace place;
  write_file(place.path() / "t.csv", "kind,x,y\na,1,2\nb,3,4.5\na,5,6\n");
  const Json json = Json::parse(place.shell("$R inspect t.csv --label-column kind --json").out);
  CHECK(json["classes"][0]["label"] == "a");
  CHECK(json["classes"][0]["samples"] == 2);
  write_file(place.path() / "numbers.csv", "x,z,t\n1,2,0.5\n3,4,1.25\n");
  const Json numbers = Json::parse(place.shell("$R inspect numbers.csv --json").out);
  CHECK(numbers["classes"].empty());
  CHECK(numbers["table"]["columns"][2]["max"] == 1.25);
  CHECK(place.shell("$R inspect numbers.csv --dump").out == "1,2,0.5\n3,4,1.25\n");
}

TEST_CASE("values that are not finite are counted, and kept out of range and mean") {
  const Workplace place;
  constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
  constexpr double kInf = std::numeric_limits<double>::infinity();
  write_file(place.path() / "x.npy", npy_bytes<double>("<f8", "(5,)", {1, kNaN, -kInf, 3, 0}));
  const Json array = Json::parse(place.shell("$R inspect x.npy --json").out)["arrays"][0];
  CHECK(array["nan"] == 1);
  CHECK(array["inf"] == 1);
  CHECK(array["zeros"] == 1);
  CHECK(array["min"] == 0.0);
  CHECK(array["max"] == 3.0);
  CHECK(array["mean"].get<double>() == doctest::Approx(4.0 / 3.0));
  CHECK(place.shell("$R inspect x.npy --dump").out == "1\nnan\n-inf\n3\n0\n");
}

TEST_CASE("weights and checkpoints: every array, and whether the checksum is right") {
  const Workplace place;
  write_file(place.path() / "c.json", kTrain);
  REQUIRE(place.shell("$R run c.json -q --save-weights --out r").exit_code == 0);
  const Json weights = Json::parse(place.shell("$R inspect r/weights.safetensors --json").out);
  CHECK(weights["format"] == "safetensors");
  CHECK(weights["checkpoint"] == false);
  CHECK(weights["arrays"][0]["name"] == "layers.0.weight");
  CHECK(weights["arrays"][0]["shape"] == Json({5, 2}));
  CHECK(weights["arrays"].size() == 4);
  // The header and 5 × 2 + 5 + 2 × 5 + 2 values.
  CHECK(place.shell("$R inspect r/weights.safetensors --dump | wc -l").out == "28\n");

  REQUIRE(
      place
          .shell("$R run c.json -q --out i train.epochs=100000000 record.census=off record.every=1000 & pid=$!; "
                 "until [ -s i/steps.csv ] || ! kill -0 $pid; do sleep 0.05; done; kill -TERM $pid; wait $pid; true")
          .exit_code == 0);
  const std::string file = "i/checkpoint.safetensors";
  const Json checkpoint = Json::parse(place.shell("$R inspect " + file + " --json").out);
  CHECK(checkpoint["checkpoint"] == true);
  CHECK(checkpoint["intact"] == true);
  CHECK(checkpoint["metadata"]["census"] == "off");
  std::string bytes = read_file(place.path() / file);
  bytes.back() = static_cast<char>(bytes.back() ^ 1);
  write_file(place.path() / file, bytes);
  const auto damaged = place.shell("$R inspect " + file);
  CHECK(damaged.exit_code == 1);
  CHECK(contains(damaged.out, "DAMAGED"));
}

TEST_CASE("what is none of these files is refused, with the reason") {
  const Workplace place;
  write_file(place.path() / "binary", std::string("\x7f"
                                                  "ELF\0\0\0",
                                                  7));
  write_file(place.path() / "empty", "");
  for (const auto& [line, says] : std::vector<std::pair<std::string, std::string>>{
           {"$R inspect binary", "neither IDX, NPY, NPZ, CSV nor safetensors"},
           {"$R inspect empty", "empty"},
           {"$R inspect nothere", "no such file"},
           {"$R inspect .", "not a regular file"},
           {"$R inspect /dev/zero", "not a regular file"},
           {"$R inspect binary --json --dump", "--dump"}}) {
    CAPTURE(line);
    const auto result = place.shell(line);
    CHECK(result.exit_code == 2);
    CHECK(result.out.empty());
    CHECK(contains(result.err, says));
  }
}
