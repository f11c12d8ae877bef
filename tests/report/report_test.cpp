// What reports are made of: strips, thinned lines, escaped text, event files.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "report/chart.hpp"
#include "report/html_report.hpp"
#include "report/strips.hpp"
#include "report/tensorboard.hpp"

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
  CHECK(plain.find("dense1         ....................@@@@@@@@@@@@@@@@@@@@  100.0 %") != std::string::npos);
  CHECK(plain.find("dense2         ........................................  0.0 %") != std::string::npos);
  CHECK(std::count(plain.begin(), plain.end(), '\n') == 7);  // two headings, two hidden layers, three norms
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
    CHECK(std::count(text.begin(), text.end(), '\n') == 26);
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
