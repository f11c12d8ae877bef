#pragma once
// Where records go. The training loop knows this interface alone; files, pipes, the terminal and memory implement it.

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "trace/records.hpp"

namespace reluscope {

/// How far a run has come, for people who wait.
struct Progress {
  std::int64_t step = 0;
  std::int64_t total_steps = 0;
  double loss = 0.0;
  std::optional<double> accuracy;
  std::optional<double> dead_fraction;  ///< of the last census
};

class RecordSink {
 public:
  RecordSink() = default;
  RecordSink(const RecordSink&) = delete;
  RecordSink& operator=(const RecordSink&) = delete;
  virtual ~RecordSink() = default;

  virtual void step(const StepRecord& /*record*/) {}
  virtual void layers(std::span<const LayerRecord> /*records*/) {}
  virtual void census(std::span<const CensusRecord> /*records*/) {}
  virtual void units(std::span<const UnitRecord> /*records*/) {}
  virtual void event(const EventRecord& /*record*/) {}
  virtual void evaluation(const EvaluationRecord& /*record*/) {}
  virtual void histograms(std::span<const HistogramRecord> /*records*/) {}
  /// Called some hundred times in a run.
  virtual void progress(const Progress& /*progress*/) {}
  /// What was written so far must be readable by others now.
  virtual void flush() {}
};

/// Passes everything on to several sinks.
class Tee final : public RecordSink {
 public:
  void add(std::shared_ptr<RecordSink> sink) { sinks_.push_back(std::move(sink)); }
  void step(const StepRecord& record) override { each(&RecordSink::step, record); }
  void layers(std::span<const LayerRecord> records) override { each(&RecordSink::layers, records); }
  void census(std::span<const CensusRecord> records) override { each(&RecordSink::census, records); }
  void units(std::span<const UnitRecord> records) override { each(&RecordSink::units, records); }
  void event(const EventRecord& record) override { each(&RecordSink::event, record); }
  void evaluation(const EvaluationRecord& record) override { each(&RecordSink::evaluation, record); }
  void histograms(std::span<const HistogramRecord> records) override { each(&RecordSink::histograms, records); }
  void progress(const Progress& progress) override { each(&RecordSink::progress, progress); }
  void flush() override { each(&RecordSink::flush); }

 private:
  template <class Method, class... Arguments>
  void each(Method method, const Arguments&... arguments) {
    for (const auto& sink : sinks_) (sink.get()->*method)(arguments...);
  }
  std::vector<std::shared_ptr<RecordSink>> sinks_;
};

/// Keeps everything: what reports after a run and tests read.
class RecordMemory final : public RecordSink {
 public:
  void step(const StepRecord& record) override { steps.push_back(record); }
  void layers(std::span<const LayerRecord> records) override { append(layer_rows, records); }
  void census(std::span<const CensusRecord> records) override { append(census_rows, records); }
  void units(std::span<const UnitRecord> records) override { append(unit_rows, records); }
  void event(const EventRecord& record) override { events.push_back(record); }
  void evaluation(const EvaluationRecord& record) override { evaluations.push_back(record); }
  void histograms(std::span<const HistogramRecord> records) override { append(histogram_rows, records); }

  std::vector<StepRecord> steps;
  std::vector<LayerRecord> layer_rows;
  std::vector<CensusRecord> census_rows;
  std::vector<UnitRecord> unit_rows;
  std::vector<EventRecord> events;
  std::vector<EvaluationRecord> evaluations;
  std::vector<HistogramRecord> histogram_rows;

 private:
  template <class R>
  static void append(std::vector<R>& to, std::span<const R> records) {
    to.insert(to.end(), records.begin(), records.end());
  }
};

}  // namespace reluscope
