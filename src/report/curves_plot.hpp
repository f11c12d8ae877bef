#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace reluscope {

struct Curve {
  std::string name;
  std::vector<double> z, a, derivative;
};

/// Small multiples: each activation (solid) and its derivative (dashed), with ReLU in grey behind it. Their names are
/// words of ours. In the format that the ending of the file asks for; SVG where it has none. Throws UsageError for an
/// ending of another format; IoError where gnuplot is missing.
std::string curves_picture(const std::vector<Curve>& curves, const Curve& relu, const std::filesystem::path& file);
/// Throws UsageError where the ending is none of those.
void check_picture_ending(const std::filesystem::path& file);

}  // namespace reluscope
