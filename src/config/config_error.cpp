#include "config/config_error.hpp"

namespace reluscope {

namespace {

std::string line(const std::string& origin, const ConfigIssue& issue) {
  std::string text = origin + ": ";
  if (!issue.pointer.empty()) text += issue.pointer + ": ";
  text += "found " + issue.found + ", expected " + issue.expected;
  if (!issue.hint.empty()) text += "; " + issue.hint;
  return text;
}

std::string message(const std::string& origin, const ConfigIssues& issues) {
  if (issues.size() == 1) return line(origin, issues[0]);
  std::string text = std::to_string(issues.size()) + " problems in '" + origin + "'";
  std::size_t more = issues.size();
  for (const ConfigIssue& issue : issues) {
    text += "\n  " + line(origin, issue);
    --more;
  }
  if (more > 0) text += "\n  and " + std::to_string(more) + " more";
  return text;
}

}  // namespace

ConfigError::ConfigError(const std::string& origin, ConfigIssues issues)
    : UserError(message(origin, issues), kBadUsage), issues_(std::move(issues)) {}

}  // namespace reluscope
