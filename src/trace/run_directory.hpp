#pragma once
// The directory of a run: theory.csv at its start; steps.csv, layers.csv, census.csv, units.csv, events.jsonl while it
// goes on; manifest.json at its start and end, summary.json at its end.

#include <filesystem>
#include <string>

#include "trace/sink.hpp"
#include "trace/table_writer.hpp"

namespace reluscope {

class RunDirectory final : public RecordSink {
 public:
  static constexpr const char* kWeights = "weights.safetensors";
  /// Makes the directory and opens its files. A directory that already holds a run is refused (IoError) unless `force`,
  /// which replaces that run's files and touches no others.
  RunDirectory(std::filesystem::path path, bool force);

  void step(const StepRecord& record) override { steps_.write({&record, 1}); }
  void layers(std::span<const LayerRecord> records) override { layers_.write(records); }
  void census(std::span<const CensusRecord> records) override { census_.write(records); }
  void units(std::span<const UnitRecord> records) override { units_.write(records); }
  void event(const EventRecord& record) override { events_.write({&record, 1}); }
  void flush() override;

  void write_manifest(const std::string& json) const;
  void write_theory(const std::string& csv) const;
  void write_summary(const std::string& json) const;
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
  TableWriter<StepRecord> steps_;
  TableWriter<LayerRecord> layers_;
  TableWriter<CensusRecord> census_;
  TableWriter<UnitRecord> units_;
  TableWriter<EventRecord> events_;
};

}  // namespace reluscope
