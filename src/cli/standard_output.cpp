#include "cli/standard_output.hpp"

#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <iostream>
#include <new>

#include "util/error.hpp"
#include "util/text_file.hpp"

namespace reluscope {

namespace {

constexpr std::size_t kMostPending = std::size_t{1} << 16U;

}  // namespace

StandardOutput::StandardOutput() : before_(std::cout.rdbuf(this)) {}

StandardOutput::~StandardOutput() {
  sync();  // whoever cares has called check() before
  std::cout.rdbuf(before_);
}

void StandardOutput::check() {
  std::cout.flush();
  if (error_ == EPIPE) throw BrokenPipe();
  if (error_ != 0) throw IoError(std::string("cannot write to standard output: ") + std::strerror(error_));
}

StandardOutput::int_type StandardOutput::overflow(int_type character) {
  if (traits_type::eq_int_type(character, traits_type::eof())) return traits_type::not_eof(character);
  const char text = traits_type::to_char_type(character);
  return xsputn(&text, 1) == 1 ? character : traits_type::eof();
}

std::streamsize StandardOutput::xsputn(const char* text, std::streamsize size) {
  try {
    pending_.append(text, static_cast<std::size_t>(size));
  } catch (const std::bad_alloc&) {  // the stream would keep it to itself
    error_ = ENOMEM;
  }
  return error_ == 0 && (pending_.size() < kMostPending || sync() == 0) ? size : 0;
}

int StandardOutput::sync() {
  std::string_view rest = pending_;
  while (!rest.empty() && error_ == 0) {
    const ssize_t written = ::write(STDOUT_FILENO, rest.data(), rest.size());
    if (written >= 0) {
      rest.remove_prefix(static_cast<std::size_t>(written));
    } else if (errno != EINTR) {
      error_ = errno;
    }
  }
  pending_.clear();
  return error_ == 0 ? 0 : -1;
}

}  // namespace reluscope
