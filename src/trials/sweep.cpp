#include "trials/sweep.hpp"

#include <algorithm>
#include <limits>

#include "trials/sweep_file.hpp"

namespace reluscope {

namespace {

using Json = nlohmann::json;

std::vector<std::string> overrides_of(const Sweep& sweep, const std::vector<std::optional<Json>>& setting) {
  std::vector<std::string> overrides;
  for (std::size_t key = 0; key < sweep.keys.size(); ++key)
    if (setting[key]) overrides.push_back(sweep.keys[key] + '=' + setting[key]->dump());
  return overrides;
}

/// Numbers of the settings whose configs are looked at before anything is run.
std::vector<std::int64_t> settings_to_check(const Sweep& sweep) {
  // A cap on the runs may leave out settings at the end.
  const std::int64_t used = sweep.runs == 0 ? 0 : (sweep.runs - 1) / sweep.seeds.count + 1;
  std::vector<std::int64_t> numbers;
  if (sweep.method != SweepMethod::grid || used <= kCheckedSettings) {
    for (std::int64_t number = 0; number < std::min(used, kCheckedSettings); ++number) numbers.push_back(number);
    return numbers;
  }
  // Each value beside the first ones of the other keys.
  std::int64_t stride = 1;
  for (auto parameter = sweep.parameters.rbegin(); parameter != sweep.parameters.rend(); ++parameter) {
    const auto values = static_cast<std::int64_t>(parameter->values.size());
    for (std::int64_t value = stride == 1 ? 0 : 1; value < values; ++value) {
      const std::int64_t number = saturated_product(value, stride);
      if (number >= used || std::ssize(numbers) == kCheckedSettings) break;
      numbers.push_back(number);
    }
    stride = saturated_product(stride, values);
  }
  return numbers;
}

}  // namespace

std::int64_t saturated_product(std::int64_t a, std::int64_t b) {
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
  return b != 0 && a > kMost / b ? kMost : a * b;
}

std::uint64_t Seeds::at(std::int64_t place) const {
  return list.empty() ? first + static_cast<std::uint64_t>(place) : list[static_cast<std::size_t>(place)];
}

std::vector<std::optional<Json>> Sweep::setting(std::int64_t number) const {
  std::vector<std::optional<Json>> values(keys.size());
  if (method == SweepMethod::list) {
    const Json& entry = listed[static_cast<std::size_t>(number)];
    for (std::size_t key = 0; key < keys.size(); ++key)
      if (const auto found = entry.find(keys[key]); found != entry.end()) values[key] = *found;
  } else if (method == SweepMethod::random) {
    // Each from a stream of its own, so that a larger run_cap only adds to a sweep.
    Rng random(draw_seed, Purpose::search, static_cast<std::uint64_t>(number));
    for (std::size_t key = 0; key < keys.size(); ++key) {
      const SweepParameter& parameter = parameters[key];
      values[key] = parameter.distribution != nullptr
                        ? parameter.distribution->draw(parameter.params, random)
                        : parameter.values[static_cast<std::size_t>(random.below(parameter.values.size()))];
    }
  } else {
    for (std::size_t key = keys.size(); key-- > 0;) {
      const auto count = static_cast<std::int64_t>(parameters[key].values.size());
      values[key] = parameters[key].values[static_cast<std::size_t>(number % count)];
      number /= count;
    }
  }
  return values;
}

Job Sweep::job(std::int64_t number) const {
  Job job;
  job.number = number;
  job.seed = seeds.at(number % seeds.count);
  job.target_loss = target_loss;
  if (target_loss) job.keep = Keep::curve;
  const std::vector<std::optional<Json>> values = setting(number / seeds.count);
  job.overrides = overrides_of(*this, values);
  for (const std::optional<Json>& value : values) {
    std::string& text = job.settings.emplace_back();
    if (value) text = value->is_string() ? value->get<std::string>() : value->dump();
  }
  return job;
}

Sweep load_sweep(const std::filesystem::path& file) {
  Sweep sweep = read_sweep_file(file);
  for (const std::int64_t number : settings_to_check(sweep))
    (void)sweep.source.parse(overrides_of(sweep, sweep.setting(number)));
  return sweep;
}

}  // namespace reluscope
