#include "trace/run_directory.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "util/error.hpp"
#include "util/input.hpp"

namespace reluscope {

namespace {

constexpr const char* kLock = ".lock";
constexpr const char* kSteps = "steps.csv";
constexpr const char* kLayers = "layers.csv";
constexpr const char* kCensus = "census.csv";
constexpr const char* kUnits = "units.csv";
constexpr const char* kEvents = "events.jsonl";
constexpr const char* kTheory = "theory.csv";

/// The manifest first: without it there is no run, whatever else is left of it.
constexpr std::array kFiles = {RunDirectory::kManifest,
                               RunDirectory::kCheckpoint,
                               RunDirectory::kSummary,
                               RunDirectory::kWeights,
                               kSteps,
                               kLayers,
                               kCensus,
                               kUnits,
                               kEvents,
                               kTheory};

/// Whether the open file is the one that the path leads to.
bool is_at(int descriptor, const std::filesystem::path& path) {
  struct stat open {};
  struct stat found {};
  return ::fstat(descriptor, &open) == 0 && ::lstat(path.c_str(), &found) == 0 && open.st_ino == found.st_ino &&
         open.st_dev == found.st_dev;
}

/// Returns the lock once there are no files of a run.
RunLock cleared(RunLock lock) {
  for (const char* file : kFiles) {
    std::error_code error;
    std::filesystem::remove(lock.directory() / file, error);
    if (error) throw IoError("cannot remove '" + (lock.directory() / file).string() + "': " + error.message());
  }
  return lock;
}

RunLock with_manifest(RunLock lock, const std::string& manifest) {
  write_file_atomically(lock.directory() / RunDirectory::kManifest, manifest);
  return lock;
}

}  // namespace

RunLock::RunLock(std::filesystem::path directory) : directory_(std::move(directory)), descriptor_(-1) {
  std::error_code error;
  for (std::filesystem::path above = directory_; !above.empty() && !std::filesystem::exists(above, error) && !error;
       above = above.parent_path())
    made_ = above;
  constexpr int kAttempts = 10;
  for (int attempt = 1; descriptor_ < 0; ++attempt) {
    std::filesystem::create_directories(directory_, error);
    if (error || !has_directory(directory_))
      throw IoError("cannot make the run directory '" + directory_.string() +
                    "': " + (error ? error.message() : "something else has that name"));
    Descriptor file(::open((directory_ / kLock).c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666));
    if (file.number() < 0) throw IoError("cannot write into '" + directory_.string() + "': " + std::strerror(errno));
    // Where a file system has no locks, there is none.
    if (::flock(file.number(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
      throw IoError("another process is writing a run into '" + directory_.string() +
                    "': wait for it, stop it, or choose another directory with --out");
    // Whoever had it until now may have taken it away with its directory: then it keeps nobody out. (Some file systems
    // have no lasting inode numbers to tell by.)
    if (is_at(file.number(), directory_ / kLock) || attempt == kAttempts) descriptor_ = file.release();
  }
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
    if (std::distance(std::filesystem::directory_iterator(directory_), {}) != 1) return;
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

bool RunLock::is_held(const std::filesystem::path& directory) {
  const Descriptor file(::open((directory / kLock).c_str(), O_RDONLY | O_CLOEXEC));
  return file.number() < 0 || ::flock(file.number(), LOCK_SH | LOCK_NB) != 0;
}

void RunDirectory::refuse_existing(const std::filesystem::path& directory) {
  for (const char* file : kFiles)
    if (std::error_code error; std::filesystem::exists(directory / file, error))
      throw IoError("'" + directory.string() + "' already holds a run (" + file +
                    "): choose another directory with --out, go on with it with --resume, or replace it with --force");
}

bool RunDirectory::is_own_file(const std::filesystem::path& directory, const std::filesystem::path& path) {
  std::error_code error;
  const auto place = std::filesystem::weakly_canonical(path, error);
  return std::any_of(kFiles.begin(), kFiles.end(), [&](const char* file) {
    return place == std::filesystem::weakly_canonical(directory / file, error);
  });
}

RunDirectory::RunDirectory(RunLock lock, const std::string& manifest)
    : RunDirectory(cleared(std::move(lock)), manifest, nullptr) {}

RunDirectory::RunDirectory(RunLock lock, const std::string& manifest, const Checkpoint& from)
    : RunDirectory(std::move(lock), manifest, &from) {}

RunDirectory::RunDirectory(RunLock lock, const std::string& manifest, const Checkpoint* from)
    : lock_(with_manifest(std::move(lock), manifest)),
      steps_(open(kSteps, from), TraceFormat::csv),
      layers_(open(kLayers, from), TraceFormat::csv),
      census_(open(kCensus, from), TraceFormat::csv),
      units_(open(kUnits, from), TraceFormat::csv),
      events_(open(kEvents, from), TraceFormat::jsonl) {}

TextSink RunDirectory::open(const char* file, const Checkpoint* from) const {
  if (from == nullptr) return TextSink(path() / file);
  const auto known = from->files.find(file);
  if (known == from->files.end()) throw IoError("the checkpoint does not say how long '" + std::string(file) + "' was");
  return TextSink(path() / file, known->second);
}

void RunDirectory::flush() {
  steps_.flush();
  layers_.flush();
  census_.flush();
  units_.flush();
  events_.flush();
}

std::map<std::string, std::uint64_t> RunDirectory::sync() {
  return {{kSteps, steps_.sync()},
          {kLayers, layers_.sync()},
          {kCensus, census_.sync()},
          {kUnits, units_.sync()},
          {kEvents, events_.sync()}};
}

void RunDirectory::write_checkpoint(Checkpoint&& checkpoint) {
  checkpoint.files.merge(sync());
  reluscope::write_checkpoint(path() / kCheckpoint, std::move(checkpoint));
}

void RunDirectory::remove_checkpoint(const std::filesystem::path& directory) {
  std::error_code error;  // it would only be in the way
  for (const char* suffix : {"", ".tmp"})
    std::filesystem::remove(directory / (std::string(kCheckpoint) + suffix), error);
}

void RunDirectory::write_manifest(const std::string& json) const { write_file_atomically(path() / kManifest, json); }

void RunDirectory::write_theory(const std::string& csv) const { write_file_atomically(path() / kTheory, csv); }

void RunDirectory::write_summary(const std::string& json) {
  sync();
  write_file_atomically(path() / kSummary, json);
}

}  // namespace reluscope
