#include "trials/sweep_file.hpp"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <set>

#include "config/config_error.hpp"
#include "config/json_text.hpp"
#include "config/layout.hpp"
#include "util/hash.hpp"
#include "util/nearest.hpp"

namespace reluscope {

namespace {

using Json = nlohmann::json;

/// What an int64 holds; JSON has larger ones.
std::optional<std::int64_t> integer_of(const Json& given) {
  if (!given.is_number_integer() || (given.is_number_unsigned() && given.get<std::uint64_t>() > INT64_MAX))
    return std::nullopt;
  return given.get<std::int64_t>();
}

class Reader {
 public:
  Reader(const std::filesystem::path& file) : file_(file), origin_(file.string()) {}

  Sweep read() {
    Json document = parse_json_text(read_config_file(file_), origin_);
    if (!document.is_object()) complain("", describe(document), "an object: a sweep");
    stop_if_wrong();
    check_keys(document, "",
               {"$schema", "name", "config", "method", "parameters", "runs", "seeds", "seed", "run_cap", "metric",
                "target_loss"});
    Sweep sweep;
    read_name(document, sweep);
    read_config(document, sweep);
    sweep.method = read_method(document);
    const std::optional<std::int64_t> run_cap = read_integer(document, "run_cap", 1);
    if (sweep.method == SweepMethod::list) {
      check_list(document);
    } else {
      read_parameters(document, sweep);
    }
    stop_if_wrong();
    const ExperimentSpec base = sweep.source.parse({});
    read_seeds(document, base.seed, sweep.seeds);
    if (document.contains("target_loss")) {
      if (!document["target_loss"].is_number())
        complain("/target_loss", describe(document["target_loss"]), "a training loss, as 0.1");
      else
        sweep.target_loss = document["target_loss"].get<double>();
    }
    sweep.draw_seed = static_cast<std::uint64_t>(read_integer(document, "seed", 0).value_or(0));
    if (sweep.method == SweepMethod::random && !run_cap)
      complain("/run_cap", "nothing", "the number of runs, for method random");
    stop_if_wrong();
    sweep.id = id_of(document, base);
    if (sweep.method == SweepMethod::list) take_list(document, sweep);
    count(run_cap, sweep);
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
      issues_.add([&, &given = key] { return unknown_key(given, pointer, known); });
    }
  }

  static ConfigIssue unknown_key(const std::string& key, const std::string& pointer,
                                 const std::vector<std::string>& known) {
    const auto near = nearest_name(key, known);
    std::string list;
    for (const std::string& name : known) list += (list.empty() ? "" : ", ") + name;
    return {pointer_to(pointer, key), "an unknown key", "one of " + list, near ? "did you mean '" + *near + "'?" : ""};
  }

  void read_name(const Json& document, Sweep& sweep) {
    sweep.name = file_.stem().string();
    if (!is_name(sweep.name)) sweep.name = "sweep";
    if (!document.contains("name")) return;
    if (document["name"].is_string() && is_name(document["name"].get<std::string>())) {
      sweep.name = document["name"];
    } else {
      complain("/name", describe(document["name"]), "a name: letters, digits, '-', '_' and '.'");
    }
  }

  void read_config(const Json& document, Sweep& sweep) {
    const std::filesystem::path base = file_.has_parent_path() ? file_.parent_path() : std::filesystem::path(".");
    if (!document.contains("config")) return complain("/config", "nothing", "the experiment, or the name of its file");
    const Json& config = document["config"];
    if (config.is_string() && config.get_ref<const std::string&>().find('\0') == std::string::npos) {
      sweep.source = read_config_source(base / config.get<std::string>());
    } else if (config.is_object()) {
      sweep.source = {config.dump(), origin_ + " /config", base, TextOf::program};
    } else {
      complain("/config", describe(config), "the experiment, or the name of its file");
    }
  }

  SweepMethod read_method(const Json& document) {
    const std::vector<std::string> methods = {"grid", "random", "list"};
    const Json given =
        document.contains("method") ? document["method"] : Json(document.contains("runs") ? "list" : "grid");
    const auto found = std::find(methods.begin(), methods.end(), given);
    if (found != methods.end()) return static_cast<SweepMethod>(found - methods.begin());
    complain("/method", describe(given), "grid, random or list");
    return SweepMethod::grid;
  }

  std::optional<std::int64_t> read_integer(const Json& document, const std::string& key, std::int64_t least) {
    if (!document.contains(key)) return std::nullopt;
    const std::optional<std::int64_t> given = integer_of(document[key]);
    if (given && *given >= least) return given;
    complain("/" + key, describe(document[key]),
             "an integer from " + std::to_string(least) + " to " + std::to_string(INT64_MAX));
    return std::nullopt;
  }

  void read_seeds(const Json& document, std::uint64_t first, Seeds& seeds) {
    const Json given = document.contains("seeds") ? document["seeds"] : Json(1);
    const auto is_seed = [](const Json& one) { return integer_of(one).value_or(-1) >= 0; };
    if (given.is_array() && !given.empty() && std::all_of(given.begin(), given.end(), is_seed)) {
      seeds.list = given.get<std::vector<std::uint64_t>>();
      seeds.count = std::ssize(seeds.list);
    } else if (is_seed(given) && given > 0 && given <= kMostRuns &&
               first + given.get<std::uint64_t>() - 1 <= INT64_MAX) {
      seeds.first = first;
      seeds.count = given;
    } else {
      complain("/seeds", describe(given), "how many seeds, or a list of them, all from 0 to 2^63 - 1");
    }
  }

  /// Seeds have a place of their own, and it would win.
  void check_key(const std::string& key, const std::string& parent) {
    if (key == "seed") complain(pointer_to(parent, key), "a setting", "\"seeds\" at the top of the sweep");
  }

  void check_list(const Json& document) {
    if (!document.contains("runs") || !document["runs"].is_array() || document["runs"].empty())
      return complain("/runs", "nothing", "an array of {KEY: value}, for method list");
    std::set<std::string> keys;
    for (std::size_t at = 0; at < document["runs"].size(); ++at) {
      const Json& run = document["runs"][at];
      const std::string pointer = "/runs/" + std::to_string(at);
      if (!run.is_object()) {
        complain(pointer, describe(run), "an object {KEY: value}");
        continue;
      }
      for (const auto& [key, value] : run.items()) {
        check_key(key, pointer);
        keys.insert(key);
      }
    }
    // Every run has a cell for every key.
    if (keys.size() * document["runs"].size() > static_cast<std::size_t>(kMostRuns))
      complain("/runs", "too many different keys for so many runs",
               "at most " + std::to_string(kMostRuns) + " runs × keys");
  }

  static void take_list(Json& document, Sweep& sweep) {
    std::set<std::string> known;
    for (Json& run : document["runs"]) {
      for (const auto& [key, value] : run.items())
        if (known.insert(key).second) sweep.keys.push_back(key);
      sweep.listed.push_back(std::move(run));
    }
  }

  void read_parameters(const Json& document, Sweep& sweep) {
    if (!document.contains("parameters")) return;  // seeds alone
    if (!document["parameters"].is_object())
      return complain("/parameters", describe(document["parameters"]), "an object {KEY: {\"values\": […]}}");
    for (const auto& [key, given] : document["parameters"].items()) {
      const std::string pointer = pointer_to("/parameters", key);
      check_key(key, "/parameters");
      SweepParameter& parameter = sweep.parameters.emplace_back();
      parameter.key = key;
      sweep.keys.push_back(key);
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
        read_distribution(given, pointer, sweep.method, parameter);
      } else {
        complain(pointer, describe(given), "{\"values\": […]}, {\"value\": …} or {\"distribution\": …}");
      }
    }
  }

  void read_distribution(const Json& given, const std::string& pointer, SweepMethod method, SweepParameter& parameter) {
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
    if (method == SweepMethod::grid)
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

  void read_bound(const Json& given, const std::string& pointer, const Param& param, SweepParameter& parameter) {
    if (!given.contains(param.name)) {
      if (param.required) complain(pointer_to(pointer, param.name), "nothing", "a number: " + param.doc);
      return;
    }
    const Json& value = given[param.name];
    const bool right_kind = param.kind == ParamKind::integer ? integer_of(value).has_value() : value.is_number();
    const double size = value.is_number() ? value.get<double>() : 0.0;
    if (!right_kind || size < param.min || (param.min_exclusive && size == param.min)) {
      complain(pointer_to(pointer, param.name), describe(value),
               (param.kind == ParamKind::integer
                    ? "an integer from " + std::to_string(INT64_MIN) + " to " + std::to_string(INT64_MAX)
                    : "a number") +
                   (param.min_exclusive ? std::string(" above ") + describe(Json(param.min)) : std::string()));
      return;
    }
    if (param.kind == ParamKind::integer) {
      parameter.params.set(param.name, value.get<std::int64_t>());
    } else {
      parameter.params.set(param.name, size);
    }
  }

  /// What the runs follow from: the config with all its defaults, and how it is varied; not the words it is said in.
  static std::string id_of(const Json& document, const ExperimentSpec& base) {
    Json definition;
    for (const char* key : {"method", "parameters", "runs", "seeds", "seed", "run_cap", "target_loss"})
      if (document.contains(key)) definition[key] = document[key];
    return content_hash(base.resolved_json + '\n' + definition.dump());
  }

  /// By multiplication: what is too much must not be made first.
  void count(std::optional<std::int64_t> run_cap, Sweep& sweep) {
    if (sweep.method == SweepMethod::list) {
      sweep.settings = std::ssize(sweep.listed);
    } else if (sweep.method == SweepMethod::random) {
      sweep.settings = (*run_cap - 1) / sweep.seeds.count + 1;
    } else {
      sweep.settings = 1;
      for (const SweepParameter& parameter : sweep.parameters)
        sweep.settings = saturated_product(sweep.settings, std::ssize(parameter.values));
    }
    sweep.runs = saturated_product(sweep.settings, sweep.seeds.count);
    if (run_cap) sweep.runs = std::min(sweep.runs, *run_cap);
    if (sweep.runs <= kMostRuns) return;
    const bool more = sweep.runs == std::numeric_limits<std::int64_t>::max();
    complain("", std::to_string(sweep.runs) + (more ? " runs or more" : " runs"),
             "at most " + std::to_string(kMostRuns) + " runs", "\"run_cap\" bounds their number");
  }

  std::filesystem::path file_;
  std::string origin_;
  ConfigIssues issues_;
};

}  // namespace

Sweep read_sweep_file(const std::filesystem::path& file) { return Reader(file).read(); }

}  // namespace reluscope
