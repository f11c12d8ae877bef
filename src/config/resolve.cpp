#include "config/resolve.hpp"

#include <algorithm>
#include <cmath>

#include "config/json_text.hpp"
#include "config/synonyms.hpp"
#include "util/format.hpp"
#include "util/nearest.hpp"

namespace reluscope {

namespace {

using Raw = nlohmann::json;
using Resolved = nlohmann::ordered_json;

/// By another name, or by a slip of the finger.
std::optional<std::string> likely_name(const std::string& given, const std::vector<std::string>& names) {
  auto meant = meant_name(given, names);
  return meant ? meant : nearest_name(given, names);
}

std::string did_you_mean(const std::string& given, const std::vector<std::string>& names) {
  const auto near = likely_name(given, names);
  return near ? "did you mean \"" + *near + "\"?" : "";
}

/// Where else in the layout a key is known: for keys that stand in the wrong place. `is_same` compares names.
template <class Same>
void find_places(const LayoutNode& node, const Same& is_same, const std::string& here,
                 std::vector<std::string>& places) {
  const auto visit = [&](const std::vector<Field>& fields) {
    for (const Field& field : fields) {
      const std::string pointer = pointer_to(here, field.name);
      if (is_same(field.name) && std::find(places.begin(), places.end(), pointer) == places.end())
        places.push_back(pointer);
      find_places(field.node, is_same, pointer, places);
    }
  };
  visit(node.fields);
  for (const Option& option : node.options) visit(option.fields);
  for (const LayoutNode& item : node.items) find_places(item, is_same, here + "/0", places);
}

/// "kind" where it is "name", or the other way round: what people say for the key that chooses.
bool is_discriminator(const std::string& key) { return key == "kind" || key == "type" || key == "name"; }

std::vector<std::string> names_of(const LayoutNode& choice) {
  std::vector<std::string> names;
  for (const Option& option : choice.options) {
    names.push_back(option.name);
    names.insert(names.end(), option.aliases.begin(), option.aliases.end());
  }
  return names;
}

/// What a parameter takes within this range.
std::string in_words(const Param& param, const std::string& range) {
  std::string text;
  switch (param.kind) {
    case ParamKind::boolean:
      text = "true or false";
      break;
    case ParamKind::integer:
      text = "an integer";
      break;
    case ParamKind::number:
      text = "a number";
      break;
    case ParamKind::text:
      text = param.allowed.empty() ? "a string" : "one of: " + joined(param.allowed);
      if (param.integer_too) text += param.list_too ? ", an integer, or a list of them" : " or an integer";
      break;
    case ParamKind::numbers:
      text = "a list of " + (param.count == 0 ? "" : std::to_string(param.count) + " ") +
             (param.whole ? "integers" : "numbers");
      break;
  }
  text += range;
  if (param.kind == ParamKind::integer && !param.allowed.empty()) text += ", or one of: " + joined(param.allowed);
  if (param.optional) text += ", or null";
  return text;
}

/// ["a", "b, c", 2] as one text: a, "b, c", 2.
std::string list_text(const Raw& list) {
  std::string text;
  for (const Raw& one : list) {
    if (!text.empty()) text += ',';
    append_csv_cell(text, one.is_string() ? one.get<std::string>() : one.dump());
  }
  return text;
}

class Resolver {
 public:
  Resolver(const LayoutNode& root, ConfigIssues& issues) : root_(root), issues_(issues) {}

  Resolved value(const LayoutNode& node, const Raw& raw, const std::string& pointer) {
    switch (node.kind) {
      case LayoutNode::Kind::leaf:
        return leaf(node, raw, pointer);
      case LayoutNode::Kind::object:
        return object(node, raw, pointer);
      case LayoutNode::Kind::list:
        return list(node, raw, pointer);
      case LayoutNode::Kind::choice:
        return choice(node, raw, pointer);
    }
    return nullptr;
  }

 private:
  /// What stands for a field that the config does not have.
  Resolved absent(const Field& field, const std::string& pointer) {
    const LayoutNode& node = field.node;
    const bool needed = node.kind == LayoutNode::Kind::leaf ? node.param.required
                        : node.kind == LayoutNode::Kind::choice
                            ? node.fallback.empty()
                            : node.kind == LayoutNode::Kind::list && !node.may_be_null;
    if (needed) {
      issues_.add([&] {
        return ConfigIssue{pointer, "nothing",
                           node.kind == LayoutNode::Kind::leaf ? expectation(node.param) : what(node), ""};
      });
      return nullptr;
    }
    if (node.kind == LayoutNode::Kind::leaf) return to_json(node.param.fallback);
    if (node.kind == LayoutNode::Kind::list) return nullptr;
    return value(node, Raw::object(), pointer);
  }

  static std::string what(const LayoutNode& node) {
    if (node.kind == LayoutNode::Kind::list)
      return std::string("a list with at least one element") + (node.may_be_null ? ", or null" : "");
    if (node.kind != LayoutNode::Kind::choice) return "an object";
    std::string text = "an object with \"" + node.discriminator + "\"";
    if (node.string_shorthand) text = "a name or " + text;
    if (!node.number_shorthand.empty()) text = "a number, " + text;
    return text;
  }

  Resolved leaf(const LayoutNode& node, const Raw& raw, const std::string& pointer) {
    const Param& param = node.param;
    if (!accepts(node, raw)) {
      issues_.add([&] { return ConfigIssue{pointer, describe(raw), expected_of(node, raw), advice(param, raw)}; });
      return nullptr;
    }
    if (raw.is_null()) return nullptr;
    if (param.kind == ParamKind::number && raw.is_number()) return raw.get<double>();
    if (param.kind == ParamKind::text && raw.is_number_integer()) return raw.dump();
    if (param.kind == ParamKind::text && raw.is_array()) return list_text(raw);
    if (param.kind == ParamKind::numbers && param.whole) return raw.get<std::vector<std::int64_t>>();
    if (param.kind == ParamKind::numbers) return raw.get<std::vector<double>>();
    return Resolved(raw);
  }

  static std::string expected_of(const LayoutNode& node, const Raw& raw) {
    if (node.is_name) return "a name of at most 100 letters, digits, '-', '_' and '.', not starting with '.'";
    // A bound that the layout leaves open is that of the type, which has to be said where it is what was crossed.
    const bool too_large = (raw.is_number_unsigned() && raw.get<std::uint64_t>() > INT64_MAX) ||
                           (raw.is_number_float() && raw.get<double>() >= kBeyondIntegers);
    if (node.param.kind != ParamKind::integer || !too_large || std::isfinite(node.param.max))
      return expectation(node.param);
    return in_words(
        node.param,
        " from " + format_plain(std::max(node.param.min + (node.param.min_exclusive ? 1.0 : 0.0), -kBeyondIntegers)) +
            " to " + std::to_string(INT64_MAX));
  }

  /// What the user may have meant by a value of the wrong kind.
  static std::string advice(const Param& param, const Raw& raw) {
    const bool numeric = param.kind == ParamKind::integer || param.kind == ParamKind::number;
    if (param.kind == ParamKind::integer && raw.is_number_float() && is_whole(raw.get<double>()))
      return "write " + format_plain(raw.get<double>());
    if (param.kind == ParamKind::text && (raw.is_number() || raw.is_boolean())) return "write \"" + raw.dump() + "\"";
    if (!raw.is_string()) return "";
    const auto word = raw.get<std::string>();
    if (numeric && Raw::accept(word) && Raw::parse(word).is_number()) return "write it without the quotes";
    return did_you_mean(word, param.allowed);
  }

  static bool accepts(const LayoutNode& node, const Raw& raw) {
    const Param& param = node.param;
    const auto is_word = [&] {
      return raw.is_string() &&
             std::find(param.allowed.begin(), param.allowed.end(), raw.get<std::string>()) != param.allowed.end();
    };
    if (raw.is_null()) return param.optional;
    switch (param.kind) {
      case ParamKind::boolean:
        return raw.is_boolean();
      case ParamKind::integer:
        if (is_word()) return true;
        // An unsigned number that no int64 holds is refused; below that the conversion is exact.
        if (!raw.is_number_integer() || (raw.is_number_unsigned() && raw.get<std::uint64_t>() > INT64_MAX))
          return false;
        return is_in_range(param, static_cast<double>(raw.get<std::int64_t>()));
      case ParamKind::number:
        return raw.is_number() && is_in_range(param, raw.get<double>());
      case ParamKind::text:
        if (param.integer_too && raw.is_number_integer()) return true;
        if (param.list_too && raw.is_array())
          return !raw.empty() && std::all_of(raw.begin(), raw.end(), [](const Raw& one) {
            return one.is_number_integer() ||
                   (one.is_string() && one.get_ref<const std::string&>().find('\0') == std::string::npos);
          });
        // No file name holds a NUL: the system would read it up to there.
        if (!raw.is_string() || raw.get_ref<const std::string&>().find('\0') != std::string::npos) return false;
        if (node.is_name) return is_name(raw.get<std::string>());
        return param.allowed.empty() || is_word();
      case ParamKind::numbers:
        return raw.is_array() && (param.count == 0 ? !raw.empty() : raw.size() == param.count) &&
               std::all_of(raw.begin(), raw.end(), [&](const Raw& one) {
                 return (param.whole ? one.is_number_integer() : one.is_number()) &&
                        is_in_range(param, one.get<double>());
               });
    }
    return false;
  }

  /// Resolves `fields` out of the object `raw` into `out`, and reports keys that are none of them.
  void members(const std::vector<Field>& fields, const Raw& raw, const std::string& pointer, const LayoutNode* choice,
               Resolved& out) {
    const std::string discriminator = choice == nullptr ? "" : choice->discriminator;
    for (const Field& field : fields) {
      const std::string place = pointer_to(pointer, field.name);
      const auto found = raw.find(field.name);
      out[field.name] = found == raw.end() ? absent(field, place) : value(field.node, *found, place);
    }
    for (const auto& [key, unused] : raw.items()) {
      if ((!discriminator.empty() && key == discriminator) || find_field(fields, key) != nullptr) continue;
      issues_.add([&, &name = key] { return unknown_key(fields, name, raw, pointer, choice); });
    }
  }

  [[nodiscard]] ConfigIssue unknown_key(const std::vector<Field>& fields, const std::string& key, const Raw& raw,
                                        const std::string& pointer, const LayoutNode* choice) const {
    std::vector<std::string> known;
    if (choice != nullptr) known.push_back(choice->discriminator);
    for (const Field& field : fields) known.push_back(field.name);
    std::string hint;
    if (choice != nullptr && is_discriminator(key) && !raw.contains(choice->discriminator)) {
      hint = "did you mean \"" + choice->discriminator + "\"?";
    } else if (const auto meant = meant_name(key, known)) {
      hint = "did you mean \"" + *meant + "\"?";
    }
    if (hint.empty() && choice != nullptr) hint = known_for(*choice, key);
    if (hint.empty()) hint = did_you_mean(key, known);
    if (hint.empty()) hint = known_at(key, pointer_to(pointer, key));
    return {pointer_to(pointer, key), "an unknown key", "one of: " + joined(known), hint};
  }

  /// Where it would be right, by this name or another.
  [[nodiscard]] std::string known_at(const std::string& key, const std::string& here) const {
    std::vector<std::string> places;
    find_places(
        root_, [&](const std::string& name) { return name == key; }, "", places);
    std::erase(places, here);
    if (!places.empty()) return "it is known at " + places.front();
    find_places(
        root_,
        [&](const std::string& name) {
          return meant_name(key, {&name, 1}).has_value();
        },
        "", places);
    return places.empty() ? "" : "did you mean " + places.front() + "?";
  }

  /// The other alternatives that have the key: "it goes with kind csv, npy".
  static std::string known_for(const LayoutNode& choice, const std::string& key) {
    constexpr std::size_t kMost = 8;
    std::vector<std::string> names;
    for (const Option& option : choice.options)
      if (find_field(option.fields, key) != nullptr && names.size() <= kMost) names.push_back(option.name);
    if (names.size() > kMost) names.back() = "…";
    return names.empty() ? "" : "it goes with " + choice.discriminator + " " + joined(names);
  }

  /// {"weights": "he_normal"} for "he_normal", where one of the fields takes that.
  static std::string wrapped_name(const LayoutNode& node, const Raw& raw) {
    if (!raw.is_string()) return "";
    const auto given = raw.get<std::string>();
    for (const Field& field : node.fields) {
      if (field.node.kind != LayoutNode::Kind::choice || !field.node.string_shorthand) continue;
      const std::vector<std::string> names = names_of(field.node);
      if (const auto meant = likely_name(given, names)) return "did you mean " + Raw{{field.name, *meant}}.dump() + "?";
    }
    return "";
  }

  /// {"units": 8} for 8, where that is what the usual alternative cannot do without.
  static std::string wrapped_number(const LayoutNode& node, const Raw& raw) {
    const Option* usual = find_option(node, node.fallback);
    if (!raw.is_number() || usual == nullptr) return "";
    for (const Field& field : usual->fields)
      if (field.node.kind == LayoutNode::Kind::leaf && field.node.param.required && accepts(field.node, raw))
        return "did you mean " + Raw{{field.name, raw}}.dump() + "?";
    return "";
  }

  Resolved object(const LayoutNode& node, const Raw& raw, const std::string& pointer) {
    if (!raw.is_object()) {
      issues_.add([&] { return ConfigIssue{pointer, describe(raw), what(node), wrapped_name(node, raw)}; });
      return nullptr;
    }
    Resolved out = Resolved::object();
    members(node.fields, raw, pointer, nullptr, out);
    return out;
  }

  Resolved list(const LayoutNode& node, const Raw& raw, const std::string& pointer) {
    if (node.may_be_null && raw.is_null()) return nullptr;
    if (!raw.is_array() || raw.empty()) {
      issues_.add([&] {
        return ConfigIssue{pointer, raw.is_array() ? "an empty list" : describe(raw), what(node), ""};
      });
      return nullptr;
    }
    Resolved out = Resolved::array();
    for (std::size_t index = 0; index < raw.size(); ++index)
      out.push_back(value(node.items[0], raw[index], pointer_to(pointer, std::to_string(index))));
    return out;
  }

  Resolved choice(const LayoutNode& node, const Raw& raw, const std::string& pointer) {
    if (raw.is_string() && node.string_shorthand) return choose(node, Raw{{node.discriminator, raw}}, pointer, pointer);
    if (raw.is_boolean() && !raw.get<bool>() && !node.false_shorthand.empty())
      return choose(node, Raw{{node.discriminator, node.false_shorthand}}, pointer, pointer);
    if (raw.is_number() && !node.number_shorthand.empty())
      return choose(node, Raw{{node.discriminator, node.number_shorthand}, {"value", raw}}, pointer, pointer);
    if (!raw.is_object()) {
      issues_.add([&] { return ConfigIssue{pointer, describe(raw), what(node), wrapped_number(node, raw)}; });
      return nullptr;
    }
    return choose(node, raw, pointer, pointer_to(pointer, node.discriminator));
  }

  Resolved choose(const LayoutNode& node, const Raw& raw, const std::string& pointer, const std::string& name_pointer) {
    std::vector<std::string> names;
    for (const Option& option : node.options) names.push_back(option.name);
    const auto given = raw.find(node.discriminator);
    if (given == raw.end() && node.fallback.empty()) {
      issues_.add([&] {
        std::string hint;
        for (const auto& [key, unused] : raw.items())
          if (is_discriminator(key)) hint = "write \"" + node.discriminator + "\" for \"" + key + "\"";
        return ConfigIssue{name_pointer, "nothing", "one of: " + joined(names), hint};
      });
      return nullptr;
    }
    const bool is_name = given == raw.end() || given->is_string();
    const Option* option =
        !is_name ? nullptr : find_option(node, given == raw.end() ? node.fallback : given->get<std::string>());
    if (option == nullptr) {
      issues_.add([&] {
        return ConfigIssue{name_pointer, describe(*given), "one of: " + joined(names),
                           is_name ? did_you_mean(given->get<std::string>(), names_of(node)) : ""};
      });
      return nullptr;
    }
    Resolved out = Resolved::object();
    out[node.discriminator] = option->name;
    members(option->fields, raw, pointer, &node, out);
    return out;
  }

  const LayoutNode& root_;
  ConfigIssues& issues_;
};

}  // namespace

Resolved to_json(const ParamValue& value) {
  return std::visit(
      [](const auto& held) -> Resolved {
        if constexpr (std::is_same_v<std::decay_t<decltype(held)>, std::monostate>) {
          return nullptr;
        } else {
          return held;
        }
      },
      value);
}

std::string expectation(const Param& param) { return in_words(param, range_text(param)); }

Resolved resolve(const LayoutNode& layout, const Raw& raw, ConfigIssues& issues) {
  return Resolver(layout, issues).value(layout, raw, "");
}

}  // namespace reluscope
