#include "trials/sweep.hpp"

#include <algorithm>
#include <charconv>
#include <map>
#include <set>

#include "config/config_error.hpp"
#include "config/json_text.hpp"
#include "trials/results.hpp"
#include "trials/sweep_file.hpp"
#include "util/error.hpp"
#include "util/hash.hpp"
#include "util/input.hpp"
#include "util/json_file.hpp"
#include "util/output_place.hpp"
#include "util/text_file.hpp"

namespace reluscope {

namespace {

std::string id_of(const std::vector<std::string>& job_ids) {
  std::string all;
  for (const std::string& id : job_ids) all += id + '\n';
  return content_hash(all);
}

std::string sweep_document(const Sweep& sweep) {
  nlohmann::ordered_json document;
  document["sweep"] = sweep.id;
  document["name"] = sweep.name;
  document["jobs"] = sweep.jobs.size();
  document["keys"] = sweep.keys;
  document["schema_version"] = kSchemaVersion;
  document["version"] = RELUSCOPE_VERSION;
  return document.dump(2) + "\n";
}

std::string shard_name(const ShardOfJobs& shard) {
  if (shard.count == 1) return "results";
  return "shard-" + std::to_string(shard.index) + "-of-" + std::to_string(shard.count);
}

/// What a directory with shards is about.
struct SweepFacts {
  std::string id;
  std::int64_t jobs = 0;
};
SweepFacts read_facts(const std::filesystem::path& directory) {
  const std::filesystem::path path = directory / "sweep.json";
  const nlohmann::ordered_json document = read_json_object(path);
  if (!document.contains("sweep") || !document["sweep"].is_string() || !document.contains("jobs") ||
      !document["jobs"].is_number_integer())
    throw DataError(path.string() + ": expected what `reluscope sweep` wrote: an object with sweep and jobs");
  return {document["sweep"], document["jobs"]};
}

/// "3, 5, 8, …" of at most five.
std::string list_numbers(const std::vector<std::int64_t>& numbers) {
  std::string list;
  for (std::size_t at = 0; at < std::min<std::size_t>(5, numbers.size()); ++at)
    list += (at > 0 ? ", " : "") + std::to_string(numbers[at]);
  return numbers.size() > 5 ? list + ", …" : list;
}

}  // namespace

Sweep load_sweep(const std::filesystem::path& file) {
  SweepFile definition = read_sweep_file(file);
  Sweep sweep;
  sweep.name = definition.name;
  sweep.source = definition.source;
  sweep.keys = definition.keys;
  for (const auto& setting : definition.settings)
    for (const std::uint64_t seed : definition.seeds) {
      if (definition.run_cap && static_cast<std::int64_t>(sweep.jobs.size()) >= *definition.run_cap) break;
      Job& job = sweep.jobs.emplace_back();
      job.number = static_cast<std::int64_t>(sweep.jobs.size()) - 1;
      for (std::size_t key = 0; key < definition.keys.size(); ++key) {
        std::string& text = job.settings.emplace_back();
        if (key >= setting.size() || !setting[key]) continue;
        text = setting[key]->is_string() ? setting[key]->get<std::string>() : setting[key]->dump();
        job.overrides.push_back(definition.keys[key] + '=' + setting[key]->dump());
      }
      job.seed = seed;
    }
  identify(sweep.source, sweep.jobs);
  std::vector<std::string> ids;
  for (const Job& job : sweep.jobs) ids.push_back(job.id);
  sweep.id = id_of(ids);
  return sweep;
}

ShardOfJobs parse_shard(const std::string& text) {
  ShardOfJobs shard;
  const char* end = text.data() + text.size();
  const auto first = std::from_chars(text.data(), end, shard.index);
  const bool slash = first.ec == std::errc() && first.ptr != end && *first.ptr == '/';
  const auto second = slash ? std::from_chars(first.ptr + 1, end, shard.count) : first;
  if (!slash || second.ec != std::errc() || second.ptr != end || shard.index < 1 || shard.count < shard.index)
    throw UsageError("--shard " + text + ": expected I/N with 1 ≤ I ≤ N, for example 2/8");
  return shard;
}

bool run_sweep(const Sweep& sweep, const ShardOfJobs& shard, const std::filesystem::path& directory, int threads,
               const std::atomic<int>* stop, const std::function<void(const SweepProgress&)>& begin,
               const std::function<void(const Trial&)>& progress, const std::filesystem::path& keep) {
  make_directory(directory);
  const std::filesystem::path document = directory / "sweep.json";
  // Another process may begin at the same moment.
  const bool mine_first = !has_file(document) && create_file_atomically(document, sweep_document(sweep));
  if (!mine_first && read_facts(directory).id != sweep.id)
    throw IoError("'" + directory.string() +
                  "' holds another sweep, or this one with other settings: choose another "
                  "directory with --out");
  std::vector<Job> mine;
  for (const Job& job : sweep.jobs)
    if (job.number % shard.count == shard.index - 1) mine.push_back(job);
  const std::filesystem::path finished = directory / (shard_name(shard) + ".csv");
  const auto total = static_cast<std::int64_t>(mine.size());
  if (has_file(finished)) {
    begin({total, total});
    return true;
  }
  const std::filesystem::path part = directory / (shard_name(shard) + ".part.csv");
  const std::string header = results_header(sweep.keys);
  std::map<std::int64_t, std::string> rows;
  {
    ResultsJournal journal(part, header);
    for (const ResultsRow& row : journal.rows()) {
      const auto job = static_cast<std::size_t>(row.job);
      if (row.job < 0 || job >= sweep.jobs.size() || sweep.jobs[job].id != row.id)
        throw IoError("'" + part.string() + "' has rows of another sweep: choose another directory with --out");
      rows[row.job] = row.line;
    }
    std::erase_if(mine, [&](const Job& job) { return rows.contains(job.number); });
    begin({total, total - static_cast<std::int64_t>(mine.size())});
    run_fleet(
        sweep.source, mine, threads, stop,
        [&](const Job& job, const Trial& trial) {
          std::string line = results_row(job, trial.figures);
          journal.append(line);
          rows[job.number] = std::move(line);
          progress(trial);
        },
        keep);
    if (static_cast<std::int64_t>(rows.size()) < total) return false;
    std::string text = header;
    for (const auto& [number, line] : rows) text += line;
    write_file_atomically(finished, text);
  }
  std::error_code error;
  std::filesystem::remove(part, error);
  return true;
}

std::string merge_shards(const std::vector<std::filesystem::path>& directories) {
  SweepFacts sweep;
  std::string header;
  std::map<std::int64_t, ResultsRow> rows;
  std::vector<std::int64_t> twice;
  std::set<std::filesystem::path> seen;
  std::vector<std::filesystem::path> unfinished;
  for (const std::filesystem::path& directory : directories) {
    if (!seen.insert(std::filesystem::weakly_canonical(directory)).second) continue;
    const SweepFacts facts = read_facts(directory);
    if (sweep.id.empty()) sweep = facts;
    if (facts.id != sweep.id)
      throw DataError(directory.string() + " belongs to sweep " + facts.id + ", " + directories.front().string() +
                      " to " + sweep.id + ": only shards of one sweep can be joined");
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::directory_iterator(directory)) {
      const std::string name = entry.path().filename().string();
      if (!name.starts_with("shard-") || !name.ends_with(".csv")) continue;
      (name.ends_with(".part.csv") ? unfinished : files).push_back(entry.path());
    }
    std::sort(files.begin(), files.end());
    for (const std::filesystem::path& file : files) {
      const std::string text = read_whole_file(file);
      const std::string own = text.substr(0, text.find('\n') + 1);
      if (header.empty()) header = own;
      if (own != header) throw DataError(file.string() + ": its columns are not those of the other shards");
      for (ResultsRow& row : read_results(text, file.string())) {
        const std::int64_t job = row.job;
        if (!rows.emplace(job, std::move(row)).second) twice.push_back(job);
      }
    }
  }
  if (!twice.empty())
    throw DataError("shards overlap: " + std::to_string(twice.size()) + " runs are there twice (" +
                    list_numbers(twice) + ")");
  std::vector<std::int64_t> missing;
  for (std::int64_t job = 0; job < sweep.jobs; ++job)
    if (!rows.contains(job)) missing.push_back(job);
  if (!missing.empty())
    throw DataError(std::to_string(missing.size()) + " of " + std::to_string(sweep.jobs) + " runs are missing (" +
                    list_numbers(missing) + ")" +
                    (unfinished.empty() ? "" : ": " + unfinished.front().string() + " is not finished"));
  std::vector<std::string> ids;
  std::string text = header;
  for (const auto& [number, row] : rows) {
    ids.push_back(row.id);
    text += row.line;
  }
  if (id_of(ids) != sweep.id)
    throw DataError("the runs are not those of sweep " + sweep.id + ": shards of another one are among them");
  return text;
}

}  // namespace reluscope
