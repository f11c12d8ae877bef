#pragma once
// Faults that a user can cause. One type per kind, thrown where the fault is found, caught once in `main`, which
// prints `what()` and exits with `exit_code()`. Programming errors are std::logic_error or assertions.

#include <stdexcept>
#include <string>

namespace reluscope {

/// Exit codes of the command line (see `reluscope --help`).
enum ExitCode : int { kDone = 0, kRunFailed = 1, kBadUsage = 2, kFindings = 3 };

/// What it says may be shown: file names, keys and cells in the message can be anything, and are made printable()
/// (util/format.hpp).
class UserError : public std::runtime_error {
 public:
  UserError(const std::string& message, ExitCode code);
  [[nodiscard]] ExitCode exit_code() const { return exit_code_; }

 private:
  ExitCode exit_code_;
};

/// Bad usage of the command line: exit code 2.
class UsageError : public UserError {
 public:
  explicit UsageError(const std::string& message) : UserError(message, kBadUsage) {}
};

/// A data file that is missing, malformed or does not fit the config: exit code 2. The message names the file, the
/// place in it (line or byte), what was found and what would be right.
class DataError : public UserError {
 public:
  explicit DataError(const std::string& message) : UserError(message, kBadUsage) {}
};

/// Reading or writing failed while the work was going on (disk full, closed directory, …): exit code 1.
class IoError : public UserError {
 public:
  explicit IoError(const std::string& message) : UserError(message, kRunFailed) {}
};

/// "cannot WHAT 'NAME': No space left on device": errno says why, right after a system call. Throws IoError.
[[noreturn]] void throw_errno(const std::string& what, const std::string& name);

}  // namespace reluscope
