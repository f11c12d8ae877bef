#pragma once
// Diagnoses of one or several runs in the formats that continuous integration reads.

#include <span>
#include <string>
#include <string_view>

#include "diagnose/diagnosis.hpp"

namespace reluscope {

/// A run that was judged, and where it is.
struct JudgedRun {
  std::string path;  ///< a run directory, or one of its tables
  Diagnosis diagnosis;
};

/// GitHub's workflow commands, one line a finding: ::error, ::warning and ::notice. Nothing where nothing was found.
std::string github_annotations(std::span<const JudgedRun> runs);

/// JUnit's XML, as Jenkins and Surefire have it: a suite a run, a case a rule. The case of a rule that found something
/// at or above `fail_on` has failed; what it found below is its output; a rule that was not applied was skipped.
std::string junit_report(std::span<const JudgedRun> runs, Severity fail_on);

/// SARIF 2.1.0, all runs in one of its runs. `version` is the tool's.
std::string sarif_report(std::span<const JudgedRun> runs, std::string_view version);

}  // namespace reluscope
