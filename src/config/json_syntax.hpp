#pragma once
// What is wrong with text that is no JSON, said of the place where it is wrong.

#include <string>
#include <string_view>

#include "config/config_error.hpp"

namespace reluscope {

/// `error_byte`: how far the parser had come, from 1; `message`: what it says. Where a comma, colon, quote or value
/// is missing or too much, a bracket or comment is never closed, or a word, number or mark is another language's, that
/// is said, and pointed at.
ConfigIssue explain_syntax(std::string_view text, std::size_t error_byte, const std::string& message);

}  // namespace reluscope
