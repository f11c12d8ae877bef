#include "trials/merge.hpp"

#include <algorithm>
#include <deque>
#include <queue>
#include <set>

#include "trials/sealed_rows.hpp"
#include "trials/shard.hpp"
#include "util/error.hpp"
#include "util/input.hpp"
#include "util/own_directory.hpp"

namespace reluscope {

namespace {

/// The pieces of all files together.
constexpr std::size_t kMostPieceBytes = std::size_t{32} << 20U;
constexpr std::size_t kLeastPieceBytes = 4096;

/// How many there are, and the first of them.
struct Numbers {
  std::int64_t count = 0;
  std::vector<std::int64_t> first;
  /// From `begin` to `end` − 1.
  void add(std::int64_t begin, std::int64_t end) {
    constexpr std::size_t kListed = 5;
    count += end - begin;
    for (; begin < end && first.size() < kListed; ++begin) first.push_back(begin);
  }
  /// "3, 5, 8, …"
  [[nodiscard]] std::string list() const {
    std::string list;
    for (const std::int64_t number : first) list += (list.empty() ? "" : ", ") + std::to_string(number);
    return std::ssize(first) < count ? list + ", …" : list;
  }
};

/// One file, at its next row.
class ShardFile {
 public:
  ShardFile(const std::filesystem::path& file, std::size_t piece_bytes, const std::string& sweep, std::int64_t runs)
      : file_(file), rows_(file, piece_bytes), runs_(runs) {
    if (!rows_.header()) refuse_shard(file_, 1, "the header has no right checksum");
    if (rows_.header()->owner != sweep)
      throw DataError(file_.string() + " belongs to sweep " + rows_.header()->owner + ", its directory to " + sweep +
                      ": only shards of one sweep can be joined");
  }
  /// False at the end.
  bool next() {
    const std::int64_t before = job_;
    const SealedRows::Found found = rows_.next();
    if (found == SealedRows::Found::end) return false;
    if (found == SealedRows::Found::damage) refuse_shard(file_, rows_.line(), "the row has another checksum");
    job_ = rows_.job();
    if (job_ <= before) refuse_shard(file_, rows_.line(), "run " + std::to_string(job_) + " is out of its order");
    if (job_ >= runs_)
      refuse_shard(file_, rows_.line(), "there is no run " + std::to_string(job_) + " among " + std::to_string(runs_));
    return true;
  }
  [[nodiscard]] const std::filesystem::path& file() const { return file_; }
  [[nodiscard]] const std::string& columns() const { return rows_.header()->columns; }
  [[nodiscard]] std::int64_t job() const { return job_; }
  [[nodiscard]] std::string_view row() const { return rows_.row(); }

 private:
  std::filesystem::path file_;
  SealedRows rows_;
  std::int64_t runs_;
  std::int64_t job_ = -1;
};

}  // namespace

Shards::Shards(const std::vector<std::filesystem::path>& directories) {
  std::set<std::filesystem::path> seen;
  for (const std::filesystem::path& directory : directories) {
    if (!seen.insert(std::filesystem::weakly_canonical(directory)).second) continue;
    const SweepFacts facts = read_sweep_facts(directory);
    if (sweep_.empty()) {
      sweep_ = facts.id;
      runs_ = facts.runs;
    }
    if (facts.id != sweep_)
      throw DataError(directory.string() + " belongs to sweep " + facts.id + ", " + directories.front().string() +
                      " to " + sweep_ + ": only shards of one sweep can be joined");
    if (facts.runs != runs_)
      throw DataError(directory.string() + " has a sweep of " + std::to_string(facts.runs) + " runs, " +
                      directories.front().string() + " one of " + std::to_string(runs_) +
                      ": one sweep.json is damaged; the line `reluscope sweep SWEEP --list` knows their number");
    inputs_.push_back(directory / "sweep.json");
    find(directory);
  }
  inputs_.insert(inputs_.end(), files_.begin(), files_.end());
  // All of it once for nothing: what is wrong is found before anything is written.
  join([](std::string_view) {});
}

void Shards::find(const std::filesystem::path& directory) {
  std::vector<std::filesystem::path> files;
  for (const std::string& name : names_in(directory)) {
    if (!name.starts_with("shard-") || !name.ends_with(".csv")) continue;
    if (!name.ends_with(".part.csv")) {
      files.push_back(directory / name);
    } else if (!has_file(directory / (name.substr(0, name.size() - std::string_view(".part.csv").size()) + ".csv"))) {
      unfinished_.push_back(directory / name);
    }
  }
  std::sort(files.begin(), files.end());
  files_.insert(files_.end(), files.begin(), files.end());
}

void Shards::write(const WritePiece& piece) const { join(piece); }

void Shards::join(const WritePiece& piece) const {
  const std::size_t room = kMostPieceBytes / std::max<std::size_t>(1, files_.size());
  std::deque<ShardFile> shards;
  for (const std::filesystem::path& file : files_)
    shards.emplace_back(file, std::clamp(room, kLeastPieceBytes, LineReader::kPieceBytes), sweep_, runs_);
  const auto later = [](const ShardFile* left, const ShardFile* right) { return left->job() > right->job(); };
  std::priority_queue<ShardFile*, std::vector<ShardFile*>, decltype(later)> next(later);
  for (ShardFile& shard : shards) {
    if (shard.columns() != shards.front().columns())
      throw DataError(shard.file().string() + ": its columns are not those of " + shards.front().file().string());
    if (shard.next()) next.push(&shard);
  }
  if (!shards.empty()) piece(shards.front().columns() + '\n');
  Numbers twice;
  Numbers missing;
  std::int64_t expected = 0;
  while (!next.empty()) {
    ShardFile& shard = *next.top();
    next.pop();
    const std::int64_t job = shard.job();
    if (job < expected) {
      twice.add(job, job + 1);
    } else {
      missing.add(expected, job);
      expected = job + 1;
      piece(std::string(shard.row()) + '\n');
    }
    if (shard.next()) next.push(&shard);
  }
  missing.add(expected, runs_);
  if (twice.count > 0)
    throw DataError("shards overlap: " + std::to_string(twice.count) + " runs are there twice (" + twice.list() + ")");
  if (missing.count > 0)
    throw DataError(std::to_string(missing.count) + " of " + std::to_string(runs_) + " runs are missing (" +
                    missing.list() + ")" +
                    (unfinished_.empty() ? "" : ": " + unfinished_.front().string() + " is not finished"));
}

}  // namespace reluscope
