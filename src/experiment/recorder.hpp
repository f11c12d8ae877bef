#pragma once
// Writes steps.csv and layers.csv, and the event of a run that fails.

#include <initializer_list>
#include <optional>
#include <vector>

#include "experiment/death_watch.hpp"
#include "experiment/loop.hpp"
#include "trace/sink.hpp"

namespace reluscope {

template <class T>
class Recorder final : public Observer {
 public:
  /// `watch`: who takes the censuses, for their bounds; nullptr without. It must be told of each step before.
  Recorder(Training<T>& training, RecordSink& sink, const DeathWatch<T>* watch)
      : training_(training), sink_(sink), watch_(watch), last_flush_(training.summary.steps) {}

  [[nodiscard]] Measure wish(std::int64_t step) const override;
  void computed(const StepView& step) override;
  void updated(const StepView& step) override;
  void failed(const StepView& step) override;

 private:
  /// The rows of a step that was measured.
  void record(const StepView& step);
  [[nodiscard]] StepRecord step_record(const StepView& step) const;
  LayerRecord layer_record(std::size_t at, const StepView& step);
  /// What a step showed of a site's parameters in these roles.
  struct Owned {
    SweepSums sums;
    Index elements = 0;
  };
  [[nodiscard]] Owned owned(std::size_t at, std::initializer_list<ParameterRole> roles) const;
  /// Mean learned slopes, which the update that follows will change.
  void note_slopes();

  Training<T>& training_;
  RecordSink& sink_;
  const DeathWatch<T>* watch_;
  std::vector<std::optional<double>> slope_means_;
  std::vector<LayerRecord> layer_rows_;
  std::int64_t last_flush_;  ///< step of it
};

}  // namespace reluscope
