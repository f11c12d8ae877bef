// What the command line says of configs and words that are not quite right.
#include <doctest/doctest.h>

#include "support/command.hpp"

using namespace reluscope::test;

namespace {

const std::string kOwnTable =
    R"({"data": {"kind": "csv", "file": "t.csv"},
 "network": {"layers": [{"units": 3, "activation": "relu"}, {"units": 2}]}, "train": {"epochs": 1}})";

void write_case(const Workplace& place) {
  write_file(place.path() / "c.json", kOwnTable);
  write_file(place.path() / "t.csv", "a,b,y\n1,2,0\n3,4,1\n5,1,0\n2,2,1\n");
}

}  // namespace

TEST_CASE("options that are keys of the config are named with the word that sets them") {
  const Workplace place;
  write_case(place);
  for (const auto& [given, meant] :
       std::vector<std::pair<std::string, std::string>>{{"--lr 0.1", "train.optimizer.lr=0.1"},
                                                        {"--epochs=5", "train.epochs=5"},
                                                        {"--batch-size 64", "train.batch_size=64"},
                                                        {"--data.file x.csv", "data.file=x.csv"},
                                                        {"--learning-rate 0.1", "train.optimizer.lr=0.1"},
                                                        {"--optimizer.lr=0.1", "train.optimizer.lr=0.1"},
                                                        {"--train.clip-norm -1", "train.clip_norm=-1"},
                                                        {"--epochs --quiet", "train.epochs=VALUE"},
                                                        {"--seed 3", "seed=3"}}) {
    CAPTURE(given);
    const auto refused = place.shell("$R run c.json " + given);
    CHECK(refused.exit_code == 2);
    CHECK(contains(refused.err, "\n  help: " + meant + "\n"));
  }
  for (const std::string none : {"--nonsense", "--no.such 3", "--train.nonsense=3"}) {
    CAPTURE(none);
    const auto other = place.shell("$R run c.json " + none);
    CHECK(other.exit_code == 2);
    CHECK(contains(other.err, "Try 'reluscope run --help'"));
    CHECK(!contains(other.err, "help: "));
  }
  // Of another fault of the command line they say nothing.
  CHECK(!contains(place.shell("$R compare c.json --lr 0.1").err, "help: "));
}

TEST_CASE("what only the data show is said with its place in the config, too") {
  const Workplace place;
  write_case(place);
  const auto units = place.shell("$R run c.json -q network.layers.-1.units=5");
  CHECK(units.exit_code == 2);
  CHECK(contains(units.err, "c.json: /network/layers/1/units: found 5, expected 2: one output per class"));
  CHECK(contains(units.err, "set by network.layers.-1.units=5"));
  write_file(place.path() / "t.csv", "a,b,y\n1,2,0\n3,4,1\n5,1,2\n2,2,1\n");
  const auto classes = place.shell("$R run c.json -q");
  CHECK(contains(classes.err, "c.json:2:71: /network/layers/1/units: found 2, expected 3"));
  CHECK(contains(classes.err, "\n  2 |  \"network\""));
  write_file(place.path() / "t.csv", "a,b,y\n1,2,7\n3,4,7\n5,1,7\n");
  const auto one = place.shell("$R run c.json -q");
  CHECK(one.exit_code == 2);
  CHECK(says(one.err, "found one class: every label is \"7\""));
  write_file(place.path() / "t.csv", "a,b,c\n1,0,1\n3,1,0\n5,0,1\n7,1,0\n");
  const auto hot = place.shell("$R run c.json -q data.label_column=b,c");
  CHECK(says(hot.err, "help: data.task=classification: the labels are one-hot"));
  CHECK(place.shell("$R run c.json -q data.label_column=b,c data.task=classification").exit_code == 0);
}

TEST_CASE("a file that is not there is named with the one that was meant, and ~ is the home directory") {
  const Workplace place;
  write_case(place);
  const auto missing = place.shell("$R run c.json -q data.file=s.csv");
  CHECK(missing.exit_code == 2);
  CHECK(says(missing.err, "s.csv: no such file; relative paths start at the config file's directory"));
  CHECK(contains(missing.err, "help: data.file=t.csv"));
  const auto run = place.shell("$R diagnose nosuch");
  CHECK(run.exit_code == 2);
  CHECK(!contains(run.err, "config file's directory"));
  CHECK(
      place.shell("mkdir elsewhere && cp c.json elsewhere && HOME=$PWD $R run elsewhere/c.json -q 'data.file=~/t.csv'")
          .exit_code == 0);
  CHECK(place.shell("HOME=$PWD $R run elsewhere/c.json -q --force 'data.directory=~'").exit_code == 0);
}

TEST_CASE("a config that stands within another file, or in a manifest, has no lines of its own to show") {
  const Workplace place;
  write_file(place.path() / "s.json",
             R"({"config": {"data": {"kind": "moons"}, "network": {"layers": [{"units": 0}]}}, "seeds": 2,
                 "parameters": {"train.epochs": {"values": [1]}}})");
  const auto sweep = place.shell("$R sweep s.json -o out");
  CHECK(sweep.exit_code == 2);
  CHECK(contains(sweep.err, "s.json /config: /network/layers/0/units: found 0"));
  CHECK(!contains(sweep.err, " | "));
}
