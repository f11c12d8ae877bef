#pragma once
// A prescription, for people and for programs.

#include <string>

#include "report/terminal.hpp"
#include "trials/prescribe.hpp"

namespace reluscope {

/// The candidates, the best first: seeds run, objective, dead units, runs without the findings, steps/s.
std::string screening_table(const Prescription& prescription, TableStyle style);
/// On fresh seeds: the original, the winner, and a random change.
std::string confirmation_table(const Prescription& prescription, TableStyle style);
/// `patch`: the winning change as JSON Patch, or empty.
std::string prescription_json(const Prescription& prescription, const std::string& patch);

}  // namespace reluscope
