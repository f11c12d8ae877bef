#pragma once
// gnuplot as a child process. It expands what its script says: neither a path nor a name from a user stands there.

#include <filesystem>
#include <functional>
#include <ostream>
#include <string>

#include "util/error.hpp"

namespace reluscope {

/// gnuplot is not installed.
class NoGnuplot : public IoError {
 public:
  using IoError::IoError;
};

/// A directory of its own for a script and what it draws, removed at the end. gnuplot works in it, so that the names of
/// its files are ours. Throws IoError.
class GnuplotPlace {
 public:
  GnuplotPlace();
  GnuplotPlace(const GnuplotPlace&) = delete;
  GnuplotPlace& operator=(const GnuplotPlace&) = delete;
  ~GnuplotPlace();
  /// Runs the script that is written; what it prints, its messages among it, comes back. Throws NoGnuplot, IoError.
  [[nodiscard]] std::string run(const std::function<void(std::ostream& script)>& write) const;
  /// What it has drawn. Throws IoError.
  [[nodiscard]] std::string read(const std::string& file) const;

 private:
  std::filesystem::path path_;
};

}  // namespace reluscope
