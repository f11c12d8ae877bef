#pragma once

#include <string>

namespace reluscope {

/// The frame of a report: style, the script for hovering, and the policy that forbids every fetch. `title` and `body`
/// are HTML.
std::string html_page(const std::string& title, const std::string& body);

}  // namespace reluscope
