#include "cli/next_command.hpp"

#include <algorithm>
#include <vector>

#include "report/prescribe_report.hpp"
#include "util/input.hpp"

namespace reluscope {

std::string next_command(const Diagnosis& diagnosis, const RunOptions& options,
                         const std::filesystem::path& directory) {
  // The first one is the first cause.
  const auto finding = std::find_if(diagnosis.findings.begin(), diagnosis.findings.end(), [](const Finding& one) {
    return one.severity != Severity::info && one.symptom_of.empty();
  });
  std::vector<std::string> words = {"reluscope"};
  if (finding == diagnosis.findings.end()) {
    if (!options.report.empty()) return "";
    words.insert(words.end(), {"report", directory.string()});
  } else if (!finding->changes.empty() && options.config != "-" && has_file(options.config)) {
    words.insert(words.end(), {"prescribe", options.config});
    words.insert(words.end(), options.overrides.begin(), options.overrides.end());
  } else {
    words.insert(words.end(), {"explain", finding->rule});
  }
  return shell_line(words);
}

}  // namespace reluscope
