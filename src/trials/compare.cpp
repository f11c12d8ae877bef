#include "trials/compare.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "trace/table_reader.hpp"
#include "util/error.hpp"
#include "util/format.hpp"
#include "util/hash.hpp"

namespace reluscope {

namespace {

/// What the rows of compare.csv follow from.
std::string comparison_id(const Variation& variation, std::span<const Job> jobs) {
  std::string all;
  for (const std::string& key : variation.keys) all += key + '\n';
  for (const Job& job : jobs) {
    all += job.id;
    for (const std::string& value : job.settings) all.append("\n").append(value);
  }
  return content_hash(all);
}

/// A row of the journal: that of compare.csv, how long the run took, and its evaluations.
constexpr const char* kMoreColumns = ",seconds,curve";
constexpr std::size_t kMoreCells = 2;

/// "STEP EPOCH TRAIN_LOSS TRAIN_ACCURACY TEST_LOSS TEST_ACCURACY;…", with - for what there is not.
std::string curve_text(std::span<const EvaluationRecord> curve) {
  std::string text;
  const auto append = [&text](const std::optional<double>& value) {
    text += ' ';
    if (value) {
      append_number(text, *value);
    } else {
      text += '-';
    }
  };
  for (const EvaluationRecord& row : curve) {
    if (!text.empty()) text += ';';
    append_number(text, row.step);
    text += ' ';
    append_number(text, row.epoch);
    append(row.train_loss);
    append(row.train_accuracy);
    append(row.test_loss);
    append(row.test_accuracy);
  }
  return text;
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (std::size_t first = 0; first <= text.size();) {
    const std::size_t end = std::min(text.find(separator, first), text.size());
    parts.push_back(text.substr(first, end - first));
    first = end + 1;
  }
  return parts;
}

std::optional<std::vector<EvaluationRecord>> read_curve(std::string_view text) {
  std::vector<EvaluationRecord> curve;
  if (text.empty()) return curve;
  for (const std::string_view point : split(text, ';')) {
    const std::vector<std::string_view> words = split(point, ' ');
    EvaluationRecord& row = curve.emplace_back();
    const auto read = [](std::string_view word, std::optional<double>& value) {
      return word == "-" || detail::read_cell(word, value) == nullptr;
    };
    constexpr std::size_t kWords = 6;
    if (words.size() != kWords || detail::read_cell(words[0], row.step) != nullptr ||
        detail::read_cell(words[1], row.epoch) != nullptr || detail::read_cell(words[2], row.train_loss) != nullptr ||
        !read(words[3], row.train_accuracy) || !read(words[4], row.test_loss) || !read(words[5], row.test_accuracy))
      return std::nullopt;
  }
  return curve;
}

}  // namespace

std::vector<Job> comparison_jobs(const ConfigSource& source, const Variation& variation,
                                 const std::vector<std::string>& overrides, std::uint64_t first_seed,
                                 std::int64_t seeds) {
  const std::int64_t count = std::ssize(variation.variants);
  if (count > kMostCompared / seeds)
    throw UsageError(std::to_string(count) + " variants × " + std::to_string(seeds) + " seeds: expected at most " +
                     std::to_string(kMostCompared) + " runs; reluscope sweep makes more");
  std::vector<Job> jobs;
  for (const Variant& variant : variation.variants)
    for (std::int64_t seed = 0; seed < seeds; ++seed) {
      Job& job = jobs.emplace_back();
      job.settings = variant.settings;
      job.overrides = overrides;
      job.overrides.insert(job.overrides.end(), variant.overrides.begin(), variant.overrides.end());
      job.seed = first_seed + static_cast<std::uint64_t>(seed);
      job.keep = Keep::curve;
    }
  identify(source, jobs);
  // Seed by seed, so that neighbours share their data.
  std::vector<Job> ordered;
  const std::size_t variants = variation.variants.size();
  for (std::size_t seed = 0; seed < static_cast<std::size_t>(seeds); ++seed)
    for (std::size_t variant = 0; variant < variants; ++variant) {
      ordered.push_back(jobs[variant * static_cast<std::size_t>(seeds) + seed]);
      ordered.back().number = static_cast<std::int64_t>(ordered.size()) - 1;
    }
  return ordered;
}

void count_steps_to_loss(ComparedRuns& runs, std::span<const std::size_t> shown) {
  for (const std::size_t variant : shown)
    for (std::size_t seed = 0; seed < runs.trials[variant].size(); ++seed) {
      const Trial& reference = runs.trials[shown.front()][seed];
      Trial& trial = runs.trials[variant][seed];
      trial.record.steps_to_loss.reset();
      trial.steps_to_loss = kNaN;
      if (reference.record.failed() || reference.curve.empty() || trial.curve.empty()) continue;
      trial.record.steps_to_loss = steps_to_loss(trial.curve, reference.curve.back().train_loss);
      if (!trial.record.failed())
        trial.steps_to_loss = static_cast<double>(trial.record.steps_to_loss.value_or(trial.record.steps + 1));
    }
}

void count_steps_to_loss(ComparedRuns& runs) {
  std::vector<std::size_t> all(runs.variants.size());
  std::iota(all.begin(), all.end(), std::size_t{0});
  count_steps_to_loss(runs, all);
}

std::optional<ComparisonRuns> run_comparison(const ConfigSource& source, const Variation& variation,
                                             std::span<const Job> jobs, const ComparisonControl& control,
                                             const ComparisonBegin& begin,
                                             const std::function<void(const Trial&)>& progress) {
  const std::size_t variants = variation.variants.size();
  const ResultColumns columns(variation.keys);
  ComparisonRuns runs;
  runs.compared.variants = variation.variants;
  runs.compared.trials.assign(variants, std::vector<Trial>(jobs.size() / variants));
  for (std::size_t at = 0; at < jobs.size(); at += variants) runs.compared.seeds.push_back(jobs[at].seed);
  std::vector<char> made(jobs.size());  // written by one thread while others read their own
  std::int64_t there = 0;
  const auto take = [&](std::int64_t job, const Trial& trial) {
    const auto at = static_cast<std::size_t>(job);
    made[at] = 1;
    runs.failed += trial.record.failed() ? 1 : 0;
    Trial& kept = runs.compared.trials[at % variants][at / variants];
    kept = trial;
    kept.diagnosis = {};
    ++there;
  };
  const auto take_row = [&](std::int64_t job, std::string_view row, std::uint64_t) {
    const std::vector<std::string> cells = split_row(row);
    const std::optional<TrialRecord> record = columns.record(cells, kMoreCells);
    if (!record || job >= std::ssize(jobs) || made[static_cast<std::size_t>(job)] != 0) return false;
    Trial trial;
    trial.record = *record;
    std::optional<std::vector<EvaluationRecord>> curve = read_curve(cells.back());
    if (!curve || detail::read_cell(cells[cells.size() - kMoreCells], trial.seconds) != nullptr) return false;
    trial.curve = std::move(*curve);
    take(job, trial);
    return true;
  };
  std::string warning;
  if (!control.journal.empty()) try {
      runs.journal.emplace(control.journal, columns.header() + kMoreColumns, comparison_id(variation, jobs), take_row);
      warning = runs.journal->damage();
    } catch (const JournalInUse& fault) {
      // Two that are made at once both come to their end, and the last one's results stay.
      warning = std::string(fault.what()) + ". This comparison keeps no journal";
    }
  begin(there, warning);
  run_fleet(
      source, std::ssize(jobs),
      [&](std::int64_t place) {
        const auto at = static_cast<std::size_t>(place);
        return made[at] != 0 ? std::nullopt : std::optional(jobs[at]);
      },
      control.threads, control.stop,
      [&](const Job& job, const Trial& trial) {
        if (runs.journal)
          runs.journal->append(columns.row(job, trial.record) + ',' + format_number(trial.seconds) + ',' +
                               curve_text(trial.curve));
        take(job.number, trial);
        progress(trial);
      },
      control.traces);
  if (there < std::ssize(jobs)) {
    if (there == 0 && runs.journal) runs.journal->remove();
    return std::nullopt;
  }
  count_steps_to_loss(runs.compared);
  for (std::size_t at = 0; at < jobs.size(); ++at)
    runs.rows.push_back(columns.row(jobs[at], runs.compared.trials[at % variants][at / variants].record));
  return runs;
}

}  // namespace reluscope
