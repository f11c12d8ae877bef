#pragma once

#include <streambuf>
#include <string>

namespace reluscope {

/// What std::cout writes to while this lives: standard output, and unlike the library's own buffer it remembers why a
/// write failed.
class StandardOutput final : public std::streambuf {
 public:
  StandardOutput();
  StandardOutput(const StandardOutput&) = delete;
  StandardOutput& operator=(const StandardOutput&) = delete;
  ~StandardOutput() override;

  /// Flushes std::cout. Throws BrokenPipe where its reader has gone, IoError where something could not be written, now
  /// or earlier.
  void check();

 protected:
  int_type overflow(int_type character) override;
  std::streamsize xsputn(const char* text, std::streamsize size) override;
  int sync() override;

 private:
  std::streambuf* before_;
  std::string pending_;
  int error_ = 0;  ///< errno of the first write that failed
};

}  // namespace reluscope
