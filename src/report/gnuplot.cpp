#include "report/gnuplot.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>

#include "util/own_directory.hpp"
#include "util/signals.hpp"
#include "util/text_file.hpp"

namespace reluscope {

namespace {

constexpr const char* kScriptName = "script.gp";
constexpr const char* kMessages = "messages";

}  // namespace

GnuplotPlace::GnuplotPlace() {
  std::error_code error;
  const std::filesystem::path home = std::filesystem::temp_directory_path(error);
  std::string pattern = (home / "reluscope-charts-XXXXXX").string();
  if (error || ::mkdtemp(pattern.data()) == nullptr)
    throw IoError("cannot make a directory for charts" +
                  (error ? ": TMPDIR: " + error.message() : " '" + pattern + "': " + std::strerror(errno)));
  path_ = pattern;
}

GnuplotPlace::~GnuplotPlace() {
  try {
    for (const std::string& name : names_in(path_)) ::unlink((path_ / name).c_str());
    ::rmdir(path_.c_str());
  } catch (const std::exception&) {  // no memory: then it stays
  }
}

std::string GnuplotPlace::run(const std::function<void(std::ostream& script)>& write) const {
  std::ofstream script(path_ / kScriptName);
  write(script);
  script.close();
  if (!script) throw IoError("cannot write into " + path_.string());
  const pid_t child = ::fork();
  if (child < 0) throw IoError("cannot start gnuplot");
  if (child == 0) {
    // stdout and stderr go into a file; nothing of the environment changes what is drawn.
    if (::chdir(path_.c_str()) != 0 || std::freopen(kMessages, "w", stderr) == nullptr || ::dup2(2, 1) < 0)
      std::_Exit(126);
    ::unsetenv("GNUTERM");
    restore_inherited_signals();
    ::execlp("gnuplot", "gnuplot", "-d", kScriptName, static_cast<char*>(nullptr));
    std::_Exit(127);
  }
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
  const std::string said = read_whole_file(path_ / kMessages);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
    throw NoGnuplot("gnuplot draws the charts, and is not installed: apt-get install gnuplot-nox");
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) throw IoError("gnuplot failed: " + said.substr(0, 500));
  return said;
}

std::string GnuplotPlace::read(const std::string& file) const { return read_whole_file(path_ / file); }

}  // namespace reluscope
