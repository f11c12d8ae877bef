#include "optim/schedule.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <string>

#include "support/specs.hpp"

using namespace reluscope;
using namespace reluscope::test;

namespace {

Schedule schedule(const std::string& name, const Settings& settings = {}, std::int64_t warmup = 0, double start = 0.0) {
  return {choose(schedule_table(), name, settings), warmup, start};
}

}  // namespace

TEST_CASE("every schedule follows its formula, for every one of its parameters and for all at once") {
  using Formula = std::function<double(const ParamValues&, const ScheduleClock&)>;
  const auto elapsed = [](const ParamValues& p, const ScheduleClock& clock) {
    return p.text("per") == "step" ? clock.step : clock.step / clock.steps_per_epoch;
  };
  const std::map<std::string, Formula> formulas = {
      {"constant", [](const ParamValues&, const ScheduleClock&) { return 1.0; }},
      {"step",
       [&](const ParamValues& p, const ScheduleClock& clock) {
         const std::int64_t cuts = elapsed(p, clock) / p.integer("step_size");
         return std::pow(p.number("gamma"), static_cast<double>(cuts));
       }},
      {"exponential",
       [&](const ParamValues& p, const ScheduleClock& clock) {
         return std::pow(p.number("gamma"), static_cast<double>(elapsed(p, clock)));
       }},
      {"cosine",
       [](const ParamValues& p, const ScheduleClock& clock) {
         const std::int64_t period = p.is_null("t_max") ? clock.total_steps : p.integer("t_max");
         const double done = std::min(1.0, static_cast<double>(clock.step) / static_cast<double>(period));
         const double low = p.number("eta_min_factor");
         return low + (1.0 - low) * 0.5 * (1.0 + std::cos(std::acos(-1.0) * done));
       }},
  };
  for (const ScheduleEntry& entry : schedule_table()) {
    REQUIRE_MESSAGE(formulas.count(entry.name) == 1, "no formula here for the schedule " << entry.name);
    std::vector<Choice> choices = variants_of(entry);
    choices.push_back(all_changed(entry));
    for (const Choice& choice : choices)
      for (const std::int64_t step : {0, 1, 9, 10, 29, 30, 31, 99, 109, 110, 155, 199, 200}) {
        CAPTURE(entry.name);
        CAPTURE(step);
        const ScheduleClock clock{step, 200, 10};
        CHECK(Schedule(choice, 0, 0.0).factor(clock) ==
              doctest::Approx(formulas.at(entry.name)(choice.params, clock)).epsilon(1e-11).scale(1e-3));
        // After a warm-up the same begins later, and has so much less time.
        const ScheduleClock later{step + 40, 240, 10};
        CHECK(Schedule(choice, 40, 0.25).factor(later) == Schedule(choice, 0, 0.0).factor(clock));
        CHECK(Schedule(choice, 40, 0.25).factor({10, 240, 10}) == 0.4375);  // a quarter of the way from 0.25 to 1
      }
  }
}

TEST_CASE("constant stays at 1") { CHECK(schedule("constant").factor({99, 100, 10}) == 1.0); }

TEST_CASE("step cuts by gamma every step_size epochs or steps") {
  const Schedule epochs = schedule("step", {{"step_size", std::int64_t{2}}, {"gamma", 0.5}});
  CHECK(epochs.factor({19, 100, 10}) == 1.0);
  CHECK(epochs.factor({20, 100, 10}) == 0.5);
  CHECK(epochs.factor({65, 100, 10}) == 0.125);
  const Schedule steps = schedule("step", {{"step_size", std::int64_t{3}}, {"per", std::string("step")}});
  CHECK(steps.factor({2, 100, 10}) == 1.0);
  CHECK(steps.factor({8, 100, 10}) == doctest::Approx(0.01).epsilon(1e-15));
}

TEST_CASE("exponential is a power of gamma") {
  const Schedule steps = schedule("exponential", {{"gamma", 0.99}, {"per", std::string("step")}});
  for (const std::int64_t step : {0, 1, 7, 100, 12345})
    CHECK(steps.factor({step, 100, 10}) == doctest::Approx(std::pow(0.99, static_cast<double>(step))).epsilon(1e-11));
}

TEST_CASE("cosine follows half a cosine to the end of the run, or over t_max, and stays there") {
  const double kPi = std::acos(-1.0);
  const Schedule whole = schedule("cosine", {{"eta_min_factor", 0.1}});
  for (std::int64_t step = 0; step <= 100; ++step)
    CHECK(whole.factor({step, 100, 10}) ==
          doctest::Approx(0.1 + 0.45 * (1.0 + std::cos(kPi * static_cast<double>(step) / 100.0))).epsilon(1e-14));
  const Schedule half = schedule("cosine", {{"t_max", std::int64_t{50}}});
  CHECK(half.factor({25, 100, 10}) == doctest::Approx(0.5).epsilon(1e-14));
  CHECK(std::abs(half.factor({80, 100, 10})) < 1e-15);
}

TEST_CASE("a warm-up rises in a line, then the schedule starts from its beginning") {
  const Schedule warm = schedule("cosine", {}, 20, 0.2);
  CHECK(warm.factor({0, 120, 10}) == doctest::Approx(0.2));
  CHECK(warm.factor({10, 120, 10}) == doctest::Approx(0.6));
  CHECK(warm.factor({20, 120, 10}) == 1.0);
  CHECK(warm.factor({70, 120, 10}) == doctest::Approx(0.5).epsilon(1e-14));
}
