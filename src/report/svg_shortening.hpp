#pragma once

#include <string>

namespace reluscope {

/// gnuplot's SVG with fewer bytes, and the same to look at: without groups that hold nothing and attributes that say
/// what holds anyway, and with coordinates to a tenth of a unit. Fill and font are those that the element `svg` is
/// given here.
std::string shorten_svg(std::string svg);

}  // namespace reluscope
