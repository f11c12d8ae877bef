#pragma once

#include <string>
#include <vector>

#include "util/error.hpp"

namespace reluscope {

/// One thing that is wrong with a config.
struct ConfigIssue {
  std::string pointer;   ///< JSON Pointer (RFC 6901) of the place; empty: the whole document
  std::string found;     ///< what is there
  std::string expected;  ///< what would be right
  std::string hint;      ///< "did you mean …", "set by KEY=VALUE"; may be empty
};

/// A config that cannot be run: exit code 2. The message lists the issues, one per line;
/// `issues()` has all of them, however many.
class ConfigError : public UserError {
 public:
  ConfigError(const std::string& origin, std::vector<ConfigIssue> issues);
  [[nodiscard]] const std::vector<ConfigIssue>& issues() const { return issues_; }

 private:
  std::vector<ConfigIssue> issues_;
};

}  // namespace reluscope
