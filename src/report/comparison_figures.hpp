#pragma once
// The charts of a comparison: a variant has one colour in all of them.

#include <vector>

#include "report/comparison_page.hpp"
#include "report/figure.hpp"

namespace reluscope {

/// The figure that decides over the run, dead units, bias shift and sparsity, gradient by depth, slopes, cost: those
/// for which something was measured.
std::vector<Figure> variant_figures(const ComparisonPage& page);

/// φ over the pre-activations of each variant, and deaths of the reference.
std::vector<Figure> explaining_figures(const ComparisonPage& page);

/// Where the second thing that is varied is a number: the deciding figure, and dead units, over it, a line for each
/// value of the first.
std::vector<Figure> factor_figures(const ComparisonPage& page);

}  // namespace reluscope
