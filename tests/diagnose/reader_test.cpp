#include <doctest/doctest.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>

#include "diagnose/diagnosis.hpp"
#include "diagnose/layers.hpp"
#include "diagnose/run_reader.hpp"
#include "support/command.hpp"
#include "trace/table_reader.hpp"
#include "trace/table_writer.hpp"
#include "util/error.hpp"

using namespace reluscope;

namespace {

/// A file with this text, gone at the end of the test.
class TemporaryFile {
 public:
  explicit TemporaryFile(const std::string& text)
      : path_(std::filesystem::temp_directory_path() / ("reluscope-reader-" + std::to_string(::getpid()) + ".csv")) {
    std::ofstream(path_) << text;
  }
  ~TemporaryFile() { std::filesystem::remove(path_); }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

std::string message_of(const std::string& text) {
  const TemporaryFile file(text);
  try {
    (void)read_table<LayerRecord>(file.path());
  } catch (const DataError& error) { return error.what(); }
  return "";
}

}  // namespace

TEST_CASE("what was written is read back, to the last bit") {
  LayerRecord row;
  row.step = 7;
  row.layer = 2;
  row.name = "odd, \"name\"";
  row.activation = "relu";
  row.units = 64;
  row.z_mean = 0.1;
  row.z_std = 1.0 / 3.0;
  row.a_max = INFINITY;
  row.grad_max = -INFINITY;
  row.delta_rms = NAN;
  row.dead_min = 3;
  row.role = Role::output;
  row.from_file = true;
  std::string text = csv_header<LayerRecord>();
  append_csv_row(text, row);
  const TemporaryFile file(text);
  const TableRows<LayerRecord> table = read_table<LayerRecord>(file.path());
  CHECK(table.present);
  CHECK(table.missing.empty());
  REQUIRE(table.rows.size() == 1);
  std::string again = csv_header<LayerRecord>();
  append_csv_row(again, table.rows[0]);
  CHECK(again == text);
  CHECK_FALSE(table.rows[0].dead_max.has_value());
}

TEST_CASE("columns may be fewer, in another order, and others between them") {
  const TemporaryFile file("delta_rms,step,mine,layer\n0.5,3,x,1\n0.25,3,y,2\n");
  const TableRows<LayerRecord> table = read_table<LayerRecord>(file.path());
  REQUIRE(table.rows.size() == 2);
  CHECK(table.rows[1].delta_rms == 0.25);
  CHECK(table.rows[1].layer == 2);
  CHECK(table.missing.contains("grad_norm_w"));
  CHECK_FALSE(is_measured(table.rows[1], &LayerRecord::grad_norm_w));
  CHECK(std::isnan(table.rows[1].grad_norm_w));
  CHECK_FALSE(table.missing.contains("step"));
}

TEST_CASE("a wrong cell is named with its line, its column and what would be right") {
  for (const std::string wrong :
       {"one", "-1", "1.5", "9007199254740993", "9223372036854775807", "-9223372036854775808"})
    CHECK(message_of("step,layer,delta_rms\n0,1,0.5\n1," + wrong + ",0.5\n")
              .find(":3: column 'layer': found '" + wrong + "', expected a whole number from 0 to 2^53") !=
          std::string::npos);
  CHECK(message_of("step,layer,delta_rms\n0,9007199254740992,0.5\n").empty());
  CHECK(message_of("step,layer,delta_rms\n0,1,half\n").find("column 'delta_rms'") != std::string::npos);
  CHECK(message_of("step,layer,delta_rms\n0,1\n").find("found 2 cells, expected 3") != std::string::npos);
  CHECK(message_of("step,layer,role\n0,1,middle\n")
            .find(":2: column 'role': found 'middle', expected hidden, output or nothing") != std::string::npos);
  CHECK(message_of("a,b\n1,2\n").find("none of the columns is known") != std::string::npos);
}

TEST_CASE("an empty cell is not measured, in every column; what stands beside it is") {
  std::string text = csv_header<LayerRecord>();
  text += std::string(static_cast<std::size_t>(std::count(text.begin(), text.end(), ',')), ',') + "\n";
  LayerRecord full;
  full.name = "dense1";
  full.activation = "relu";
  append_csv_row(text, full);
  const TemporaryFile file(text);
  const TableRows<LayerRecord> table = read_table<LayerRecord>(file.path());
  REQUIRE(table.rows.size() == 2);
  for_each_column<LayerRecord>([&](const auto& column, std::uint64_t bit) {
    CAPTURE(column.name);
    CHECK_FALSE(is_measured(table.rows[0], column, bit));
  });
  CHECK(std::isnan(table.rows[0].delta_rms));
  CHECK(table.rows[1].unmeasured == 0);
  CHECK(measured(table.rows[1], &LayerRecord::units) == 0);
  CHECK_FALSE(measured(table.rows[0], &LayerRecord::units).has_value());
}

TEST_CASE("a lone table is told by its columns; rules that lack theirs are skipped and named") {
  const TemporaryFile file("step,layer,name,delta_rms\n0,1,first,0.5\n0,2,second,0.5\n1,1,first,0.5\n1,2,second,0.5\n");
  const RunTables run = read_run(file.path());
  CHECK(run.layers.rows.size() == 4);
  CHECK_FALSE(run.census.present);
  const Diagnosis diagnosis = diagnose(run);
  CHECK(diagnosis.findings.empty());
  const auto skipped = [&](const std::string& rule) {
    for (const SkippedRule& one : diagnosis.skipped)
      if (one.rule == rule) return one.missing;
    return std::string();
  };
  CHECK(skipped("dying-units") == "census.dead");
  CHECK(skipped("update-ratio") == "layers.update_ratio");
  CHECK(skipped("vanishing-gradient").empty());
}

TEST_CASE("nothing to diagnose is an error, not a clean bill of health") {
  const TemporaryFile file("step,layer,delta_rms\n");
  CHECK_THROWS_AS(read_run(file.path()), DataError);
  CHECK_THROWS_AS(read_run("/nowhere/at/all"), UserError);
}

TEST_CASE("a run directory of before there were sites reads as it always did") {
  const std::filesystem::path golden =
      std::filesystem::path(test::environment("RELUSCOPE_SOURCE_DIR")) / "tests/diagnose/golden/without-sites";
  const RunTables run = read_run(golden);
  CHECK(run.sites.rows.empty());
  CHECK_FALSE(run.from_elsewhere);
  CHECK(output_layers(run) == std::set<std::int64_t>{3});
  CHECK_FALSE(is_measured(run.layers.rows.front(), &LayerRecord::positions));
  REQUIRE(run.census.rows.size() == 21);
  CHECK(run.census.rows[18].dead == 5);
  CHECK(run.census.rows[19].dead == 6);
  const Diagnosis diagnosis = diagnose(run, {});
  const bool says_so = std::any_of(diagnosis.findings.begin(), diagnosis.findings.end(), [](const Finding& finding) {
    return finding.rule == "dying-units" && finding.name == "dense2";
  });
  CHECK(says_so);
}

TEST_CASE("where rows do not name an output, the sites do") {
  RunTables run;
  run.from_elsewhere = true;
  for (std::int64_t layer = 1; layer <= 3; ++layer) {
    LayerRecord row;
    row.layer = layer;
    row.activation = "relu";
    run.layers.rows.push_back(row);
  }
  CHECK(output_layers(run).empty());
  SiteRecord site;
  site.layer = 3;
  site.role = Role::output;
  run.sites.rows = {site};
  CHECK(output_layers(run) == std::set<std::int64_t>{3});
}
