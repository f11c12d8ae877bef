#pragma once

#include <cstddef>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "util/error.hpp"
#include "util/excerpt.hpp"

namespace reluscope {

/// One thing that is wrong with a config.
struct ConfigIssue {
  std::string pointer;                            ///< JSON Pointer (RFC 6901) of the place; empty: the whole document
  std::string found;                              ///< what is there
  std::string expected;                           ///< what would be right
  std::string hint;                               ///< "did you mean …": what helps; may be empty
  std::string cause = {};                         ///< "set by KEY=VALUE", where that is what is wrong; else empty
  std::optional<TextPlace> place = std::nullopt;  ///< in the file, where it is known
};

/// What a word of the command line changed, so that issues can name it.
struct OverrideTrace {
  std::string pointer;
  std::string text;  ///< the override as given
};

/// A config as it was read, kept for messages of later stages.
struct ConfigText {
  std::string text;  ///< empty where no file has it
  std::vector<OverrideTrace> overrides;
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

/// Finds out for each issue what caused it: a word of the command line, or a place in the text. An unknown key is its
/// own place, a wrong value its own, and where something is missing it is the object that lacks it.
void find_places(ConfigIssues& issues, std::string_view text, const std::vector<OverrideTrace>& overrides = {});

/// A config that cannot be run: exit code 2. The message lists the issues with their places, shows the lines of the
/// first ones, and says how many more there are.
class ConfigError : public UserError {
 public:
  ConfigError(const std::string& origin, ConfigIssues issues);
  /// With their places in this text, where there is one.
  ConfigError(const std::string& origin, ConfigIssues issues, const std::shared_ptr<const ConfigText>& text);
  [[nodiscard]] const ConfigIssues& issues() const { return issues_; }

 private:
  ConfigIssues issues_;
};

}  // namespace reluscope
