#include "config/overrides.hpp"

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>
#include <utility>

#include "config/json_text.hpp"
#include "config/layout.hpp"
#include "config/synonyms.hpp"
#include "util/json_file.hpp"
#include "util/nearest.hpp"

namespace reluscope {

namespace {

using Raw = nlohmann::json;

constexpr std::size_t kMostRepeats = 10000;  // as the layout has it

std::vector<std::string> split(const std::string& path) {
  std::vector<std::string> tokens;
  std::size_t start = 0;
  while (true) {
    const std::size_t dot = path.find('.', start);
    tokens.push_back(path.substr(start, dot - start));
    if (dot == std::string::npos) return tokens;
    start = dot + 1;
  }
}

std::optional<std::size_t> as_index(const std::string& token) {
  std::size_t index = 0;
  const auto parsed = std::from_chars(token.data(), token.data() + token.size(), index);
  if (parsed.ec != std::errc() || parsed.ptr != token.data() + token.size()) return std::nullopt;
  return index;
}

/// layers.0.units for layers[0].units and layers/0/units.
std::string with_dots(const std::string& path) {
  std::string text;
  for (const char letter : path) {
    const bool parts = letter == '[' || letter == '/' || letter == '.';
    if (parts && !text.empty() && !text.ends_with('.')) text += '.';
    if (!parts && letter != ']') text += letter;
  }
  return text;
}

/// The layers of a list by the names that they have in the traces: their own, or dense1, dense2, dropout1, …, as
/// bind.cpp numbers them. One that stands for several (`repeat`) has none.
std::vector<std::string> names_of_layers(const Raw& list) {
  std::vector<std::string> names;
  std::map<std::string, std::size_t> numbers;
  for (const Raw& layer : list) {
    const auto text_of = [&](const char* key, const std::string& usual) {
      const auto found = layer.is_object() ? layer.find(key) : layer.end();
      return layer.is_object() && found != layer.end() && found->is_string() ? found->get<std::string>() : usual;
    };
    const auto repeat = layer.is_object() ? layer.find("repeat") : layer.end();
    const bool is_repeated = layer.is_object() && repeat != layer.end() && repeat->is_number_unsigned();
    const auto copies = is_repeated ? std::min<std::size_t>(repeat->get<std::size_t>(), kMostRepeats) : 1;
    const std::string type = text_of("type", "dense");
    std::size_t& number = numbers[type];
    number += copies;
    names.push_back(copies == 1 ? text_of("name", type + std::to_string(number)) : "");
  }
  return names;
}

std::string names_text(const Raw& list) {
  constexpr std::size_t kMost = 12;
  std::string text;
  std::size_t count = 0;
  for (const std::string& name : names_of_layers(list))
    if (!name.empty() && ++count <= kMost) text += ", " + name;
  return text.empty() ? "" : ", or one of the layers" + text.substr(1) + (count > kMost ? ", …" : "");
}

/// The element that the token stands for: an index, from the end where it is negative, or a layer's name.
std::optional<std::size_t> element_of(const Raw& list, const std::string& token) {
  const bool from_end = token.starts_with("-");
  if (const auto index = as_index(from_end ? token.substr(1) : token)) {
    if (from_end) return *index >= 1 && *index <= list.size() ? std::optional(list.size() - *index) : std::nullopt;
    return *index < list.size() ? index : std::nullopt;
  }
  const std::vector<std::string> names = names_of_layers(list);
  const auto found = std::find(names.begin(), names.end(), token);
  return token.empty() || found == names.end() ? std::nullopt
                                               : std::optional(static_cast<std::size_t>(found - names.begin()));
}

/// The node below `node` along `token`, as far as the raw value says which option is meant; nullptr if unknown.
const LayoutNode* below(const LayoutNode* node, const std::string& token, const Raw& raw) {
  if (node == nullptr) return nullptr;
  if (node->kind == LayoutNode::Kind::list) return &node->items[0];
  const std::vector<Field>* fields = &node->fields;
  if (node->kind == LayoutNode::Kind::choice) {
    const auto given = raw.is_object() ? raw.find(node->discriminator) : raw.end();
    const bool named = raw.is_object() && given != raw.end() && given->is_string();
    const Option* option = find_option(*node, named ? given->get<std::string>() : node->fallback);
    if (option == nullptr) return nullptr;
    fields = &option->fields;
  }
  const Field* field = find_field(*fields, token);
  return field == nullptr ? nullptr : &field->node;
}

class Override {
 public:
  Override(std::string text, std::vector<OverrideTrace>& traces, ConfigIssues& issues)
      : text_(std::move(text)), traces_(traces), issues_(issues) {}

  void apply(Raw& config) {
    if (!is_utf8(text_)) return complain("", "an argument that is not UTF-8", "KEY=VALUE in UTF-8");
    const std::size_t equals = text_.find('=');
    if (equals == std::string::npos || equals == 0)
      return complain("", quoted(), "KEY=VALUE, for example train.optimizer.lr=0.05");
    const std::string path = text_.substr(0, equals);
    if (path.find_first_of("[/") != std::string::npos)
      return complain("", quoted(), "a path with dots alone",
                      "did you mean " + shortened(with_dots(path) + text_.substr(equals)) + "?");
    tokens_ = split(path);
    if (tokens_.size() > kDeepestJson)
      return complain("", quoted(), "a path of at most " + std::to_string(kDeepestJson) + " steps");
    value_text_ = text_.substr(equals + 1);
    value_ = Raw::parse(value_text_, nullptr, false);
    if (value_.is_discarded()) {
      value_ = value_text_;
    } else if (!is_clean()) {
      return;
    }
    const std::size_t before = traces_.size();
    descend(config, &experiment_layout(), 0, "");
    if (traces_.size() == before) {
      if (!complained_) complain("", quoted(), "a path that leads to something in this config");
      return;
    }
    replace_counterpart(config);
  }

 private:
  void complain(const std::string& pointer, std::string found, std::string expected, std::string hint = "") {
    issues_.push_back({pointer, std::move(found), std::move(expected), std::move(hint), "given on the command line"});
    complained_ = true;
  }

  [[nodiscard]] std::string quoted() const {
    std::string text = "'";
    text.append(shortened(text_)).append("'");
    return text;
  }

  /// Duplicate keys and boundless nesting are refused as in a file.
  bool is_clean() {
    try {
      parse_json_text(value_text_, text_);
      return true;
    } catch (const ConfigError& error) {
      for (const ConfigIssue& issue : error.issues())
        complain("", issue.found + (issue.pointer.empty() ? "" : " (" + issue.pointer + ")") + " in " + quoted(),
                 issue.expected);
      return false;
    }
  }

  [[nodiscard]] bool wildcard_follows(std::size_t depth) const {
    return std::find(tokens_.begin() + static_cast<std::ptrdiff_t>(depth), tokens_.end(), "*") != tokens_.end();
  }

  void descend(Raw& at, const LayoutNode* node, std::size_t depth, const std::string& pointer) {
    const std::string& token = tokens_[depth];
    const bool last = depth + 1 == tokens_.size();
    if (token == "*") {
      if (!at.is_array()) return complain(pointer, "'*' in " + quoted(), "'*' only where the config has a list");
      for (std::size_t index = 0; index < at.size(); ++index) {
        const std::string here = pointer_to(pointer, std::to_string(index));
        if (last) {
          set(at[index], below(node, token, at), here);
        } else if (at[index].is_object() && at[index].contains(tokens_[depth + 1])) {
          descend(at[index], below(node, token, at), depth + 1, here);
        }
      }
      return;
    }
    if (at.is_array()) {
      const auto index = element_of(at, token);
      if (!index)
        return complain(pointer, "'" + shortened(token) + "' in " + quoted(),
                        at.empty() ? "elements in this list"
                                   : "an index from 0 to " + std::to_string(at.size() - 1) +
                                         " or negative from the end, *" + names_text(at));
      const std::string here = pointer_to(pointer, std::to_string(*index));
      const LayoutNode* item = below(node, token, at);
      return last ? set(at[*index], item, here) : descend(at[*index], item, depth + 1, here);
    }
    promote(at, node);
    if (!at.is_object()) return complain(pointer, quoted(), "a path through objects; this is " + describe(at));
    const std::string here = pointer_to(pointer, token);
    if (last) {
      if (node != nullptr && node->kind == LayoutNode::Kind::choice && token == node->discriminator)
        switch_option(at, *node);
      set(at[token], below(node, token, at), here);
      return;
    }
    // What is not there has no elements: nothing is made on the way to a '*'.
    if (!at.contains(token) && wildcard_follows(depth))
      return complain(pointer, quoted(), "a list for '*' in this config");
    descend(at[token], below(node, token, at), depth + 1, here);
  }

  /// Where text belongs, what looks like a number is text too: name=2024, data.label_column=0.
  void set(Raw& place, const LayoutNode* node, const std::string& pointer) {
    const bool takes_text =
        node != nullptr && node->kind == LayoutNode::Kind::leaf && node->param.kind == ParamKind::text;
    place = takes_text && (value_.is_number() || value_.is_boolean()) ? Raw(value_text_) : value_;
    traces_.push_back({pointer, text_});
  }

  /// Null (a key just made) becomes an object, a shorthand the object it stands for.
  static void promote(Raw& at, const LayoutNode* node) {
    if (at.is_null()) at = Raw::object();
    if (node == nullptr || node->kind != LayoutNode::Kind::choice) return;
    if (at.is_string() && node->string_shorthand) at = Raw{{node->discriminator, at}};
    if (at.is_boolean() && !at.get<bool>() && !node->false_shorthand.empty())
      at = Raw{{node->discriminator, node->false_shorthand}};
    if (at.is_number() && !node->number_shorthand.empty())
      at = Raw{{node->discriminator, node->number_shorthand}, {"value", at}};
  }

  /// Settings that the newly named option does not have belonged to the old one.
  void switch_option(Raw& at, const LayoutNode& node) {
    const Option* option = value_.is_string() ? find_option(node, value_.get<std::string>()) : nullptr;
    if (option == nullptr) return;
    Raw kept = Raw::object();
    for (const auto& [key, value] : at.items())
      if (find_field(option->fields, key) != nullptr) kept[key] = value;
    at = kept;
  }

  void replace_counterpart(Raw& config) {
    const bool steps = tokens_ == std::vector<std::string>{"train", "steps"};
    const bool epochs = tokens_ == std::vector<std::string>{"train", "epochs"};
    if ((steps || epochs) && !value_.is_null()) config["train"].erase(steps ? "epochs" : "steps");
  }

  std::string text_;
  std::vector<OverrideTrace>& traces_;
  ConfigIssues& issues_;
  std::vector<std::string> tokens_;
  std::string value_text_;
  Raw value_;
  bool complained_ = false;
};

/// All that a word of the command line can set, as paths with * for the elements of lists.
template <class Visit>
void find_settings(const LayoutNode& node, std::vector<std::string>& here, const Visit& visit) {
  const auto fields = [&](const std::vector<Field>& list) {
    for (const Field& field : list) {
      here.push_back(field.name);
      if (field.node.kind == LayoutNode::Kind::leaf || field.node.string_shorthand) visit(here);
      find_settings(field.node, here, visit);
      here.pop_back();
    }
  };
  fields(node.fields);
  for (const Option& option : node.options) {
    here.push_back(node.discriminator);
    visit(here);
    here.pop_back();
    fields(option.fields);
  }
  here.emplace_back("*");
  for (const LayoutNode& item : node.items) find_settings(item, here, visit);
  here.pop_back();
}

/// The path, where it ends in what is given; the given ones stand for its stars.
std::optional<std::vector<std::string>> as_given(std::vector<std::string> path, const std::vector<std::string>& given,
                                                 bool by_other_names) {
  if (given.size() > path.size()) return std::nullopt;
  const std::size_t offset = path.size() - given.size();
  for (std::size_t at = 0; at < given.size(); ++at) {
    std::string& name = path[offset + at];
    if (name == "*" && at > 0) {
      name = given[at];
    } else if (by_other_names ? !meant_name(given[at], {&name, 1}) : bare_name(name) != bare_name(given[at])) {
      return std::nullopt;
    }
  }
  return path;
}

std::string dotted(const std::vector<std::string>& path) {
  std::string text;
  for (const std::string& name : path) text += (text.empty() ? "" : ".") + name;
  return text;
}

}  // namespace

std::optional<std::string> place_of_key(const std::string& key) {
  const std::vector<std::string> given = split(key);
  for (const bool by_other_names : {false, true}) {
    std::vector<std::vector<std::string>> places;
    std::vector<std::string> here;
    find_settings(experiment_layout(), here, [&](const std::vector<std::string>& path) {
      const auto place = as_given(path, given, by_other_names);
      if (place && std::find(places.begin(), places.end(), *place) == places.end()) places.push_back(*place);
    });
    std::stable_sort(places.begin(), places.end(),
                     [](const auto& left, const auto& right) { return left.size() < right.size(); });
    if (places.empty()) continue;
    if (places.size() > 1 && places[0].size() == places[1].size()) return std::nullopt;
    return dotted(places.front());
  }
  return std::nullopt;
}

void apply_override(Raw& config, const std::string& text, std::vector<OverrideTrace>& traces, ConfigIssues& issues) {
  Override(text, traces, issues).apply(config);
}

}  // namespace reluscope
