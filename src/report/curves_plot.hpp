#pragma once

#include <string>
#include <vector>

namespace reluscope {

struct Curve {
  std::string name;
  std::vector<double> z, a, derivative;
};

/// Small multiples as one SVG: each activation (solid) and its derivative (dashed), with ReLU in grey behind it. Throws
/// IoError where gnuplot is missing.
std::string curves_svg(const std::vector<Curve>& curves, const Curve& relu);

}  // namespace reluscope
