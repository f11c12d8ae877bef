#include "util/error.hpp"

#include <cerrno>
#include <cstring>

#include "util/format.hpp"

namespace reluscope {

UserError::UserError(const std::string& message, ExitCode code)
    : std::runtime_error(printable(message, LineBreaks::kept)), exit_code_(code) {}

void throw_errno(const std::string& what, const std::string& name) {
  throw IoError("cannot " + what + " '" + name + "': " + std::strerror(errno));
}

}  // namespace reluscope
