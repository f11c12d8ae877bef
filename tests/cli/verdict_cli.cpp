// What a run's verdict looks like where it is read: in a pipe, in continuous integration, as a page; and what validate
// says before there is one.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "support/command.hpp"

using namespace reluscope::test;

namespace {

/// A sick run, `sick`, and a healthy one, `well`.
struct TwoRuns : Workplace {
  TwoRuns() {
    REQUIRE(
        shell("$R run $S/configs/born-dead.json -o sick -q > table; $R run $S/configs/moons.json -o well -q > table")
            .exit_code == 0);
  }
};

std::size_t longest_line(const std::string& text) {
  std::size_t longest = 0;
  for (const std::string& line : lines_of(text)) longest = std::max(longest, line.size());
  return longest;
}

}  // namespace

TEST_CASE("several runs in one call: each under its name, one exit code, and words with = are thresholds") {
  const TwoRuns place;
  const auto told = place.shell("$R diagnose sick well --fail-on critical");
  CHECK(told.exit_code == 3);
  CHECK(told.out.starts_with("sick:\ncritical: dead-on-arrival: "));
  CHECK(contains(told.out, "\nwell:\n"));
  CHECK(longest_line(told.out) <= 80);
  CHECK(contains(told.err, "2 findings at or above critical: exit code 3"));
  CHECK(place.shell("$R diagnose well --fail-on warning").exit_code == 0);
  const auto set = place.shell("$R diagnose well sick dead-on-arrival.notice=1 --json");
  const auto documents = nlohmann::json::parse(set.out);
  REQUIRE(documents.size() == 2);
  CHECK(documents[0]["run"] == "well");
  CHECK(documents[1]["worst"] == "critical");
  CHECK(place.shell("$R diagnose sick nowhere").exit_code == 2);
  CHECK(contains(place.shell("$R diagnose dying-units.fraction=0.2").err, "a RUN is needed"));
}

TEST_CASE("a finding says what it is the symptom of, and what to change") {
  const TwoRuns place;
  const auto document = nlohmann::json::parse(place.shell("$R diagnose sick --json").out);
  const auto& cause = document["findings"][0];
  CHECK(cause["rule"] == "dead-on-arrival");
  CHECK(cause["symptom_of"] == nullptr);
  CHECK(cause["cause_of"][0] == "collapsed-network");
  CHECK(cause["remedies"][0] == "positive_bias");
  CHECK(cause["changes"]["positive_bias"][0] == "network.layers.0.init.bias=0.1");
  // Without its cause a finding stands for itself, and what it explains stays behind it.
  const auto ignored = place.shell("$R diagnose sick --ignore dead-on-arrival");
  CHECK(ignored.out.starts_with("critical: collapsed-network: "));
  CHECK(says(ignored.out, "also: no-better-than-constant"));
}

TEST_CASE("formats of diagnose: each is what its readers take, and the short forms are the same bytes") {
  const TwoRuns place;
  CHECK(place.shell("$R diagnose sick --json > a; $R diagnose sick --format json > b; cmp a b").exit_code == 0);
  CHECK(place.shell("$R diagnose sick --markdown > a; $R diagnose sick --format markdown > b; cmp a b").exit_code == 0);
  CHECK(place.shell("$R diagnose sick --markdown").out.starts_with("| severity | rule "));
  CHECK(place.shell("$R diagnose sick --format github")
            .out.starts_with("::error title=dead-on-arrival,file=sick/manifest.json::Layer 'dense3'"));
  const auto junit = place.shell(
      "$R diagnose sick well --format junit > junit.xml; python3 -c '\nimport "
      "xml.etree.ElementTree as x\nr = x.parse(\"junit.xml\").getroot()\nprint(r.tag, "
      "[s.get(\"name\") for s in r], sum(1 for _ in r.iter(\"failure\")) > 0)'");
  CHECK(junit.out == "testsuites ['sick', 'well'] True\n");
  const auto sarif = nlohmann::json::parse(place.shell("$R diagnose sick --format sarif").out);
  CHECK(sarif["version"] == "2.1.0");
  CHECK(sarif["runs"][0]["results"][0]["ruleId"] == "dead-on-arrival");
  CHECK(place.shell("$R diagnose sick --format yaml").exit_code == 2);
  CHECK(place.shell("$R diagnose sick --json --format text").exit_code == 2);
}

TEST_CASE("a run writes its page where it is told to, and nothing over what it reads or writes") {
  const Workplace place;
  const auto run = place.shell("$R run $S/configs/moons.json -o run --report page.html");
  CHECK(run.exit_code == 0);
  CHECK(contains(run.err, "the report is in page.html"));
  CHECK(read_file(place.path() / "page.html").starts_with("<!doctype html>"));
  CHECK(place.shell("$R run $S/configs/moons.json -o other --report other/summary.json").exit_code == 2);
  CHECK(place.shell("$R run $S/configs/moons.json -o other --report -").exit_code == 2);
  CHECK(place.shell("cp $S/configs/moons.json c.json; $R run c.json -o other --report c.json").exit_code == 2);
  CHECK_FALSE(std::filesystem::exists(place.path() / "other"));
}

TEST_CASE("-q silences stderr alone: what stdout has is the same, and a table that would go to stderr is not printed") {
  const Workplace place;
  CHECK(place
            .shell("$R run $S/configs/moons.json -o one > a; $R run $S/configs/moons.json -o two -q > b 2> quiet; "
                   "cmp a b && ! [ -s quiet ]")
            .exit_code == 0);
  const auto json = place.shell("$R run $S/configs/moons.json -o three -q --json");
  CHECK(json.err.empty());
  CHECK(nlohmann::json::parse(json.out)["status"] == "done");
  const auto stream = place.shell("$R run $S/configs/moons.json -o four --trace layers=/dev/stdout > a; head -c 5 a");
  CHECK(stream.out == "step,");
  CHECK(contains(stream.err, "dead %"));
}

TEST_CASE("validate looks at the data as run does, unless it is told not to") {
  const Workplace place;
  write_file(place.path() / "t.csv", "a,b,y\n1,2,0\n3,4,1\n5,6,2\n1,1,0\n2,3,1\n9,9,2\n1,5,0\n4,3,1\n7,1,2\n8,8,0\n");
  const auto config = [&](const std::string& data, int units) {
    write_file(place.path() / "c.json", R"({"data": {"kind": "csv", )" + data +
                                            R"(}, "network": {"layers": [{"units": )" + std::to_string(units) +
                                            "}]}, \"loss\": \"cross_entropy\"}");
  };
  config(R"("file": "t.csv", "label_column": "y")", 3);
  const auto good = place.shell("$R validate c.json");
  CHECK(good.exit_code == 0);
  CHECK(contains(good.out, "8 training and 2 test samples of 2 features"));
  const struct {
    const char* data;
    int units;
    const char* message;
  } bad[] = {{R"("file": "none.csv")", 3, "none.csv"},
             {R"("file": "t.csv", "label_column": "z")", 3, "label_column"},
             {R"("file": "t.csv", "label_column": "y")", 2, "/network/layers/0"}};
  for (const auto& one : bad) {
    CAPTURE(one.data);
    config(one.data, one.units);
    const auto told = place.shell("$R validate c.json");
    CHECK(told.exit_code == 2);
    CHECK(contains(told.err, one.message));
    CHECK(place.shell("$R run c.json -o run").err == told.err);
    const auto unseen = place.shell("$R validate c.json --config-only");
    CHECK(unseen.exit_code == 0);
    CHECK(contains(unseen.out, "the data not looked at"));
  }
}
