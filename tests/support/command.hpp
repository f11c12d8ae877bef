#pragma once
// Runs the built binary as a user would, and keeps what it says.

#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "support/text.hpp"

namespace reluscope::test {

inline std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

inline std::string read_file(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

inline void write_file(const std::filesystem::path& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

/// A directory of its own for a test, removed at the end.
class Workplace {
 public:
  Workplace() {
    std::string pattern = (std::filesystem::temp_directory_path() / "reluscope-cli-XXXXXX").string();
    path_ = ::mkdtemp(pattern.data());
  }
  Workplace(const Workplace&) = delete;
  Workplace& operator=(const Workplace&) = delete;
  ~Workplace() { std::filesystem::remove_all(path_); }

  struct Result {
    int exit_code = -1;  ///< 128 + signal where a signal ended it
    std::string out;
    std::string err;
  };

  /// Runs a shell line in the directory. $R is the binary, $S the source directory.
  Result shell(const std::string& line) const {
    const std::string script = "cd '" + path_.string() + "' && R='" + environment("RELUSCOPE_BINARY") + "' S='" +
                               environment("RELUSCOPE_SOURCE_DIR") + "'\n{ " + line + "\n} >'" +
                               (path_ / ".out").string() + "' 2>'" + (path_ / ".err").string() + "' </dev/null";
    ::setenv("RELUSCOPE_TEST_SCRIPT", script.c_str(), 1);  // past all quoting
    const int status = std::system("bash -c \"$RELUSCOPE_TEST_SCRIPT\"");
    Result result;
    result.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    result.out = read_file(path_ / ".out");
    result.err = read_file(path_ / ".err");
    return result;
  }

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace reluscope::test
