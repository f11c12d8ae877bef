#include "trials/shard.hpp"

#include <charconv>
#include <map>
#include <nlohmann/json.hpp>
#include <vector>

#include "trace/column.hpp"
#include "trials/journal.hpp"
#include "trials/results.hpp"
#include "util/error.hpp"
#include "util/input.hpp"
#include "util/json_file.hpp"
#include "util/output_place.hpp"

namespace reluscope {

namespace {

/// Of the files beside sweep.json: with checksums since 2.
constexpr std::int64_t kShardFormat = 2;

std::string sweep_document(const Sweep& sweep) {
  nlohmann::ordered_json document;
  document["sweep"] = sweep.id;
  document["name"] = sweep.name;
  document["jobs"] = sweep.runs;
  document["keys"] = sweep.keys;
  document["shard_format"] = kShardFormat;
  document["schema_version"] = kSchemaVersion;
  document["version"] = RELUSCOPE_VERSION;
  return document.dump(2) + "\n";
}

void begin_directory(const Sweep& sweep, const std::filesystem::path& directory) {
  make_directory(directory);
  const std::filesystem::path document = directory / "sweep.json";
  // Another process may begin at the same moment.
  if (!has_file(document) && create_file_atomically(document, sweep_document(sweep))) return;
  if (read_sweep_facts(directory).id == sweep.id) return;
  throw IoError("'" + directory.string() +
                "' holds another sweep, or this one with other settings: choose another directory with --out");
}

/// A finished shard is what was written: all rows, in their order.
void check_shard(const Sweep& sweep, const ShardOfJobs& shard, const std::filesystem::path& file) {
  SealedRows rows(file);
  if (!rows.header() || rows.header()->owner != sweep.id ||
      rows.header()->columns != ResultColumns(sweep.keys).header())
    refuse_shard(file, 1, "found no header of this sweep with its right checksum");
  const std::int64_t total = shard.size(sweep.runs);
  for (std::int64_t place = 0; place < total; ++place)
    if (rows.next() != SealedRows::Found::row || rows.job() != shard.job(place))
      refuse_shard(file, rows.line(), "expected the row of run " + std::to_string(shard.job(place)));
  if (rows.next() != SealedRows::Found::end) refuse_shard(file, rows.line(), "expected the end");
}

/// The rows in their order, as the finished file has them: the results of all runs are plain CSV.
void write_finished(const Sweep& sweep, bool plain, const std::filesystem::path& file, Journal& journal,
                    const std::vector<std::uint64_t>& places) {
  const std::string header = ResultColumns(sweep.keys).header();
  write_large_file_atomically(file, [&](const WritePiece& write) {
    write(plain ? header + '\n' : seal_header(header, sweep.id));
    for (const std::uint64_t place : places) {
      const std::string_view row = journal.row_at(place);
      write(plain ? std::string(row) + '\n' : seal_row(row, sweep.id));
    }
  });
}

}  // namespace

std::int64_t ShardOfJobs::size(std::int64_t runs) const { return runs < index ? 0 : (runs - index) / count + 1; }

std::optional<std::int64_t> ShardOfJobs::place(std::int64_t job) const {
  return job % count == index - 1 ? std::optional(job / count) : std::nullopt;
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

std::string shard_name(const ShardOfJobs& shard) {
  if (shard.count == 1) return "results";
  return "shard-" + std::to_string(shard.index) + "-of-" + std::to_string(shard.count);
}

void refuse_shard(const std::filesystem::path& file, std::uint64_t line, const std::string& found) {
  std::string part = file.stem().string();  // shard-2-of-8
  part.erase(0, std::string_view("shard-").size());
  if (const std::size_t of = part.find("-of-"); of != std::string::npos) part.replace(of, 4, "/");
  throw DataError(file.string() + ", line " + std::to_string(line) + ": the shard is not as it was written: " + found +
                  ". Make it again: rm '" + file.string() + "' && reluscope sweep SWEEP --shard " + part + " --out '" +
                  file.parent_path().string() + "'");
}

SweepFacts read_sweep_facts(const std::filesystem::path& directory) {
  const std::filesystem::path path = directory / "sweep.json";
  const nlohmann::ordered_json document = read_json_object(path);
  const auto jobs = member_or<std::uint64_t>(document, "jobs", 0);
  if (!document.contains("sweep") || !document["sweep"].is_string() || !document.contains("jobs") ||
      !document["jobs"].is_number_unsigned() || jobs < 1 || jobs > static_cast<std::uint64_t>(kMostRuns))
    throw DataError(path.string() +
                    ": expected what `reluscope sweep` wrote: an object with sweep, and jobs from 1 to " +
                    std::to_string(kMostRuns));
  if (member_or<std::int64_t>(document, "shard_format", 0) != kShardFormat)
    throw DataError(
        path.string() + ": the sweep was begun by another version (" +
        member_or<std::string>(document, "version", "unknown") +
        "; until 0.1.0 journals and shards had no checksums): finish and merge it with that one, or make it "
        "again in another directory: reluscope sweep SWEEP --out DIR");
  return {document["sweep"], static_cast<std::int64_t>(jobs)};
}

bool run_shard(const Sweep& sweep, const ShardOfJobs& shard, const std::filesystem::path& directory, int threads,
               const std::atomic<int>* stop, const std::function<void(const ShardProgress&)>& begin,
               const std::function<void(const Trial&)>& progress, const std::filesystem::path& keep) {
  begin_directory(sweep, directory);
  const std::filesystem::path finished = directory / (shard_name(shard) + ".csv");
  const std::int64_t total = shard.size(sweep.runs);
  // Where the row of each job is in the journal; 0, where its header is: nowhere yet.
  std::vector<std::uint64_t> places(static_cast<std::size_t>(total));
  std::int64_t there = 0;
  const std::filesystem::path part = journal_path(finished);
  const auto is_done = [&] {
    if (!has_file(finished)) return false;
    if (shard.count > 1) check_shard(sweep, shard, finished);
    // Whoever wrote it may have been killed before taking the journal away.
    std::error_code error;
    std::filesystem::remove(part, error);
    begin({total, total, ""});
    return true;
  };
  if (is_done()) return true;
  const ResultColumns columns(sweep.keys);
  Journal journal(part, columns.header(), sweep.id, [&](std::int64_t job, std::string_view, std::uint64_t at) {
    const std::optional<std::int64_t> place = shard.place(job);
    if (!place || job >= sweep.runs || places[static_cast<std::size_t>(*place)] != 0) return false;
    places[static_cast<std::size_t>(*place)] = at;
    ++there;
    return true;
  });
  if (is_done()) return true;  // by the process that had the journal until now
  begin({total, there, journal.damage()});
  run_fleet(
      sweep.source, total,
      [&](std::int64_t place) {
        return places[static_cast<std::size_t>(place)] != 0 ? std::nullopt : std::optional(sweep.job(shard.job(place)));
      },
      threads, stop,
      [&](const Job& job, const Trial& trial) {
        places[static_cast<std::size_t>(*shard.place(job.number))] = journal.append(columns.row(job, trial.record));
        ++there;
        progress(trial);
      },
      keep);
  if (there < total) return false;
  write_finished(sweep, shard.count == 1, finished, journal, places);
  journal.remove();
  return true;
}

bool stream_sweep(const Sweep& sweep, int threads, const std::atomic<int>* stop, const WritePiece& write,
                  const std::function<void(const Trial&)>& progress, const std::filesystem::path& keep) {
  const ResultColumns columns(sweep.keys);
  write(columns.header() + '\n');
  std::map<std::int64_t, std::string> waiting;  // for a run before it
  std::int64_t written = 0;
  run_fleet(
      sweep.source, sweep.runs, [&](std::int64_t number) { return std::optional(sweep.job(number)); }, threads, stop,
      [&](const Job& job, const Trial& trial) {
        waiting.emplace(job.number, columns.row(job, trial.record) + '\n');
        std::string rows;
        for (; !waiting.empty() && waiting.begin()->first == written; ++written) {
          rows += waiting.begin()->second;
          waiting.erase(waiting.begin());
        }
        if (!rows.empty()) write(rows);
        progress(trial);
      },
      keep);
  return written == sweep.runs;
}

}  // namespace reluscope
