// Studies of many narrow networks: in packs, and one by one.

#include <cstdio>
#include <numeric>

#include "cases.hpp"
#include "experiment/study.hpp"

namespace reluscope::bench {

void measure_packs(const Options& options) {
  const Dataset data = make_data(options);
  const bool train = options.task == "train";
  constexpr std::int64_t kSteps = 100;
  const ExperimentSpec spec = make_experiment(options, kSteps, 1);
  const StudyWay way = options.way == "pack" ? StudyWay::fastest : StudyWay::one_by_one;
  ThreadPool pool(options.threads);
  std::vector<std::uint64_t> seeds(static_cast<std::size_t>(options.nets));
  std::iota(seeds.begin(), seeds.end(), std::uint64_t{1});
  std::vector<StudyOutcome> outcomes;
  const auto times = time_calls(
      [&] { outcomes = run_study(spec, data, seeds, pool, train ? kSteps : 0, way); }, options.seconds, 3);
  const std::vector<Index> units(options.net.begin() + 1, options.net.end());
  double born_dead = 0.0;
  for (const StudyOutcome& outcome : outcomes) born_dead += is_born_dead(outcome.born_dead, units) ? 1.0 : 0.0;
  const double nets = static_cast<double>(options.nets);
  std::printf("{\"what\":\"pack\",\"task\":\"%s\",\"way\":\"%s\",\"net\":\"%s\",\"threads\":%d,\"%s\":%.0f,",
              options.task.c_str(), options.way.c_str(), net_text(options).c_str(), options.threads,
              train ? "net_steps_per_s" : "nets_per_s", nets * (train ? kSteps : 1) / median(times));
  std::printf("\"born_dead\":%.4f}\n", born_dead / nets);
}

}  // namespace reluscope::bench
