#include "trials/sweep_file.hpp"

#include <algorithm>
#include <cmath>
#include <set>

#include "config/config_error.hpp"
#include "config/json_text.hpp"
#include "config/layout.hpp"
#include "util/nearest.hpp"

namespace reluscope {

namespace {

using Json = nlohmann::json;

/// More would be a slip of the pen: a list of them could not be kept.
constexpr std::size_t kMostRuns = 10'000'000;

// ---- distributions

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

// ---- the file

/// A parameter: a list of values, or a distribution.
struct Parameter {
  std::string key;
  std::vector<Json> values;
  const DistributionEntry* distribution = nullptr;
  ParamValues params;
};

/// What an int64 holds; JSON has larger ones.
std::optional<std::int64_t> integer_of(const Json& given) {
  if (!given.is_number_integer() || (given.is_number_unsigned() && given.get<std::uint64_t>() > INT64_MAX))
    return std::nullopt;
  return given.get<std::int64_t>();
}

class Reader {
 public:
  Reader(const std::filesystem::path& file) : file_(file), origin_(file.string()) {}

  SweepFile read() {
    const Json document = parse_json_text(read_config_file(file_), origin_);
    if (!document.is_object()) complain("", describe(document), "an object: a sweep");
    stop_if_wrong();
    check_keys(document, "",
               {"$schema", "name", "config", "method", "parameters", "runs", "seeds", "seed", "run_cap", "metric"});
    SweepFile sweep;
    read_name(document, sweep);
    read_config(document, sweep);
    const std::string method = read_method(document);
    sweep.run_cap = read_integer(document, "run_cap", 1);
    if (method == "list") {
      read_list(document, sweep);
    } else {
      read_parameters(document, method);
    }
    stop_if_wrong();
    const ExperimentSpec base = sweep.source.parse({});
    read_seeds(document, base.seed, sweep);
    if (method == "random" && !sweep.run_cap) complain("/run_cap", "nothing", "the number of runs, for method random");
    stop_if_wrong();
    if (method == "grid") multiply_out(sweep);
    if (method == "random") draw(sweep, static_cast<std::uint64_t>(read_integer(document, "seed", 0).value_or(0)));
    if (sweep.settings.size() * sweep.seeds.size() > kMostRuns)
      complain("", std::to_string(sweep.settings.size() * sweep.seeds.size()) + " runs",
               "at most " + std::to_string(kMostRuns));
    stop_if_wrong();
    return sweep;
  }

 private:
  void complain(const std::string& pointer, std::string found, std::string expected, std::string hint = "") {
    issues_.push_back({pointer, std::move(found), std::move(expected), std::move(hint)});
  }
  void stop_if_wrong() {
    if (!issues_.empty()) throw ConfigError(origin_, std::move(issues_));
  }

  void check_keys(const Json& object, const std::string& pointer, const std::vector<std::string>& known) {
    for (const auto& [key, value] : object.items()) {
      if (std::find(known.begin(), known.end(), key) != known.end()) continue;
      const auto near = nearest_name(key, known);
      std::string list;
      for (const std::string& name : known) list += (list.empty() ? "" : ", ") + name;
      complain(pointer_to(pointer, key), "an unknown key", "one of " + list,
               near ? "did you mean '" + *near + "'?" : "");
    }
  }

  void read_name(const Json& document, SweepFile& sweep) {
    sweep.name = file_.stem().string();
    if (!is_name(sweep.name)) sweep.name = "sweep";
    if (!document.contains("name")) return;
    if (document["name"].is_string() && is_name(document["name"].get<std::string>())) {
      sweep.name = document["name"];
    } else {
      complain("/name", describe(document["name"]), "a name: letters, digits, '-', '_' and '.'");
    }
  }

  void read_config(const Json& document, SweepFile& sweep) {
    const std::filesystem::path base = file_.has_parent_path() ? file_.parent_path() : std::filesystem::path(".");
    if (!document.contains("config")) return complain("/config", "nothing", "the experiment, or the name of its file");
    const Json& config = document["config"];
    if (config.is_string() && config.get_ref<const std::string&>().find('\0') == std::string::npos) {
      sweep.source = read_config_source(base / config.get<std::string>());
    } else if (config.is_object()) {
      sweep.source = {config.dump(), origin_ + " /config", base};
    } else {
      complain("/config", describe(config), "the experiment, or the name of its file");
    }
  }

  std::string read_method(const Json& document) {
    const std::vector<std::string> methods = {"grid", "random", "list"};
    const Json given =
        document.contains("method") ? document["method"] : Json(document.contains("runs") ? "list" : "grid");
    if (given.is_string() && std::find(methods.begin(), methods.end(), given.get<std::string>()) != methods.end())
      return given;
    complain("/method", describe(given), "grid, random or list");
    return "grid";
  }

  std::optional<std::int64_t> read_integer(const Json& document, const std::string& key, std::int64_t least) {
    if (!document.contains(key)) return std::nullopt;
    const std::optional<std::int64_t> given = integer_of(document[key]);
    if (given && *given >= least) return given;
    complain("/" + key, describe(document[key]), "an integer ≥ " + std::to_string(least));
    return std::nullopt;
  }

  void read_seeds(const Json& document, std::uint64_t first, SweepFile& sweep) {
    const Json given = document.contains("seeds") ? document["seeds"] : Json(1);
    const auto is_seed = [](const Json& one) { return integer_of(one).value_or(-1) >= 0; };
    if (given.is_array() && !given.empty() && std::all_of(given.begin(), given.end(), is_seed)) {
      sweep.seeds = given.get<std::vector<std::uint64_t>>();
    } else if (is_seed(given) && given > 0 && given.get<std::size_t>() <= kMostRuns &&
               first + given.get<std::uint64_t>() - 1 <= INT64_MAX) {
      for (std::uint64_t seed = 0; seed < given.get<std::uint64_t>(); ++seed) sweep.seeds.push_back(first + seed);
    } else {
      complain("/seeds", describe(given), "how many seeds, or a list of them, all from 0 to 2^63 - 1");
    }
  }

  /// Seeds have a place of their own, and it would win.
  void check_key(const std::string& key, const std::string& parent) {
    if (key == "seed") complain(pointer_to(parent, key), "a setting", "\"seeds\" at the top of the sweep");
  }

  void read_list(const Json& document, SweepFile& sweep) {
    if (!document.contains("runs") || !document["runs"].is_array() || document["runs"].empty())
      return complain("/runs", "nothing", "an array of {KEY: value}, for method list");
    for (std::size_t at = 0; at < document["runs"].size(); ++at) {
      const Json& run = document["runs"][at];
      if (!run.is_object()) {
        complain("/runs/" + std::to_string(at), describe(run), "an object {KEY: value}");
        continue;
      }
      std::vector<std::optional<Json>> setting(sweep.keys.size());
      for (const auto& [key, value] : run.items()) {
        check_key(key, "/runs/" + std::to_string(at));
        auto place = std::find(sweep.keys.begin(), sweep.keys.end(), key);
        if (place == sweep.keys.end()) {
          place = sweep.keys.insert(sweep.keys.end(), key);
          for (auto& other : sweep.settings) other.emplace_back();
          setting.emplace_back();
        }
        setting[static_cast<std::size_t>(place - sweep.keys.begin())] = value;
      }
      sweep.settings.push_back(std::move(setting));
    }
  }

  void read_parameters(const Json& document, const std::string& method) {
    if (!document.contains("parameters")) return;  // seeds alone
    if (!document["parameters"].is_object())
      return complain("/parameters", describe(document["parameters"]), "an object {KEY: {\"values\": […]}}");
    for (const auto& [key, given] : document["parameters"].items()) {
      const std::string pointer = pointer_to("/parameters", key);
      check_key(key, "/parameters");
      Parameter& parameter = parameters_.emplace_back();
      parameter.key = key;
      if (given.is_object() && given.contains("values")) {
        check_keys(given, pointer, {"values", "distribution"});
        if (given["values"].is_array() && !given["values"].empty()) {
          parameter.values = given["values"].get<std::vector<Json>>();
        } else {
          complain(pointer + "/values", describe(given["values"]), "a list of values");
        }
      } else if (given.is_object() && given.contains("value")) {
        check_keys(given, pointer, {"value", "distribution"});
        parameter.values = {given["value"]};
      } else if (given.is_object()) {
        read_distribution(given, pointer, method, parameter);
      } else {
        complain(pointer, describe(given), "{\"values\": […]}, {\"value\": …} or {\"distribution\": …}");
      }
    }
  }

  void read_distribution(const Json& given, const std::string& pointer, const std::string& method,
                         Parameter& parameter) {
    std::vector<std::string> names;
    for (const DistributionEntry& entry : distribution_table()) names.push_back(entry.name);
    std::string list;
    for (const std::string& name : names) list += (list.empty() ? "" : ", ") + name;
    // As W&B: bounds alone mean uniform, of integers where both are.
    std::string name = "uniform";
    if (given.contains("min") && given["min"].is_number_integer() && given.contains("max") &&
        given["max"].is_number_integer())
      name = "int_uniform";
    if (given.contains("distribution")) {
      const Json& word = given["distribution"];
      name = word.is_string() ? word.get<std::string>() : "";
    }
    parameter.distribution = find_entry(distribution_table(), name);
    if (parameter.distribution == nullptr) {
      const auto near = nearest_name(name, names);
      return complain(pointer + "/distribution", describe(given["distribution"]), "one of " + list,
                      near ? "did you mean '" + *near + "'?" : "");
    }
    if (method == "grid")
      complain(pointer, "a distribution", "values, for method grid", "\"method\": \"random\" draws from distributions");
    std::vector<std::string> known = {"distribution"};
    for (const Param& param : parameter.distribution->params) known.push_back(param.name);
    check_keys(given, pointer, known);
    parameter.params = ParamValues(parameter.distribution->params);
    for (const Param& param : parameter.distribution->params) read_bound(given, pointer, param, parameter);
    const bool bounded =
        given.contains("min") && given.contains("max") && given["min"].is_number() && given["max"].is_number();
    if (bounded && given["min"] > given["max"]) complain(pointer + "/min", "min > max", "min ≤ max");
  }

  void read_bound(const Json& given, const std::string& pointer, const Param& param, Parameter& parameter) {
    if (!given.contains(param.name)) {
      if (param.required) complain(pointer_to(pointer, param.name), "nothing", "a number: " + param.doc);
      return;
    }
    const Json& value = given[param.name];
    const bool right_kind = param.kind == ParamKind::integer ? integer_of(value).has_value() : value.is_number();
    const double size = value.is_number() ? value.get<double>() : 0.0;
    if (!right_kind || size < param.min || (param.min_exclusive && size == param.min)) {
      complain(pointer_to(pointer, param.name), describe(value),
               (param.kind == ParamKind::integer ? "an integer" : "a number") +
                   (param.min_exclusive ? std::string(" above ") + describe(Json(param.min)) : std::string()));
      return;
    }
    if (param.kind == ParamKind::integer) {
      parameter.params.set(param.name, value.get<std::int64_t>());
    } else {
      parameter.params.set(param.name, size);
    }
  }

  void multiply_out(SweepFile& sweep) {
    sweep.settings.emplace_back();
    for (const Parameter& parameter : parameters_) {
      sweep.keys.push_back(parameter.key);
      if (sweep.settings.size() * parameter.values.size() > kMostRuns)
        return complain("/parameters", "too many combinations", "at most " + std::to_string(kMostRuns));
      std::vector<std::vector<std::optional<Json>>> more;
      for (const auto& setting : sweep.settings)
        for (const Json& value : parameter.values) {
          more.push_back(setting);
          more.back().emplace_back(value);
        }
      sweep.settings = std::move(more);
    }
  }

  /// Setting k is drawn from a stream of its own, so that a larger run_cap only adds to a sweep.
  void draw(SweepFile& sweep, std::uint64_t seed) {
    for (const Parameter& parameter : parameters_) sweep.keys.push_back(parameter.key);
    const auto seeds = static_cast<std::int64_t>(sweep.seeds.size());
    const std::int64_t settings = (*sweep.run_cap - 1) / seeds + 1;
    if (static_cast<std::size_t>(settings) > kMostRuns) return;  // refused by its number
    for (std::int64_t at = 0; at < settings; ++at) {
      Rng random(seed, Purpose::search, static_cast<std::uint64_t>(at));
      auto& setting = sweep.settings.emplace_back();
      for (const Parameter& parameter : parameters_) {
        const Json value = parameter.distribution != nullptr
                               ? parameter.distribution->draw(parameter.params, random)
                               : parameter.values[static_cast<std::size_t>(random.below(parameter.values.size()))];
        setting.emplace_back(value);
      }
    }
  }

  std::filesystem::path file_;
  std::string origin_;
  std::vector<ConfigIssue> issues_;
  std::vector<Parameter> parameters_;
};

}  // namespace

std::span<const DistributionEntry> distribution_table() {
  static const std::vector<DistributionEntry> table = make_distributions();
  return table;
}

SweepFile read_sweep_file(const std::filesystem::path& file) { return Reader(file).read(); }

}  // namespace reluscope
