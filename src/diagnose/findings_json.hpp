#pragma once
// Findings as JSON.

#include <string>
#include <vector>

#include "diagnose/diagnosis.hpp"
#include "diagnose/finding.hpp"

namespace reluscope {

/// The findings as a JSON array.
std::string findings_json(const std::vector<Finding>& findings);
/// {"worst": …, "findings": […], "skipped": […]}, and a line break; with "run" in front where it is given.
std::string diagnosis_json(const Diagnosis& diagnosis, const std::string& run = "");

}  // namespace reluscope
