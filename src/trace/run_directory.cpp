#include "trace/run_directory.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string_view>
#include <utility>

#include "util/error.hpp"
#include "util/output_place.hpp"
#include "util/own_directory.hpp"
#include "util/temporary_file.hpp"

namespace reluscope {

namespace {

constexpr const char* kLock = ".lock";
constexpr const char* kSteps = "steps.csv";
constexpr const char* kLayers = "layers.csv";
constexpr const char* kEvents = "events.jsonl";
constexpr const char* kEvaluation = "evaluation.csv";
constexpr const char* kHistograms = "histograms.csv";
constexpr const char* kTheory = "theory.csv";
constexpr const char* kFeatures = "features.csv";

constexpr std::array kFiles = {RunDirectory::kManifest,
                               RunDirectory::kCheckpoint,
                               RunDirectory::kSummary,
                               RunDirectory::kWeights,
                               kSteps,
                               kLayers,
                               RunDirectory::kCensus,
                               RunDirectory::kUnits,
                               kEvents,
                               kEvaluation,
                               kHistograms,
                               kTheory,
                               kFeatures,
                               RunDirectory::kSites};

/// How often a directory is made that another process keeps taking away.
constexpr int kAttempts = 10;

void remove_file(const std::filesystem::path& path) {
  std::error_code error;
  std::filesystem::remove(path, error);
  if (error) throw IoError("cannot remove '" + path.string() + "': " + error.message());
}

RunLock with_manifest(RunLock lock, const std::string& manifest) {
  write_file_atomically(lock.directory() / RunDirectory::kManifest, manifest);
  return lock;
}

/// Takes the place of a run that may be there. At no moment is there less than a manifest from which a run can begin
/// anew: first goes what says that the old one has ended, then what it would go on from, and its manifest only when the
/// new one comes.
RunLock begun_anew(RunLock lock, const std::string& manifest) {
  remove_file(lock.directory() / RunDirectory::kSummary);
  remove_file(lock.directory() / RunDirectory::kCheckpoint);
  write_file_atomically(lock.directory() / RunDirectory::kManifest, manifest);
  for (const char* file : kFiles)
    if (std::string_view(file) != RunDirectory::kManifest) remove_file(lock.directory() / file);
  return lock;
}

/// The uppermost directory that making this one would make; empty: it is there.
std::filesystem::path uppermost_missing(const std::filesystem::path& directory) {
  std::filesystem::path missing;
  std::error_code error;
  for (std::filesystem::path above = directory; !above.empty() && !std::filesystem::exists(above, error) && !error;
       above = above.parent_path())
    missing = above;
  return missing;
}

/// "runs/digits", "runs/digits-2", …
std::filesystem::path numbered(const std::filesystem::path& first, std::int64_t number) {
  std::filesystem::path one = first;
  if (number > 1) one += "-" + std::to_string(number);
  return one;
}

}  // namespace

RunLock::RunLock(std::filesystem::path directory, std::filesystem::path made)
    : directory_(std::move(directory)), made_(std::move(made)) {}

RunLock::RunLock(std::filesystem::path directory) : RunLock(directory, uppermost_missing(directory)) {
  if (!take())
    throw IoError("another process is writing a run into '" + directory_.string() +
                  "': wait for it, stop it, or choose another directory with --out");
  if (made_.empty()) remove_leftovers(directory_);
}

bool RunLock::take() {
  for (int attempt = 1; descriptor_ < 0; ++attempt) {
    make_directory(directory_);
    Descriptor file = open_own_file(directory_ / kLock, O_RDWR | O_CREAT);
    // Whoever had it until now may have taken the directory away.
    if (file.number() < 0 && errno == ENOENT && attempt < kAttempts) continue;
    if (file.number() < 0) throw_errno("write into", directory_.string());
    // Where a file system has no locks, there is none.
    if (::flock(file.number(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) return false;
    // Whoever had it until now may have taken it away with its directory: then it keeps nobody out. (Some file systems
    // have no lasting inode numbers to tell by.)
    if (is_at(file.number(), directory_ / kLock) || attempt == kAttempts) descriptor_ = file.release();
  }
  return true;
}

std::filesystem::path RunLock::next_free(const std::filesystem::path& first, const std::string& ending) {
  const auto is_free = [](const std::filesystem::path& path) {
    std::error_code error;
    const auto type = std::filesystem::symlink_status(path, error).type();
    // none: it cannot be looked at, as making it will say
    return type == std::filesystem::file_type::not_found || type == std::filesystem::file_type::none;
  };
  for (std::int64_t number = 1;; ++number) {
    const std::filesystem::path one = numbered(first, number);
    if (is_free(one) && (ending.empty() || is_free(one.string() + ending))) return one;
  }
}

RunLock RunLock::claim_next(const std::filesystem::path& first) {
  for (std::int64_t number = 1;; ++number)
    if (std::optional<RunLock> lock = claim(numbered(first, number))) return std::move(*lock);
}

std::optional<RunLock> RunLock::claim(const std::filesystem::path& directory) {
  std::filesystem::path made = uppermost_missing(directory);
  for (int attempt = 1;; ++attempt) {
    if (directory.has_parent_path()) make_directory(directory.parent_path());
    if (::mkdir(directory.c_str(), 0777) == 0) break;
    if (errno == EEXIST) return std::nullopt;
    // Who made the one above may have taken it away, with nothing in it.
    if (errno != ENOENT || attempt == kAttempts) throw_errno("make the directory", directory.string());
  }
  RunLock lock(directory, made.empty() ? directory : std::move(made));
  // A process that was told to write there (--out) may have come between.
  if (!lock.take() || !RunDirectory::find_file(directory).empty()) return std::nullopt;
  return lock;
}

RunLock::RunLock(RunLock&& other) noexcept
    : directory_(std::move(other.directory_)),
      made_(std::move(other.made_)),
      descriptor_(std::exchange(other.descriptor_, -1)) {}

RunLock::~RunLock() {
  if (descriptor_ < 0) return;
  if (!made_.empty()) remove_if_unused();
  ::close(descriptor_);
}

void RunLock::remove_if_unused() const noexcept {
  try {
    if (names_in(directory_).size() != 1) return;
    // Somebody may have put something else in its place.
    if (!is_at(descriptor_, directory_ / kLock)) return;
    std::filesystem::remove(directory_ / kLock);
    std::filesystem::remove(directory_);
    for (std::filesystem::path above = directory_; above != made_;) {
      above = above.parent_path();
      std::filesystem::remove(above);
    }
  } catch (const std::exception&) {  // then it stays
  }
}

LockState RunLock::state_of(const std::filesystem::path& directory) {
  // O_NONBLOCK: a pipe of that name would wait for a writer.
  const Descriptor file(::open((directory / kLock).c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (file.number() < 0) return errno == ENOENT ? LockState::absent : LockState::unknown;
  if (::flock(file.number(), LOCK_SH | LOCK_NB) == 0) return LockState::free;
  return errno == EWOULDBLOCK ? LockState::held : LockState::unknown;
}

void RunDirectory::refuse_existing(const std::filesystem::path& directory) {
  if (const std::string file = find_file(directory); !file.empty())
    throw IoError("'" + directory.string() + "' already holds a run (" + file +
                  "): choose another directory with --out, go on with it with --resume, or replace it with --force");
}

std::string RunDirectory::find_file(const std::filesystem::path& directory) {
  for (const char* file : kFiles)
    if (std::error_code error; std::filesystem::exists(std::filesystem::symlink_status(directory / file, error)))
      return file;
  return "";
}

std::vector<std::filesystem::path> RunDirectory::own_files(const std::filesystem::path& directory) {
  std::vector<std::filesystem::path> paths = {directory / kLock};
  for (const char* file : kFiles) paths.push_back(directory / file);
  return paths;
}

void RunDirectory::refuse_inputs(const std::filesystem::path& directory,
                                 std::span<const std::filesystem::path> inputs) {
  for (const std::filesystem::path& file : own_files(directory))
    refuse_overwriting("a run in '" + directory.string() + "'", file, inputs);
}

RunDirectory::RunDirectory(RunLock lock, const std::string& manifest)
    : RunDirectory(begun_anew(std::move(lock), manifest), nullptr) {}

RunDirectory::RunDirectory(RunLock lock, const std::string& manifest, const Checkpoint& from)
    : RunDirectory(with_manifest(std::move(lock), manifest), &from) {}

RunDirectory::RunDirectory(RunLock lock, const Checkpoint* from)
    : lock_(std::move(lock)),
      steps_(open(kSteps, from), TraceFormat::csv),
      layers_(open(kLayers, from), TraceFormat::csv),
      census_(open(kCensus, from), TraceFormat::csv),
      units_(open(kUnits, from), TraceFormat::csv),
      events_(open(kEvents, from), TraceFormat::jsonl),
      evaluation_(open(kEvaluation, from), TraceFormat::csv),
      histograms_(open(kHistograms, from), TraceFormat::csv) {}

TextSink RunDirectory::open(const char* file, const Checkpoint* from) const {
  if (from == nullptr) return TextSink(path() / file, PathOf::run);
  const auto known = from->files.find(file);
  if (known == from->files.end()) throw IoError("the checkpoint does not say how long '" + std::string(file) + "' was");
  return TextSink(path() / file, known->second, PathOf::run);
}

void RunDirectory::flush() {
  steps_.flush();
  layers_.flush();
  census_.flush();
  units_.flush();
  events_.flush();
  evaluation_.flush();
  histograms_.flush();
}

std::map<std::string, std::uint64_t> RunDirectory::sync() {
  return {{kSteps, steps_.sync()},          {kLayers, layers_.sync()}, {kCensus, census_.sync()},
          {kUnits, units_.sync()},          {kEvents, events_.sync()}, {kEvaluation, evaluation_.sync()},
          {kHistograms, histograms_.sync()}};
}

void RunDirectory::write_checkpoint(Checkpoint&& checkpoint) {
  checkpoint.files.merge(sync());
  reluscope::write_checkpoint(path() / kCheckpoint, std::move(checkpoint));
}

void RunDirectory::remove_checkpoint(const std::filesystem::path& directory) {
  std::error_code error;  // it would only be in the way
  std::filesystem::remove(directory / kCheckpoint, error);
}

void RunDirectory::write_manifest(const std::string& json) const { write_file_atomically(path() / kManifest, json); }

void RunDirectory::write_theory(const std::string& csv) const { write_file_atomically(path() / kTheory, csv); }

void RunDirectory::write_features(const std::string& csv) const { write_file_atomically(path() / kFeatures, csv); }

void RunDirectory::write_sites(const std::string& csv) const { write_file_atomically(path() / kSites, csv); }

void RunDirectory::write_summary(const std::string& json) {
  sync();
  write_file_atomically(path() / kSummary, json);
}

}  // namespace reluscope
