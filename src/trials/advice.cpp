#include "trials/advice.hpp"

#include <algorithm>

#include "experiment/resume.hpp"
#include "trace/run_directory.hpp"
#include "trials/remedies.hpp"
#include "util/error.hpp"
#include "util/input.hpp"
#include "util/json_file.hpp"

namespace reluscope {

void advise_by_manifest(const std::filesystem::path& run, Diagnosis& diagnosis) {
  const std::filesystem::path manifest_file = (has_directory(run) ? run : run.parent_path()) / RunDirectory::kManifest;
  if (!has_own_file(manifest_file)) return;
  try {
    const nlohmann::ordered_json manifest = read_json_object(manifest_file);
    const ExperimentSpec spec = spec_of_manifest(manifest, manifest_file);
    const nlohmann::ordered_json data = member_or(manifest, "data", nlohmann::ordered_json::object());
    PatientFacts facts;
    facts.train_samples = member_or(data, "train_samples", std::int64_t{0});
    facts.input = Shape(member_or(data, "features", Index{1}));
    if (const auto sides = member_or(data, "shape", std::vector<Index>());
        sides.size() == 3 && std::ranges::min(sides) > 0)
      facts.input = Shape(sides[0], sides[1], sides[2]);
    for (const Task task : {Task::classification, Task::regression, Task::reconstruction})
      if (member_or(data, "task", std::string()) == task_name(task)) facts.task = task;
    if (facts.train_samples > 0) advise(diagnosis, spec, facts);
  } catch (const UserError&) {
    // Another program's, or an older one's: the remedies keep their names.
  }
}

}  // namespace reluscope
