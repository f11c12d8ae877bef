#include <doctest/doctest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "support/command.hpp"

using namespace reluscope::test;

TEST_CASE("a sick run: findings after it, in summary.json, and from its directory; exit code 3 where it is asked for") {
  const Workplace place;
  const auto run = place.shell("$R run $S/configs/born-dead.json --out sick");
  CHECK(run.exit_code == 0);
  CHECK(says(run.out, "critical: dead-on-arrival: Layer 'dense3' is wholly dead from birth"));
  const auto summary = nlohmann::json::parse(read_file(place.path() / "sick/summary.json"));
  REQUIRE_FALSE(summary["findings"].empty());
  CHECK(summary["findings"][0]["rule"] == "dead-on-arrival");
  CHECK(summary["findings"][0]["layer"] == 3);

  const auto told = place.shell("$R diagnose sick");
  CHECK(told.exit_code == 0);
  CHECK(contains(told.out, "collapsed-network"));
  CHECK(says(told.out, "Next: "));
  CHECK(place.shell("$R diagnose sick --fail-on critical").exit_code == 3);
  CHECK(place.shell("$R run $S/configs/born-dead.json --out sick --force --quiet --fail-on critical").exit_code == 3);

  const auto json = place.shell("$R diagnose sick --json");
  const auto document = nlohmann::json::parse(json.out);
  CHECK(document["worst"] == "critical");
  CHECK(document["findings"] == summary["findings"]);
  CHECK(document["skipped"].empty());
}

TEST_CASE("watch follows a run from its files; on a terminal strips are drawn, in a pipe nothing but lines") {
  const Workplace place;
  REQUIRE(place.shell("$R run $S/configs/moons.json --out run -q").exit_code == 0);
  const auto done = place.shell("$R watch run --every 0.1");
  CHECK(done.exit_code == 0);
  CHECK(done.out.rfind("done, step 499 of 500, loss ", 0) == 0);
  CHECK(std::count(done.out.begin(), done.out.end(), '\n') == 1);
  // One that is running: lines until it is done. It cannot go on from its first rows before its pipe is read, and that
  // is when it was seen running.
  const auto live = place.shell(
      "mkfifo gate; $R run $S/configs/moons.json record.every=1 --out live --trace layers=gate -q & run=$!; exec "
      "3<gate; "
      "until [ -s live/steps.csv ] || ! kill -0 $run; do sleep 0.05; done; "
      "$R watch live --every 0.05 > seen & watch=$!; "
      "until grep -q running seen || ! kill -0 $watch; do sleep 0.05; done; "
      "cat <&3 > rows; wait $run; wait $watch; echo $?; cat seen");
  CHECK(contains(live.out, "\n0\nrunning, step "));  // after the table of the run
  CHECK(contains(live.out, "\ndone, step 499"));
  CHECK(place.shell("$R watch nowhere").exit_code == 2);
  const auto terminal = place.shell(
      "script -qec \"LC_ALL=C TERM=xterm NO_COLOR=1 $R run $S/configs/moons.json --out run --force\" /dev/null");
  CHECK(contains(terminal.out, "dead units over time"));
  CHECK(contains(terminal.out, "gradient norms, log scale"));
  CHECK_FALSE(contains(terminal.out, "\x1b[31m"));
  const auto piped = place.shell("$R run $S/configs/moons.json --out run --force");
  CHECK_FALSE(contains(piped.out, "dead units over time"));
  CHECK(piped.out.find('\x1b') == std::string::npos);
}

TEST_CASE("a healthy run has nothing to say, and does not fail") {
  const Workplace place;
  const auto run = place.shell("$R run $S/configs/moons.json --out well --fail-on warning");
  CHECK(run.exit_code == 0);
  CHECK_FALSE(contains(run.out, "warning:"));
  const auto told = place.shell("$R diagnose well --fail-on warning");
  CHECK(told.exit_code == 0);
}

TEST_CASE("a trace that another program wrote: what can be said of it, and what cannot") {
  const Workplace place;
  write_file(place.path() / "layers.csv",
             "step,layer,name,delta_rms\n0,1,fc1,1e-9\n0,2,fc2,0.5\n1,1,fc1,1e-9\n1,2,fc2,0.5\n");
  const auto told = place.shell("$R diagnose layers.csv");
  CHECK(told.exit_code == 0);
  CHECK(contains(told.out, "vanishing-gradient"));
  CHECK(contains(told.err, "dying-units (no census.dead)"));
  const auto other = place.shell("$R diagnose layers.csv vanishing-gradient.ratio=1e-12");
  CHECK_FALSE(contains(other.out, "vanishing-gradient"));
}

TEST_CASE("bad usage: what is there instead") {
  const Workplace place;
  write_file(place.path() / "layers.csv", "step,layer,name,delta_rms\n0,1,fc1,half\n");
  const auto bad = place.shell("$R diagnose layers.csv");
  CHECK(bad.exit_code == 2);
  CHECK(contains(bad.err, "layers.csv:2: column 'delta_rms': found 'half'"));
  CHECK(place.shell("$R diagnose nowhere").exit_code == 2);
  write_file(place.path() / "layers.csv", "step,layer,name,delta_rms\n0,1,fc1,1\n");
  const auto rule = place.shell("$R diagnose layers.csv dying-unit.fraction=0.5");
  CHECK(rule.exit_code == 2);
  CHECK(contains(rule.err, "did you mean 'dying-units'"));
  const auto key = place.shell("$R diagnose layers.csv dying-units.fractoin=0.5");
  CHECK(key.exit_code == 2);
  CHECK(contains(key.err, "did you mean 'fraction'"));
  CHECK(place.shell("$R diagnose layers.csv dying-units.fraction=lots").exit_code == 2);
}

TEST_CASE("explain: rules with their thresholds and remedies, remedies with their rules, columns of every table") {
  const Workplace place;
  const auto rule = place.shell("$R explain dead-on-arrival");
  CHECK(rule.exit_code == 0);
  CHECK(says(rule.out, "rule dead-on-arrival: units, or a whole layer, dead before the first update"));
  CHECK(says(rule.out, "  fraction = 0.5: "));
  CHECK(says(rule.out, "reads census.born_dead"));
  CHECK(says(rule.out, "may help: positive_bias: hidden biases start from 0.1"));
  const auto remedy = place.shell("$R explain linear_output");
  CHECK(says(remedy.out, "remedy linear_output: an output layer without an activation"));
  CHECK(says(remedy.out, "against dead-output, targets-out-of-range, saturated-output, double-softmax, "));
  CHECK(says(place.shell("$R explain delta_rms").out, "column theory.delta_rms: predicted RMS"));
  CHECK(place.shell("$R explain layers.delta_rms").out ==
        "column layers.delta_rms: RMS of ∂L/∂z of each sample's own loss\n");
  CHECK(says(place.shell("$R explain features.rising").out, "as a row number's"));
  CHECK(says(place.shell("$R explain compare.bias_shift").out, "median over the hidden units of the mean activation"));
  CHECK(says(place.shell("$R explain evaluation.test_loss").out, "the same over the test set"));
  const auto wrong = place.shell("$R explain dead-on-arival");
  CHECK(wrong.exit_code == 2);
  CHECK(says(wrong.err, "did you mean 'dead-on-arrival'?"));
}

TEST_CASE("rules can be ignored, and the reason for exit code 3 is said") {
  const Workplace place;
  REQUIRE(place.shell("$R run $S/configs/born-dead.json --out sick -q").exit_code == 0);
  const auto failed = place.shell("$R diagnose sick --fail-on critical");
  CHECK(failed.exit_code == 3);
  CHECK(contains(failed.err, "at or above critical: exit code 3"));
  CHECK(place.shell("$R diagnose sick --fail-on critical -q").err.empty());
  const auto ignored =
      place.shell("$R diagnose sick --fail-on critical --ignore dead-on-arrival --ignore collapsed-network");
  CHECK(ignored.exit_code == 0);
  CHECK_FALSE(contains(ignored.out, "collapsed-network"));
  CHECK(contains(place.shell("$R diagnose sick --ignore dead-on-arival").err, "did you mean 'dead-on-arrival'?"));
}
