#include "trials/distributions.hpp"

#include <cmath>
#include <vector>

namespace reluscope {

namespace {

using Json = nlohmann::json;

double rounded_to(double value, double step) { return step > 0.0 ? std::round(value / step) * step : value; }

Json draw_uniform(const ParamValues& params, Rng& random) {
  return random.uniform(params.number("min"), params.number("max"));
}
Json draw_q_uniform(const ParamValues& params, Rng& random) {
  return rounded_to(random.uniform(params.number("min"), params.number("max")), params.number("q"));
}
Json draw_int_uniform(const ParamValues& params, Rng& random) {
  const std::int64_t low = params.integer("min");
  const auto count = static_cast<std::uint64_t>(params.integer("max") - low) + 1;
  return low + static_cast<std::int64_t>(random.below(count));
}
Json draw_log_uniform(const ParamValues& params, Rng& random) {
  return std::exp(random.uniform(params.number("min"), params.number("max")));
}
double log_uniform_value(const ParamValues& params, Rng& random) {
  return std::exp(random.uniform(std::log(params.number("min")), std::log(params.number("max"))));
}
Json draw_log_uniform_values(const ParamValues& params, Rng& random) { return log_uniform_value(params, random); }
Json draw_q_log_uniform_values(const ParamValues& params, Rng& random) {
  return rounded_to(log_uniform_value(params, random), params.number("q"));
}
Json draw_normal(const ParamValues& params, Rng& random) {
  return params.number("mu") + params.number("sigma") * random.normal();
}
Json draw_q_normal(const ParamValues& params, Rng& random) {
  return rounded_to(params.number("mu") + params.number("sigma") * random.normal(), params.number("q"));
}
Json draw_log_normal(const ParamValues& params, Rng& random) {
  return std::exp(params.number("mu") + params.number("sigma") * random.normal());
}

std::vector<DistributionEntry> make_distributions() {
  const auto bound = [](const char* name) { return required(name, ParamKind::number, "bound"); };
  const Param q = number("q", 1.0, "values are rounded to multiples of it").above(0);
  const Param mu = number("mu", 0.0, "mean");
  const Param sigma = number("sigma", 1.0, "standard deviation").at_least(0);
  const auto entry = [](const char* name, std::vector<Param> params, const char* doc,
                        Json (*draw)(const ParamValues&, Rng&)) {
    DistributionEntry made;
    made.name = name;
    made.params = std::move(params);
    made.doc = doc;
    made.draw = draw;
    return made;
  };
  return {
      entry("uniform", {bound("min"), bound("max")}, "between min and max", draw_uniform),
      entry("q_uniform", {bound("min"), bound("max"), q}, "the same, rounded", draw_q_uniform),
      entry("int_uniform", {required("min", ParamKind::integer, "least"), required("max", ParamKind::integer, "most")},
            "an integer from min to max", draw_int_uniform),
      entry("log_uniform", {bound("min"), bound("max")}, "exp of what is uniform between min and max",
            draw_log_uniform),
      entry("log_uniform_values", {bound("min").above(0), bound("max").above(0)},
            "between min and max, its logarithm uniform", draw_log_uniform_values),
      entry("q_log_uniform_values", {bound("min").above(0), bound("max").above(0), q}, "the same, rounded",
            draw_q_log_uniform_values),
      entry("normal", {mu, sigma}, "normal", draw_normal),
      entry("q_normal", {mu, sigma, q}, "the same, rounded", draw_q_normal),
      entry("log_normal", {mu, sigma}, "exp of what is normal", draw_log_normal),
  };
}

}  // namespace

std::span<const DistributionEntry> distribution_table() {
  static const std::vector<DistributionEntry> table = make_distributions();
  return table;
}

}  // namespace reluscope
