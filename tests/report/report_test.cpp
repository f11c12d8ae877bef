// What reports are made of: strips, thinned lines, escaped text, event files.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <sstream>

#include "report/chart.hpp"
#include "report/figure.hpp"
#include "report/fleet_progress.hpp"
#include "report/html_report.hpp"
#include "report/prescribe_report.hpp"
#include "report/strips.hpp"
#include "report/tensorboard.hpp"
#include "util/format.hpp"

using namespace reluscope;

namespace {

RunTables some_tables(std::int64_t layers) {
  RunTables tables;
  tables.census.present = tables.layers.present = true;
  for (std::int64_t step = 0; step < 40; ++step)
    for (std::int64_t layer = 1; layer <= layers; ++layer) {
      CensusRecord census;
      census.step = step;
      census.layer = layer;
      census.name = "dense" + std::to_string(layer);
      census.dead_fraction = step < 20 || layer > 1 ? 0.0 : 1.0;
      tables.census.rows.push_back(census);
      LayerRecord row;
      row.step = step;
      row.layer = layer;
      row.name = census.name;
      row.grad_norm_w = layer == 2 ? 0.0 : std::pow(10.0, static_cast<double>(step) / 10.0);
      tables.layers.rows.push_back(row);
    }
  return tables;
}

}  // namespace

TEST_CASE(
    "strips: nothing dead and all dead look different, in ASCII as in Unicode; the output has no line for its dead") {
  const RunTables tables = some_tables(3);
  const std::string plain = run_strips(tables, {80, false, false});
  CHECK(plain.find("dense1         .....................@@@@@@@@@@@@@@@@@@@@  100.0 %") != std::string::npos);
  CHECK(plain.find("dense2         .........................................  0.0 %") != std::string::npos);
  CHECK(std::count(plain.begin(), plain.end(), '\n') == 8);  // two headings, two hidden layers, three norms, one axis
  CHECK(plain.find("\n  step           0                                      39\n") != std::string::npos);
  CHECK(std::all_of(plain.begin(), plain.end(),
                    [](char letter) { return letter == '\n' || (letter >= ' ' && letter < 127); }));
  const std::string utf8 = run_strips(tables, {80, true, false});
  CHECK(utf8.find("·█") != std::string::npos);
  CHECK(utf8.find('\x1b') == std::string::npos);
  CHECK(run_strips(tables, {80, true, true}).find("\x1b[31m") != std::string::npos);
}

TEST_CASE("strips keep within the terminal, and show some layers of many") {
  for (const std::size_t width : {40U, 80U, 200U}) {
    const std::string text = run_strips(some_tables(50), {width, false, false});
    std::size_t longest = 0;
    std::size_t begin = 0;
    for (std::size_t end = text.find('\n'); end != std::string::npos; begin = end + 1, end = text.find('\n', begin))
      longest = std::max(longest, end - begin);
    CHECK(longest <= std::max<std::size_t>(width, 50));
    CHECK(std::count(text.begin(), text.end(), '\n') == 27);
    CHECK(text.find("dense49") != std::string::npos);  // the last hidden one
  }
  CHECK(run_strips(RunTables(), {80, true, false}).empty());
}

TEST_CASE("thinned lines keep every stretch's extremes, so that spikes survive") {
  std::vector<double> x;
  std::vector<double> y;
  for (int at = 0; at < 10000; ++at) {
    x.push_back(at);
    y.push_back(at == 7777 ? 1e6 : (at == 3333 ? -1e6 : std::sin(at)));
  }
  thin_out(x, y, 200);
  CHECK(x.size() <= 200);
  CHECK(std::is_sorted(x.begin(), x.end()));
  CHECK(std::count(y.begin(), y.end(), 1e6) == 1);
  CHECK(std::count(y.begin(), y.end(), -1e6) == 1);
  std::vector<double> short_x = {1, 2};
  std::vector<double> short_y = {3, 4};
  thin_out(short_x, short_y, 200);
  CHECK(short_x.size() == 2);
}

TEST_CASE("a gap in a long line stays visible") {
  std::vector<double> x;
  std::vector<double> y;
  for (int at = 0; at < 1000; ++at) {
    x.push_back(at);
    y.push_back(at == 500 ? NAN : 1.0);
  }
  thin_out(x, y, 100);
  CHECK(std::any_of(y.begin(), y.end(), [](double value) { return std::isnan(value); }));
}

TEST_CASE("a title that gnuplot would expand does not get into its script") {
  Chart chart;
  chart.series.push_back({"relu", "#9aa0a6", {0.0, 1.0}, {0.0, 1.0}, {}, {}, {}, false, false});
  for (const char* title : {"`touch pwned`", "\"; system('touch pwned')", "@x", "$x", "a\nb", "\\"})
    CHECK_THROWS_AS(static_cast<void>(draw_panels({{title, chart}}, 1, "", {".png", "pngcairo", 1.0, ""})),
                    std::logic_error);
}

TEST_CASE("what can be drawn: finite, above 0 on a logarithmic axis, and within what gnuplot can reckon with") {
  constexpr double kInf = std::numeric_limits<double>::infinity();
  for (const bool log_y : {false, true})
    for (const double value : {double(NAN), kInf, -kInf}) CHECK(std::isnan(drawn_value(value, log_y)));
  CHECK(std::isnan(drawn_value(0.0, true)));
  CHECK(std::isnan(drawn_value(-1.0, true)));
  CHECK(drawn_value(0.0, false) == 0.0);
  CHECK(drawn_value(-1.0, false) == -1.0);
  CHECK(drawn_value(1.5e-10, true) == 1.5e-10);
  CHECK(drawn_value(1e308, false) == 1e300);
  CHECK(drawn_value(-1e308, false) == -1e300);
  CHECK(drawn_value(5e-324, true) == 1e-300);
  CHECK(drawn_value(5e-324, false) == 0.0);

  Chart chart;
  CHECK_FALSE(is_drawable(chart));
  chart.series.push_back({"", "#000000", {0, 1}, {0.0, NAN}, {}, {}, {}, false, false});
  CHECK(is_drawable(chart));
  chart.log_y = true;
  CHECK_FALSE(is_drawable(chart));
  chart.series[0].y[1] = 1e-320;
  CHECK(is_drawable(chart));
}

namespace {

/// A run of which every number that a chart shows is the same.
ReportRun run_of(double value, std::int64_t layers = 3) {
  ReportRun run;
  run.name = "odd";
  run.tables = some_tables(layers);
  for (LayerRecord& row : run.tables.layers.rows)
    row.grad_norm_w = row.delta_rms = row.a_rms = row.update_ratio = row.z_mean = row.z_std = value;
  for (CensusRecord& row : run.tables.census.rows) {
    row.units = 4;
    row.effective_rank = value;
  }
  for (std::int64_t step = 0; step < 40; ++step) {
    StepRecord& row = run.tables.steps.rows.emplace_back();
    row.step = step;
    row.loss = row.grad_norm = value;
    row.accuracy = value / 100.0;
  }
  run.summary = {{"verdict", "A verdict of its own."}};
  return run;
}

std::size_t count_of(const std::string& text, const std::string& part) {
  std::size_t count = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

}  // namespace

TEST_CASE("a report draws what there is of any numbers, and says in its place why there is no curve") {
  constexpr double kInf = std::numeric_limits<double>::infinity();
  for (const double value :
       {0.0, -1.0, 1.0, 1e17, 1e30, 1e60, 1e300, 1e308, 5e-324, 1e-310, double(NAN), kInf, -kInf}) {
    CAPTURE(value);
    const std::string page = html_report({run_of(value)}).page;
    // Logarithmic: gradients, deltas, activations, updates; signal and gradient at the start, but that −1 has a square.
    const std::size_t expected = !std::isfinite(value) ? 8 : value > 0.0 ? 0 : value == 0.0 ? 5 : 4;
    CHECK(count_of(page, "<p class=absent>No curve. Of ") == expected);
    if (value == 0.0) CHECK(count_of(page, "<p class=absent>No curve. Of 120 values 120 are 0 or below, which") == 4);
    if (!std::isfinite(value)) CHECK(count_of(page, "<p class=absent>No curve. Of 40 values 40 are not finite.") == 2);
  }
}

TEST_CASE("runs of odd numbers share their axes with others") {
  for (const double value : {0.0, 5e-324, 1e308, double(NAN)}) {
    CAPTURE(value);
    const HtmlReport report = html_report({run_of(value), run_of(1.0), run_of(1e-3, 2)});
    CHECK(report.page.find("Side by side") != std::string::npos);
  }
}

TEST_CASE("values that a line leaves out are counted under it") {
  ReportRun run = run_of(1.0);
  run.tables.layers.rows[0].delta_rms = 0.0;
  run.tables.layers.rows[1].delta_rms = NAN;
  const std::string page = html_report({run}).page;
  CHECK(
      page.find("Not drawn: of 120 values 1 is 0 or below, which a logarithmic axis does not have; 1 is not finite.") !=
      std::string::npos);
}

TEST_CASE("without gnuplot the page has verdict and numbers, and says why it has no charts") {
  const std::string path = std::getenv("PATH");
  ::setenv("PATH", "/nonexistent", 1);
  const HtmlReport report = html_report({run_of(1.0)});
  ::setenv("PATH", path.c_str(), 1);
  CHECK(report.without_charts.find("gnuplot-nox") != std::string::npos);
  CHECK(report.page.find("This page has the numbers and no charts: gnuplot draws the charts") != std::string::npos);
  CHECK(report.page.find("A verdict of its own.") != std::string::npos);
  CHECK(report.page.find("The numbers</summary>") != std::string::npos);
  CHECK(report.page.find("<svg") == std::string::npos);
}

TEST_CASE("names in strips are cut between characters, and keep the columns") {
  RunTables tables = some_tables(2);
  for (CensusRecord& row : tables.census.rows) row.name = row.layer == 1 ? "\x1b]0;x\x07ä漢ü漢ö漢ä漢ü漢ö漢" : "b";
  const std::string text = run_strips(tables, {80, false, false});
  CHECK(text.find("  ?]0;x?ä漢ü漢ö漢ä漢 ") != std::string::npos);
  CHECK(text.find('\x1b') == std::string::npos);
}

TEST_CASE("colours run from the first layer to the last without a repetition") {
  CHECK(depth_color(0, 100) == "#545cbe");
  CHECK(depth_color(99, 100) == "#5ec962");
  CHECK(depth_color(0, 1) == depth_color(0, 2));
  CHECK(depth_color(3, 10) != depth_color(4, 10));
}

TEST_CASE("text is escaped for HTML") {
  CHECK(html_escape("<a b='c' d=\"e\">&") == "&lt;a b=&#39;c&#39; d=&quot;e&quot;&gt;&amp;");
}

TEST_CASE("the checksum of event files is CRC-32C") {
  CHECK(crc32c("123456789") == 0xE3069283U);            // the check value of the catalogue of CRCs
  CHECK(crc32c(std::string(32, '\0')) == 0x8A9136AAU);  // RFC 3720, B.4
}

TEST_CASE("text is wrapped at words, and a word that is too long has a line of its own") {
  CHECK(wrap("one two three", 7) == "one two\nthree");
  CHECK(wrap("one two three", 8) == "one two\nthree");
  CHECK(wrap("one two three", 80) == "one two three");
  CHECK(wrap("incomprehensible it is", 5, "  ") == "incomprehensible\n  it\n  is");
  CHECK(wrap("a\nb  c ", 80) == "a\nb c");
  CHECK(wrap("é é é", 3) == "é é\né");
  CHECK(wrap("", 10).empty());
}

TEST_CASE("a command line is quoted for a shell where it has to be, and broken where a shell may") {
  CHECK(shell_word("train.optimizer.lr=0.01") == "train.optimizer.lr=0.01");
  CHECK(shell_word("network.layers.*.activation=elu") == "'network.layers.*.activation=elu'");
  CHECK(shell_word(R"(train.optimizer={"name":"adam"})") == R"('train.optimizer={"name":"adam"}')");
  CHECK(shell_word("it's.json") == R"('it'\''s.json')");
  CHECK(shell_word("~x") == "'~x'");
  CHECK(shell_word("") == "''");
  const std::vector<std::string> given = {"name=mine", "train.epochs=3", "seed=2"};
  const std::vector<std::string> changes = {"train.epochs=4", "name=mine-elu"};
  const std::vector<std::string> words = run_command("my config.json", given, changes);
  CHECK(shell_line(words) == "reluscope run 'my config.json' seed=2 train.epochs=4 name=mine-elu");
  CHECK(shell_lines(words, 80) == shell_line(words));
  CHECK(shell_lines(words, 40) == "reluscope run 'my config.json' seed=2 \\\n    train.epochs=4 name=mine-elu");
}

TEST_CASE("the progress of a fleet: runs done of those planned, and the time that the work left takes") {
  // Ten runs in ten seconds, but they were short: five whole ones' work, of fifteen.
  CHECK(fleet_progress_line("prescribe", {57, 15.0}, {0, 0.0}, {10, 5.0}, 0, 10.0) ==
        "prescribe 10/57 runs  1 runs/s  ETA 00:20");
  // What was there before took no time now.
  CHECK(fleet_progress_line("sweep", {30, 30.0}, {10, 10.0}, {20, 20.0}, 2, 5.0) ==
        "sweep 20/30 runs, 2 failed  2 runs/s  ETA 00:05");
  CHECK(fleet_progress_line("sweep", {30, 30.0}, {0, 0.0}, {0, 0.0}, 0, 1.0) == "sweep 0/30 runs  0 runs/s  ETA --:--");
}

TEST_CASE("a prescription's tables fit: columns at the end go first, then names are cut") {
  Prescription prescription;
  prescription.objective = Objective::loss;
  prescription.data = "held-out";
  Course course;
  course.treatment.remedies = {"much_smaller_lr", "glorot_normal"};
  course.trials.resize(2);
  prescription.screening = {Course{}, course};
  const std::string wide = screening_table(prescription, TableStyle::plain, 100);
  CHECK(wide.find("steps/s") != std::string::npos);
  const std::string narrow = screening_table(prescription, TableStyle::plain, 72);
  CHECK(narrow.find("steps/s") == std::string::npos);
  CHECK(narrow.find("much_smaller_lr + glorot_normal") != std::string::npos);
  const std::string narrowest = screening_table(prescription, TableStyle::plain, 50);
  CHECK(narrowest.find("…") != std::string::npos);
  CHECK(narrowest.find("cured") != std::string::npos);
  std::istringstream lines(narrowest);
  for (std::string line; std::getline(lines, line);) CHECK(code_points(line) <= 50);
  CHECK(screening_table(prescription, TableStyle::markdown, 50).find("steps/s") != std::string::npos);
}

TEST_CASE("the colours of things without order are those of the scripts that draw pictures") {
  const char* source = std::getenv("RELUSCOPE_SOURCE_DIR");
  REQUIRE(source != nullptr);
  std::ifstream file(std::string(source) + "/scripts/plotting.py");
  std::stringstream text;
  text << file.rdbuf();
  std::string colors = "COLORS = (";
  for (std::size_t at = 0; at < 9; ++at) colors += (at == 0 ? "\"" : ", \"") + category_color(at) + "\"";
  CHECK(text.str().find(colors + ")") != std::string::npos);
}
