#pragma once
// One table of a run, to a file or to a pipe.

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "trace/checkpoint.hpp"
#include "trace/sink.hpp"
#include "trace/table_writer.hpp"

namespace reluscope {

class TraceStream final : public RecordSink {
 public:
  /// `path`: "-" is standard output. Goes on in the file where the checkpoint, if there is one, knows it, otherwise
  /// begins it. Throws IoError. A reader that goes away is no fault of the run: `reader_gone` is called, and nothing
  /// more is written.
  TraceStream(const std::string& table, const std::string& path, TraceFormat format, const Checkpoint* from,
              std::function<void()> reader_gone);

  void step(const StepRecord& record) override { write(steps_, std::span(&record, 1)); }
  void layers(std::span<const LayerRecord> records) override { write(layers_, records); }
  void census(std::span<const CensusRecord> records) override { write(census_, records); }
  void units(std::span<const UnitRecord> records) override { write(units_, records); }
  void event(const EventRecord& record) override { write(events_, std::span(&record, 1)); }
  void evaluation(const EvaluationRecord& record) override { write(evaluation_, std::span(&record, 1)); }
  void flush() override;

  /// Puts everything on disk, if it is a file.
  void sync();
  /// The same, and notes in the checkpoint how far the file has come.
  void note(Checkpoint& checkpoint);

  /// steps, layers, census, units, events, evaluation.
  static const std::vector<std::string>& tables();

 private:
  template <class Body>
  void guarded(Body body) {
    if (gone_) return;
    try {
      body();
    } catch (const BrokenPipe&) {
      gone_ = true;
      reader_gone_();
    }
  }
  template <class R>
  void write(std::optional<TableWriter<R>>& table, std::span<const R> records) {
    if (table) guarded([&] { table->write(records); });
  }
  template <class Visit>
  void each(Visit visit);

  std::string place_;  ///< its name in a checkpoint; empty for what is no file, where there is no going on
  std::function<void()> reader_gone_;
  bool gone_ = false;
  std::optional<TableWriter<StepRecord>> steps_;
  std::optional<TableWriter<LayerRecord>> layers_;
  std::optional<TableWriter<CensusRecord>> census_;
  std::optional<TableWriter<UnitRecord>> units_;
  std::optional<TableWriter<EventRecord>> events_;
  std::optional<TableWriter<EvaluationRecord>> evaluation_;
};

}  // namespace reluscope
