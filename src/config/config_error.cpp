#include "config/config_error.hpp"

#include <algorithm>

namespace reluscope {

namespace {

/// A generated config can be wrong in a hundred thousand places; nobody reads further than this.
constexpr std::size_t kMostLines = 100;

std::string line(const std::string& origin, const ConfigIssue& issue) {
  std::string text = origin + ": ";
  if (!issue.pointer.empty()) text += issue.pointer + ": ";
  text += "found " + issue.found + ", expected " + issue.expected;
  if (!issue.hint.empty()) text += "; " + issue.hint;
  return text;
}

std::string message(const std::string& origin, const std::vector<ConfigIssue>& issues) {
  if (issues.size() == 1) return line(origin, issues.front());
  std::string text = std::to_string(issues.size()) + " problems in '" + origin + "'";
  for (std::size_t index = 0; index < std::min(issues.size(), kMostLines); ++index)
    text += "\n  " + line(origin, issues[index]);
  if (issues.size() > kMostLines) text += "\n  and " + std::to_string(issues.size() - kMostLines) + " more";
  return text;
}

}  // namespace

ConfigError::ConfigError(const std::string& origin, std::vector<ConfigIssue> issues)
    : UserError(message(origin, issues), kBadUsage), issues_(std::move(issues)) {}

}  // namespace reluscope
