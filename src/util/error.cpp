#include "util/error.hpp"

#include "util/format.hpp"

namespace reluscope {

UserError::UserError(const std::string& message, ExitCode code)
    : std::runtime_error(printable(message, LineBreaks::kept)), exit_code_(code) {}

}  // namespace reluscope
