// `reluscope theory`, as a user runs it.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "support/command.hpp"

using namespace reluscope::test;

TEST_CASE("theory writes one CSV row a layer on stdout and remarks on stderr, like a run's theory.csv") {
  const Workplace place;
  const auto theory = place.shell("$R theory $S/configs/digits-tanh.json");
  CHECK(theory.exit_code == 0);
  CHECK(theory.out.starts_with("layer,name,activation,units,fan_in,weight_variance,q,delta_rms,chi1,regime,"));
  CHECK(std::count(theory.out.begin(), theory.out.end(), '\n') == 4);
  CHECK(theory.err.find("sum of 1/units") != std::string::npos);
  CHECK(place.shell("$R theory -q $S/configs/digits-tanh.json").err.empty());
  CHECK(place.shell("$R run $S/configs/digits-tanh.json train.steps=1 -q --out run").exit_code == 0);
  CHECK(read_file(place.path() / "run/theory.csv") == theory.out);
}

TEST_CASE("theory --sample measures, the same for any number of threads, and --json says all") {
  const Workplace place;
  const auto one = place.shell("$R theory $S/configs/born-dead.json --sample 500 --json --threads 1");
  const auto two = place.shell("$R theory $S/configs/born-dead.json --sample 500 --json --threads 2");
  CHECK(one.exit_code == 0);
  CHECK(one.out == two.out);
  const auto document = nlohmann::json::parse(one.out);
  CHECK(document["layers"].size() == 11);
  CHECK(document["samples"] == 500);
  CHECK(document["layers"][9]["regime"].is_null());
  CHECK(document["gradient_moment_ratio"].get<double>() == doctest::Approx(std::pow(1.0 + 5.0 / 2, 10)));
  CHECK(document["layers"][0]["regime"] == "critical");
  const auto& born_dead = document["born_dead"];
  CHECK(born_dead["lower_bound"].get<double>() == doctest::Approx(0.8902).epsilon(1e-3));
  CHECK(born_dead["upper_bound"].get<double>() == doctest::Approx(0.9437).epsilon(1e-3));
  CHECK(born_dead["low"].get<double>() < born_dead["sampled"].get<double>());
  CHECK(born_dead["sampled"].get<double>() > 0.85);
}

TEST_CASE("theory refuses what run refuses") {
  const Workplace place;
  const auto wrong = place.shell("$R theory $S/configs/moons.json train.lr=1");
  CHECK(wrong.exit_code == 2);
  CHECK(wrong.err.find("/train/lr") != std::string::npos);
  CHECK(wrong.out.empty());
  CHECK(place.shell("$R theory $S/configs/moons.json --sample 0").exit_code == 2);
  CHECK(place.shell("$R theory nothing.json").exit_code != 0);
}
