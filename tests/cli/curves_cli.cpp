// `reluscope curves --plot`: the ending of the file chooses the format, and nothing of a user gets into gnuplot's
// script.
#include <doctest/doctest.h>

#include <algorithm>

#include "support/command.hpp"

using namespace reluscope::test;

TEST_CASE("curves --plot: the ending chooses the format, and one that is none is refused") {
  const Workplace place;
  for (const char* name : {"x.gif", "x.jpg", "x.csv", "x.png.gz"}) {
    CAPTURE(name);
    const auto refused = place.shell(std::string("$R curves relu --plot ") + name);
    CHECK(refused.exit_code == 2);
    CHECK(contains(refused.err, "there are .svg, .png, .pdf"));
    CHECK_FALSE(std::filesystem::exists(place.path() / name));
  }
  if (place.shell("command -v gnuplot").exit_code != 0) return;
  struct Case {
    std::string name;
    std::string start;
  };
  for (const auto& [name, start] : std::vector<Case>{
           {"a.svg", "<svg"}, {"a", "<svg"}, {"a.png", "\x89PNG"}, {"b.PNG", "\x89PNG"}, {"a.pdf", "%PDF"}}) {
    CAPTURE(name);
    const auto drawn = place.shell("$R curves relu elu:alpha=.5 rrelu tanh silu --plot " + name);
    CHECK(drawn.exit_code == 0);
    CHECK(drawn.err.empty());
    CHECK(read_file(place.path() / name).starts_with(start));
  }
  CHECK(place.shell("$R curves relu --plot -").out.starts_with("<svg"));
  CHECK(contains(read_file(place.path() / "a.svg"), "elu:alpha=0.5"));
}

TEST_CASE("curves --plot: a PNG is of the size of its panels, and has more than one colour") {
  const Workplace place;
  if (place.shell("command -v gnuplot").exit_code != 0) return;
  CHECK(place.shell("$R curves --plot all.png && $R curves tanh --plot one.png").exit_code == 0);
  const auto number = [](const std::string& bytes, std::size_t at) {
    int value = 0;
    for (std::size_t byte = at; byte < at + 4; ++byte) value = 256 * value + static_cast<unsigned char>(bytes.at(byte));
    return value;
  };
  const std::string all = read_file(place.path() / "all.png");
  const std::string one = read_file(place.path() / "one.png");
  CHECK(number(all, 16) == 2560);  // four panels of 320 units
  CHECK(number(one, 16) == 640);
  CHECK(number(all, 20) > number(one, 20));
  CHECK(all.size() > 4 * one.size());  // curves are drawn in each
}

TEST_CASE("curves --plot: a path is only a path, whatever it is called") {
  const Workplace place;
  if (place.shell("command -v gnuplot").exit_code != 0) return;
  for (const char* name : {"it's.png", "`touch pwned`.png", "$(touch pwned).png", "'; system('touch pwned') #.png"}) {
    CAPTURE(name);
    write_file(place.path() / "name", name);
    CHECK(place.shell("$R curves relu --plot \"$(cat name)\"").exit_code == 0);
    CHECK(read_file(place.path() / name).starts_with("\x89PNG"));
  }
  CHECK_FALSE(std::filesystem::exists(place.path() / "pwned"));
}
