#pragma once
// Which finding is the cause of which.

#include <vector>

#include "diagnose/finding.hpp"

namespace reluscope {

/// Notes whose symptom each warning is, and puts them in the order of Diagnosis::findings (diagnosis.hpp). They come in
/// the order of the table.
void put_causes_first(std::vector<Finding>& findings);

}  // namespace reluscope
