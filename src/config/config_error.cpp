#include "config/config_error.hpp"

namespace reluscope {

namespace {

std::string message(const std::string& origin, const std::vector<ConfigIssue>& issues) {
  std::string text = issues.size() == 1 ? "" : std::to_string(issues.size()) + " problems in '" + origin + "'";
  for (const ConfigIssue& issue : issues) {
    if (!text.empty()) text += "\n  ";
    text += origin + ": " + (issue.pointer.empty() ? "/" : issue.pointer) + ": found " + issue.found + ", expected " +
            issue.expected;
    if (!issue.hint.empty()) text += "; " + issue.hint;
  }
  return text;
}

}  // namespace

ConfigError::ConfigError(const std::string& origin, std::vector<ConfigIssue> issues)
    : UserError(message(origin, issues), kBadUsage), issues_(std::move(issues)) {}

}  // namespace reluscope
