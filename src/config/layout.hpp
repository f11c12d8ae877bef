#pragma once
// The layout of a config: the one tree from which validation, defaults, the JSON Schema and the docs come.

#include <string>
#include <string_view>
#include <vector>

#include "util/param.hpp"

namespace reluscope {

struct Field;

/// One alternative of a choice: an entry of some table, with its parameters as fields.
struct Option {
  std::string name;
  std::vector<std::string> aliases;
  std::string doc;
  std::vector<Field> fields;
};

/// What may stand at a place of the config.
struct LayoutNode {
  enum class Kind {
    leaf,    ///< a value described by `param`; an integer with `allowed` words may also be one of these
    object,  ///< `fields`
    list,    ///< one or more of `items[0]`
    choice,  ///< an object whose `discriminator` names one of `options`
  };
  Kind kind = Kind::leaf;
  Param param;
  bool is_name = false;  ///< leaf, text: it must be a name, see is_name()
  std::vector<Field> fields;
  std::vector<LayoutNode> items;
  bool may_be_null = false;  ///< list: null stands for none, and is the default
  std::string discriminator;
  std::vector<Option> options;
  std::string fallback;           ///< the option meant where none is named; empty: one must be named
  bool string_shorthand = false;  ///< "relu" stands for {"name": "relu"}
  std::string number_shorthand;   ///< a number stands for this option with that "value"; empty: it does not
  std::string false_shorthand;    ///< `false` stands for this option; empty: it does not
};

struct Field {
  std::string name;
  std::string doc;
  LayoutNode node;
};

/// Names become names of directories and parts of messages: at most 100 letters, digits, '-', '_' and '.', the first
/// none of '.'. The pattern says the same for the JSON Schema.
bool is_name(std::string_view text);
inline constexpr const char* kNamePattern = "^[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}$";

/// The layout of an experiment.
const LayoutNode& experiment_layout();

/// The option called `name` (or with that alias), or nullptr.
const Option* find_option(const LayoutNode& choice, const std::string& name);
/// The field called `name`, or nullptr.
const Field* find_field(const std::vector<Field>& fields, const std::string& name);

}  // namespace reluscope
