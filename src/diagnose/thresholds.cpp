#include "diagnose/thresholds.hpp"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "diagnose/rules.hpp"
#include "util/error.hpp"
#include "util/input.hpp"
#include "util/json_file.hpp"
#include "util/nearest.hpp"

namespace reluscope {

namespace {

template <class Range>
std::vector<std::string> names_of(const Range& range) {
  std::vector<std::string> names;
  names.reserve(std::size(range));
  for (const auto& one : range) names.push_back(one.name);
  return names;
}

[[noreturn]] void refuse_name(const std::string& word, const char* what, const std::string& given,
                              const std::vector<std::string>& known) {
  std::string message = word;
  message.append(": ").append(what).append("'").append(given).append("'");
  if (const auto near = nearest_name(given, known)) message.append("; did you mean '").append(*near).append("'?");
  throw UsageError(message);
}

}  // namespace

Thresholds parse_thresholds(std::span<const std::string> words, Thresholds base) {
  Thresholds thresholds = std::move(base);
  for (const std::string& word : words) {
    const std::size_t equals = word.find('=');
    const std::size_t dot = word.find('.');
    if (equals == std::string::npos || dot == std::string::npos || dot > equals)
      throw UsageError(word + ": expected RULE.THRESHOLD=NUMBER, for example dying-units.fraction=0.2");
    const std::string name = word.substr(0, dot);
    const std::string key = word.substr(dot + 1, equals - dot - 1);
    const RuleEntry* rule = find_entry(rule_table(), name);
    if (rule == nullptr) refuse_name(word, "there is no rule ", name, names_of(rule_table()));
    const auto param =
        std::find_if(rule->params.begin(), rule->params.end(), [&](const Param& one) { return one.name == key; });
    if (param == rule->params.end()) refuse_name(word, "the rule has no threshold ", key, names_of(rule->params));
    double value = 0.0;
    const char* begin = word.data() + equals + 1;
    const char* end = word.data() + word.size();
    const auto [stop, error] = std::from_chars(begin, end, value);
    if (error != std::errc() || stop != end || !is_in_range(*param, value))
      throw UsageError(word + ": found '" + std::string(begin, end) + "', expected a number" + range_text(*param));
    thresholds.try_emplace(name, rule->params).first->second.set(key, value);
  }
  return thresholds;
}

Thresholds read_thresholds(const std::filesystem::path& path) {
  Thresholds thresholds;
  const std::filesystem::path manifest = path / "manifest.json";
  if (!has_own_file(manifest)) return thresholds;
  using Json = nlohmann::ordered_json;
  const Json document = read_json_object(manifest);
  const Json::json_pointer all("/config/diagnose");
  const Json rules = document.contains(all) ? document[all] : Json::object();
  for (const RuleEntry& rule : rule_table())
    for (const Param& param : rule.params) {
      const Json::json_pointer place("/" + rule.name + "/" + param.name);
      if (!rules.contains(place) || !rules[place].is_number()) continue;
      thresholds.try_emplace(rule.name, rule.params).first->second.set(param.name, rules[place].get<double>());
    }
  return thresholds;
}

}  // namespace reluscope
