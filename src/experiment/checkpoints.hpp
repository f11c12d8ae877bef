#pragma once
// Makes a checkpoint of a run between two steps, and takes one up.

#include <chrono>
#include <functional>

#include "experiment/death_watch.hpp"
#include "experiment/loop.hpp"
#include "trace/checkpoint.hpp"
#include "trace/sink.hpp"

namespace reluscope {

/// Goes on from the checkpoint: of `training` and, where there are censuses, of `watch` (else nullptr). Throws
/// DataError for one that is of another run, or damaged.
template <class T>
void take_up(const Checkpoint& checkpoint, Training<T>& training, DeathWatch<T>* watch);

template <class T>
class Checkpoints final : public Observer {
 public:
  using Save = std::function<void(Checkpoint&&)>;
  /// `watch`: nullptr without censuses.
  Checkpoints(Training<T>& training, RecordSink& sink, DeathWatch<T>* watch, const Save& save)
      : training_(training), sink_(sink), watch_(watch), save_(save) {}

  void passed(const StepView& step) override;
  /// What it takes to go on from here.
  void save();

 private:
  [[nodiscard]] bool is_due();

  Training<T>& training_;
  RecordSink& sink_;
  DeathWatch<T>* watch_;
  const Save& save_;
  std::chrono::steady_clock::time_point last_save_ = std::chrono::steady_clock::now();
};

}  // namespace reluscope
