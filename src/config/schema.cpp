#include "config/schema.hpp"

#include <cmath>
#include <nlohmann/json.hpp>

#include "config/layout.hpp"
#include "config/resolve.hpp"

namespace reluscope {

namespace {

using Schema = nlohmann::ordered_json;

Schema schema_of(const LayoutNode& node);

/// A bound as an integer where it is one: 1 reads better than 1.0.
Schema bound(double value) {
  if (value == std::floor(value) && std::abs(value) < 1e15) return static_cast<std::int64_t>(value);
  return value;
}

void add_range(Schema& schema, const Param& param) {
  if (std::isfinite(param.min)) schema[param.min_exclusive ? "exclusiveMinimum" : "minimum"] = bound(param.min);
  if (std::isfinite(param.max)) schema[param.max_exclusive ? "exclusiveMaximum" : "maximum"] = bound(param.max);
}

Schema or_null(Schema schema) { return {{"anyOf", {std::move(schema), {{"type", "null"}}}}}; }

Schema leaf_schema(const LayoutNode& node) {
  const Param& param = node.param;
  Schema schema = Schema::object();
  switch (param.kind) {
    case ParamKind::boolean:
      schema["type"] = "boolean";
      break;
    case ParamKind::integer:
      // draft-07 takes 10.0 for an integer, the loader does not; what it writes is always accepted by both.
      schema["type"] = "integer";
      add_range(schema, param);
      if (!schema.contains("maximum")) schema["maximum"] = INT64_MAX;
      if (!param.allowed.empty()) schema = {{"anyOf", {schema, {{"enum", param.allowed}}}}};
      break;
    case ParamKind::number:
      schema["type"] = "number";
      add_range(schema, param);
      break;
    case ParamKind::text:
      schema["type"] = param.integer_too ? Schema({"string", "integer"}) : Schema("string");
      if (!param.allowed.empty()) schema["enum"] = param.allowed;
      if (node.is_name) schema["pattern"] = kNamePattern;
      if (param.list_too)
        schema = {
            {"anyOf", {schema, {{"type", "array"}, {"items", {{"type", {"string", "integer"}}}}, {"minItems", 1}}}}};
      break;
    case ParamKind::numbers: {
      Schema item = {{"type", param.whole ? "integer" : "number"}};
      add_range(item, param);
      schema["type"] = "array";
      schema["items"] = item;
      schema["minItems"] = param.count == 0 ? 1 : param.count;
      if (param.count != 0) schema["maxItems"] = param.count;
      break;
    }
  }
  return param.optional ? or_null(std::move(schema)) : schema;
}

bool is_required(const LayoutNode& node) {
  switch (node.kind) {
    case LayoutNode::Kind::leaf:
      return node.param.required;
    case LayoutNode::Kind::list:
      return !node.may_be_null;
    case LayoutNode::Kind::choice:
      return node.fallback.empty();
    case LayoutNode::Kind::object:
      for (const Field& field : node.fields)
        if (is_required(field.node)) return true;
      return false;
  }
  return false;
}

Schema object_schema(const std::vector<Field>& fields) {
  Schema schema = {{"type", "object"}, {"properties", Schema::object()}, {"additionalProperties", false}};
  Schema needed = Schema::array();
  for (const Field& field : fields) {
    Schema member = schema_of(field.node);
    member["description"] = field.doc;
    if (field.node.kind == LayoutNode::Kind::leaf && !field.node.param.required)
      member["default"] = to_json(field.node.param.fallback);
    if (field.node.kind == LayoutNode::Kind::choice && field.node.string_shorthand)
      member["default"] = field.node.fallback;
    schema["properties"][field.name] = std::move(member);
    if (is_required(field.node)) needed.push_back(field.name);
  }
  if (!needed.empty()) schema["required"] = std::move(needed);
  return schema;
}

std::vector<std::string> all_names(const Option& option) {
  std::vector<std::string> names = {option.name};
  names.insert(names.end(), option.aliases.begin(), option.aliases.end());
  return names;
}

Schema choice_schema(const LayoutNode& node) {
  Schema alternatives = Schema::array();
  if (node.string_shorthand) {
    std::vector<std::string> names;
    for (const Option& option : node.options) {
      bool complete = true;
      for (const Field& field : option.fields) complete = complete && !is_required(field.node);
      if (!complete) continue;
      for (const std::string& name : all_names(option)) names.push_back(name);
    }
    alternatives.push_back({{"enum", names}});
  }
  if (!node.number_shorthand.empty()) alternatives.push_back({{"type", "number"}});
  if (!node.false_shorthand.empty()) alternatives.push_back({{"const", false}});
  for (const Option& option : node.options) {
    Schema schema = object_schema(option.fields);
    Schema properties = {{node.discriminator, {{"enum", all_names(option)}}}};
    properties.update(schema["properties"]);
    schema["properties"] = std::move(properties);
    schema["description"] = option.doc;
    if (option.name != node.fallback) {
      Schema needed = {node.discriminator};
      if (schema.contains("required"))
        for (const auto& name : schema["required"]) needed.push_back(name);
      schema["required"] = std::move(needed);
    }
    alternatives.push_back(std::move(schema));
  }
  return {{"anyOf", std::move(alternatives)}};
}

Schema schema_of(const LayoutNode& node) {
  switch (node.kind) {
    case LayoutNode::Kind::leaf:
      return leaf_schema(node);
    case LayoutNode::Kind::object:
      return object_schema(node.fields);
    case LayoutNode::Kind::list: {
      Schema list = {{"type", "array"}, {"minItems", 1}, {"items", schema_of(node.items[0])}};
      return node.may_be_null ? or_null(std::move(list)) : list;
    }
    case LayoutNode::Kind::choice:
      return choice_schema(node);
  }
  return nullptr;
}

}  // namespace

std::string config_schema() {
  Schema schema = {{"$schema", "http://json-schema.org/draft-07/schema#"}, {"title", "reluscope experiment"}};
  schema.update(schema_of(experiment_layout()));
  return schema.dump(2) + "\n";
}

}  // namespace reluscope
