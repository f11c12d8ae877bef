#pragma once

#include <cstddef>
#include <initializer_list>
#include <string>
#include <utility>
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

/// Everything that is wrong with a config. A generated one can be wrong in a million places, and nobody reads further
/// than the first hundred: these are kept, the others are counted.
class ConfigIssues {
 public:
  ConfigIssues() = default;
  ConfigIssues(std::initializer_list<ConfigIssue> issues) {
    for (const ConfigIssue& issue : issues) push_back(issue);
  }

  /// `make` says what is wrong, and is asked only where that will be read: to find the nearest name takes its time.
  template <class Make>
  void add(Make make) {
    if (++count_ <= kMost) kept_.push_back(make());
  }
  void push_back(ConfigIssue issue) {
    add([&] { return std::move(issue); });
  }

  [[nodiscard]] bool empty() const { return count_ == 0; }
  /// All of them.
  [[nodiscard]] std::size_t size() const { return count_; }
  // The first ones.
  [[nodiscard]] auto begin() const { return kept_.begin(); }
  [[nodiscard]] auto end() const { return kept_.end(); }
  [[nodiscard]] auto begin() { return kept_.begin(); }
  [[nodiscard]] auto end() { return kept_.end(); }
  [[nodiscard]] const ConfigIssue& operator[](std::size_t at) const { return kept_[at]; }

 private:
  static constexpr std::size_t kMost = 100;
  std::vector<ConfigIssue> kept_;
  std::size_t count_ = 0;
};

/// A config that cannot be run: exit code 2. The message lists the issues, one per line, and says how many more there
/// are.
class ConfigError : public UserError {
 public:
  ConfigError(const std::string& origin, ConfigIssues issues);
  [[nodiscard]] const ConfigIssues& issues() const { return issues_; }

 private:
  ConfigIssues issues_;
};

}  // namespace reluscope
