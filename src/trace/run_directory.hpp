#pragma once
// The directory of a run: manifest.json, features.csv, sites.csv and theory.csv at its start; steps.csv, layers.csv,
// census.csv, units.csv, events.jsonl, evaluation.csv, histograms.csv while it goes on, and checkpoint.safetensors
// until it has ended; summary.json, and manifest.json once more, at its end.

#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "trace/checkpoint.hpp"
#include "trace/sink.hpp"
#include "trace/table_writer.hpp"

namespace reluscope {

/// What the manifest of `reluscope census` calls its maker.
inline constexpr const char* kCensusTool = "reluscope_census";

/// What is known of a run directory's lock: some process has it, none has, the directory has none (no run is being
/// written there, which makes one first), or there is no telling.
enum class LockState { held, free, absent, unknown };

/// Keeps other processes out of a run directory while it lives, by a lock that ends with the process, however that
/// ends.
class RunLock {
 public:
  /// Makes the directory where there is none. Throws IoError, also where another process has the lock.
  explicit RunLock(std::filesystem::path directory);
  /// Where a run that was given no directory goes: to `first`, or else to `first`-2, -3, …: the first of them whose
  /// name nothing has, nor its name with this ending.
  static std::filesystem::path next_free(const std::filesystem::path& first, const std::string& ending = "");
  /// Makes that directory, and locks it. Making it is the claim: of processes that do so at once each gets one of its
  /// own, and one that is there, be it empty, is nobody's. Throws IoError.
  static RunLock claim_next(const std::filesystem::path& first);
  RunLock(RunLock&& other) noexcept;
  RunLock& operator=(RunLock&&) = delete;
  /// Leaves no directory behind that it made and nobody wrote to.
  ~RunLock();
  [[nodiscard]] const std::filesystem::path& directory() const { return directory_; }
  static LockState state_of(const std::filesystem::path& directory);

 private:
  RunLock(std::filesystem::path directory, std::filesystem::path made);
  static std::optional<RunLock> claim(const std::filesystem::path& directory);
  /// False where another process has the lock.
  [[nodiscard]] bool take();
  void remove_if_unused() const noexcept;
  std::filesystem::path directory_;
  std::filesystem::path made_;  ///< the uppermost directory that was made for it; empty: none
  int descriptor_ = -1;
};

class RunDirectory final : public RecordSink {
 public:
  static constexpr const char* kManifest = "manifest.json";
  static constexpr const char* kSummary = "summary.json";
  static constexpr const char* kWeights = "weights.safetensors";
  static constexpr const char* kCheckpoint = "checkpoint.safetensors";
  static constexpr const char* kCensus = "census.csv";
  static constexpr const char* kUnits = "units.csv";
  static constexpr const char* kSites = "sites.csv";

  /// Throws IoError where the directory holds files of a run, and says how to get around that.
  static void refuse_existing(const std::filesystem::path& directory);
  /// The name of a file of a run that is there; empty: none is.
  static std::string find_file(const std::filesystem::path& directory);
  /// The files that a run in the directory has, or may come to have.
  static std::vector<std::filesystem::path> own_files(const std::filesystem::path& directory);
  /// Throws UsageError where one of them is a file that is read.
  static void refuse_inputs(const std::filesystem::path& directory, std::span<const std::filesystem::path> inputs);

  /// Begins a run: replaces the files of one that is there, and touches no others. A process that is killed meanwhile
  /// leaves the manifest of the one or the other, with which it can begin again. Throws IoError.
  RunDirectory(RunLock lock, const std::string& manifest);
  /// Goes on with the run that the checkpoint is of: what its files have got since then is cut off. Throws IoError.
  RunDirectory(RunLock lock, const std::string& manifest, const Checkpoint& from);

  void step(const StepRecord& record) override { steps_.write({&record, 1}); }
  void layers(std::span<const LayerRecord> records) override { layers_.write(records); }
  void census(std::span<const CensusRecord> records) override { census_.write(records); }
  void units(std::span<const UnitRecord> records) override { units_.write(records); }
  void event(const EventRecord& record) override { events_.write({&record, 1}); }
  void evaluation(const EvaluationRecord& record) override { evaluation_.write({&record, 1}); }
  void histograms(std::span<const HistogramRecord> records) override { histograms_.write(records); }
  void flush() override;

  /// Puts everything written so far on disk, and then the checkpoint, with how far the files have come. Throws IoError.
  void write_checkpoint(Checkpoint&& checkpoint);
  /// Once the run has ended, and nobody will go on with it.
  static void remove_checkpoint(const std::filesystem::path& directory);
  // Each throws IoError.
  void write_manifest(const std::string& json) const;
  void write_theory(const std::string& csv) const;
  void write_features(const std::string& csv) const;
  void write_sites(const std::string& csv) const;
  /// Once all rows are on disk: who finds a summary may rely on them.
  void write_summary(const std::string& json);
  [[nodiscard]] const std::filesystem::path& path() const { return lock_.directory(); }

 private:
  RunDirectory(RunLock lock, const Checkpoint* from);
  [[nodiscard]] TextSink open(const char* file, const Checkpoint* from) const;
  /// Puts everything written so far on disk. Bytes of each table, by its file.
  std::map<std::string, std::uint64_t> sync();

  RunLock lock_;
  TableWriter<StepRecord> steps_;
  TableWriter<LayerRecord> layers_;
  TableWriter<CensusRecord> census_;
  TableWriter<UnitRecord> units_;
  TableWriter<EventRecord> events_;
  TableWriter<EvaluationRecord> evaluation_;
  TableWriter<HistogramRecord> histograms_;
};

}  // namespace reluscope
