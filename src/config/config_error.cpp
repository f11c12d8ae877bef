#include "config/config_error.hpp"

#include <algorithm>
#include <map>

#include "config/json_places.hpp"
#include "config/json_text.hpp"
#include "util/format.hpp"

namespace reluscope {

namespace {

/// Issues whose lines are shown.
constexpr std::size_t kMostShown = 5;
/// Bytes of a message about several; that much is more than a screen has.
constexpr std::size_t kMostMessageBytes = 15000;

/// Names may be of any length in a file.
std::string short_pointer(const std::string& pointer) {
  constexpr std::size_t kLongest = 300;
  constexpr std::size_t kKept = 140;
  if (pointer.size() <= kLongest) return pointer;
  std::size_t tail = pointer.size() - kKept;
  while (tail < pointer.size() && (static_cast<unsigned char>(pointer[tail]) & 0xC0U) == 0x80U) ++tail;
  return first_characters(pointer, kKept) + "…" + pointer.substr(tail);
}

std::string message_of(const std::string& origin, const ConfigIssue& issue, bool is_shown) {
  std::string text = origin + ":";
  if (issue.place) text += issue.place->numbers() + ":";
  if (!issue.pointer.empty()) text += " " + short_pointer(issue.pointer) + ":";
  text += " found " + issue.found + ", expected " + issue.expected;
  if (!issue.cause.empty()) text += "; " + issue.cause;
  if (!is_shown) return text + (issue.hint.empty() ? "" : "; " + issue.hint);
  return text + (issue.place ? excerpt(*issue.place) : "") + help_line(issue.hint);
}

std::string message(const std::string& origin, const ConfigIssues& issues) {
  if (issues.size() == 1) return message_of(origin, issues[0], true);
  std::string text = std::to_string(issues.size()) + " problems in '" + origin + "'";
  std::size_t said = 0;
  for (const ConfigIssue& issue : issues) {
    const std::string line = "\n  " + message_of(origin, issue, said < kMostShown);
    if (said > 0 && text.size() + line.size() > kMostMessageBytes) break;
    text += line;
    ++said;
  }
  if (issues.size() > said) text += "\n  and " + std::to_string(issues.size() - said) + " more";
  return text;
}

bool lies_within(const std::string& pointer, const std::string& ancestor) {
  return pointer == ancestor || pointer.starts_with(ancestor + "/");
}

/// Issues that an override has caused say so: at what it set, within it, or at an object that it made on its way. The
/// last override of a place is the one that counts.
void name_override(ConfigIssue& issue, const std::vector<OverrideTrace>& overrides) {
  const auto is_cause = [&](const OverrideTrace& trace) {
    return lies_within(issue.pointer, trace.pointer) ||
           (!issue.pointer.empty() && lies_within(trace.pointer, issue.pointer));
  };
  const auto cause = std::find_if(overrides.rbegin(), overrides.rend(), is_cause);
  if (cause != overrides.rend()) issue.cause = "set by " + shortened(cause->text);
}

/// "/a/b/c" is within "/a/b", that within "/a", that within "".
std::string parent_of(const std::string& pointer) {
  return pointer.substr(0, std::min(pointer.rfind('/'), pointer.size()));
}

TextPlace place_of(std::string_view text, const ConfigIssue& issue, const std::map<std::string, JsonPlace>& places) {
  std::string pointer = issue.pointer;
  while (!pointer.empty() && !places.contains(pointer)) pointer = parent_of(pointer);
  const auto found = places.find(pointer);
  const JsonPlace place = found == places.end() ? JsonPlace() : found->second;
  const bool is_there = pointer == issue.pointer;
  const bool is_key =
      place.key.end > 0 && (!is_there || issue.found == "an unknown key" || issue.found == "the same key twice");
  const TextSpan span = is_key ? place.key : place.value;
  return place_in(text, span.begin, is_there || is_key ? span.end - span.begin : 1);
}

}  // namespace

void find_places(ConfigIssues& issues, std::string_view text, const std::vector<OverrideTrace>& overrides) {
  std::vector<std::string> pointers = {""};
  for (ConfigIssue& issue : issues) {
    if (issue.cause.empty()) name_override(issue, overrides);
    if (!issue.cause.empty()) continue;
    for (std::string pointer = issue.pointer; !pointer.empty(); pointer = parent_of(pointer))
      pointers.push_back(pointer);
  }
  if (text.empty()) return;
  const std::map<std::string, JsonPlace> places = find_json_places(text, pointers);
  for (ConfigIssue& issue : issues)
    if (issue.cause.empty() && !issue.place) issue.place = place_of(text, issue, places);
}

ConfigError::ConfigError(const std::string& origin, ConfigIssues issues)
    : UserError(message(origin, issues), kBadUsage), issues_(std::move(issues)) {}

ConfigError::ConfigError(const std::string& origin, ConfigIssues issues, const std::shared_ptr<const ConfigText>& text)
    : ConfigError(origin, [&] {
        if (text) find_places(issues, text->text, text->overrides);
        return std::move(issues);
      }()) {}

}  // namespace reluscope
