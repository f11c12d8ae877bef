#pragma once

#include <vector>

#include "diagnose/run_tables.hpp"
#include "report/figure.hpp"

namespace reluscope {

/// Loss and accuracy: of the batches, smoothed, with their own values behind; and of both sets at each evaluation.
std::vector<Figure> learning_figures(const RunTables& tables);

}  // namespace reluscope
