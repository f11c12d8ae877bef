#include "util/param.hpp"

#include <cmath>

#include "util/format.hpp"

namespace reluscope {

namespace {

Param make(std::string name, ParamKind kind, ParamValue fallback, std::string doc) {
  Param param;
  param.name = std::move(name);
  param.kind = kind;
  param.fallback = std::move(fallback);
  param.doc = std::move(doc);
  return param;
}

template <class T>
const T& expect(const ParamValue& value, std::string_view name) {
  const T* held = std::get_if<T>(&value);
  if (held == nullptr) throw std::logic_error("parameter '" + std::string(name) + "' holds another kind of value");
  return *held;
}

}  // namespace

bool is_in_range(const Param& param, double number) {
  const bool low = param.min_exclusive ? number > param.min : number >= param.min;
  const bool high = param.max_exclusive ? number < param.max : number <= param.max;
  return low && high;
}

std::string range_text(const Param& param) {
  const bool low = std::isfinite(param.min);
  const bool high = std::isfinite(param.max);
  if (low && high && !param.min_exclusive && !param.max_exclusive)
    return " from " + format_plain(param.min) + " to " + format_plain(param.max);
  std::string text;
  if (low) text += (param.min_exclusive ? " > " : " ≥ ") + format_plain(param.min);
  if (low && high) text += " and";
  if (high) text += (param.max_exclusive ? " < " : " ≤ ") + format_plain(param.max);
  return text;
}

Param boolean(std::string name, bool fallback, std::string doc) {
  return make(std::move(name), ParamKind::boolean, fallback, std::move(doc));
}

Param integer(std::string name, std::int64_t fallback, std::string doc) {
  return make(std::move(name), ParamKind::integer, fallback, std::move(doc));
}

Param number(std::string name, double fallback, std::string doc) {
  return make(std::move(name), ParamKind::number, fallback, std::move(doc));
}

Param text(std::string name, std::string fallback, std::string doc) {
  return make(std::move(name), ParamKind::text, std::move(fallback), std::move(doc));
}

Param numbers(std::string name, std::vector<double> fallback, std::string doc) {
  return make(std::move(name), ParamKind::numbers, std::move(fallback), std::move(doc));
}

Param unset(std::string name, ParamKind kind, std::string doc) {
  Param param = make(std::move(name), kind, std::monostate{}, std::move(doc));
  param.optional = true;
  return param;
}

Param required(std::string name, ParamKind kind, std::string doc) {
  Param param = make(std::move(name), kind, std::monostate{}, std::move(doc));
  param.required = true;
  return param;
}

ParamValues::ParamValues(std::span<const Param> params) {
  values_.reserve(params.size());
  for (const Param& param : params) values_.emplace_back(param.name, param.fallback);
}

const ParamValue& ParamValues::at(std::string_view name) const {
  for (const auto& [key, value] : values_)
    if (key == name) return value;
  throw std::logic_error("no parameter called '" + std::string(name) + "'");
}

void ParamValues::set(std::string_view name, ParamValue value) {
  for (auto& [key, held] : values_) {
    if (key == name) {
      held = std::move(value);
      return;
    }
  }
  throw std::logic_error("no parameter called '" + std::string(name) + "'");
}

bool ParamValues::flag(std::string_view name) const { return expect<bool>(at(name), name); }
std::int64_t ParamValues::integer(std::string_view name) const { return expect<std::int64_t>(at(name), name); }
double ParamValues::number(std::string_view name) const { return expect<double>(at(name), name); }
const std::string& ParamValues::text(std::string_view name) const { return expect<std::string>(at(name), name); }
const std::vector<double>& ParamValues::numbers(std::string_view name) const {
  return expect<NumberList>(at(name), name);
}
bool ParamValues::is_null(std::string_view name) const { return std::holds_alternative<std::monostate>(at(name)); }

bool ParamValues::is_word(std::string_view name) const { return std::holds_alternative<std::string>(at(name)); }

std::optional<std::int64_t> ParamValues::maybe_integer(std::string_view name) const {
  return is_null(name) ? std::nullopt : std::optional(integer(name));
}
std::optional<double> ParamValues::maybe_number(std::string_view name) const {
  return is_null(name) ? std::nullopt : std::optional(number(name));
}
std::optional<std::string> ParamValues::maybe_text(std::string_view name) const {
  return is_null(name) ? std::nullopt : std::optional(text(name));
}

}  // namespace reluscope
