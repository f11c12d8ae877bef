#include "trace/life_reader.hpp"

#include <doctest/doctest.h>

#include "support/command.hpp"
#include "util/error.hpp"

using namespace reluscope;
using reluscope::test::Workplace;
using reluscope::test::write_file;

namespace {

std::vector<LifeRecord> lives_of(const std::string& text) {
  const Workplace place;
  write_file(place.path() / "events.jsonl", text);
  return read_lives(place.path() / "events.jsonl");
}

std::string refusal_of(const std::string& text) {
  try {
    lives_of(text);
  } catch (const DataError& error) { return error.what(); }
  return "";
}

const std::string kDeath = R"({"step":3,"event":"died","layer":1,"unit":2,"cause":"own_bias"})";

}  // namespace

TEST_CASE("the lives of units are read; what is about no unit is left out, and so is a line that is being written") {
  const auto lives =
      lives_of(kDeath + "\n" + R"({"step":4,"event":"collapsed"})" + "\n" + kDeath + "\n" + kDeath.substr(0, 20));
  REQUIRE(lives.size() == 2);
  CHECK(lives[0].step == 3);
  CHECK(lives[0].event == "died");
  CHECK(lives[0].layer == 1);
  CHECK(lives[0].unit == 2);
  CHECK(lives[0].cause == "own_bias");
  CHECK(lives_of("").empty());
}

TEST_CASE("events come through the reader's buffer unchanged, however many there are") {
  std::string text;
  for (int step = 0; step < 20000; ++step)
    text += R"({"step":)" + std::to_string(step) + R"(,"event":"died","layer":1,"unit":0})" + "\n";
  const auto lives = lives_of(text);
  REQUIRE(lives.size() == 20000);
  for (std::size_t at = 0; at < lives.size(); ++at) CHECK(lives[at].step == static_cast<std::int64_t>(at));
}

TEST_CASE("what is no event is refused with its line") {
  const auto refused = [](const std::string& line, const std::string& says) {
    CAPTURE(line.substr(0, 100));
    const std::string message = refusal_of(kDeath + "\n" + line + "\n");
    CHECK(message.find("events.jsonl: line 2: ") != std::string::npos);
    CHECK(message.find(says) != std::string::npos);
  };
  refused("no JSON", "expected a JSON object");
  refused("[]", "expected a JSON object");
  refused("{}", "expected an event");
  refused(R"({"step":-1,"event":"died","layer":1,"unit":0})", "expected an event");
  refused(R"({"step":18446744073709551615,"event":"died","layer":1,"unit":0})", "expected an event");
  refused(R"({"step":9007199254740993,"event":"died","layer":1,"unit":0})", "expected an event");
  refused(R"({"step":1,"step":2,"event":"died"})", "twice");
  refused(kDeath + std::string("\0junk", 5), "a NUL");
  refused("{\"x\":\"" + std::string(kMostEventBytes, 'x') + "\"}", "longer than 64.0 KiB");
  // An event may be as long as that.
  const std::string start = R"({"step":1,"event":"died","layer":1,"unit":0,"x":")";
  CHECK(lives_of(start + std::string(kMostEventBytes - start.size() - 2, 'x') + "\"}\n").size() == 1);
}
