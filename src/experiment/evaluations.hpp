#pragma once
// Writes evaluation.csv: the loss over the training part and the held-out part as training goes on.

#include "experiment/evaluation.hpp"
#include "experiment/loop.hpp"
#include "trace/sink.hpp"

namespace reluscope {

template <class T>
class Evaluations final : public Observer {
 public:
  Evaluations(const Training<T>& training, RecordSink& sink)
      : training_(training),
        sink_(sink),
        scorer_(training.network, training.dataset, training.criterion, training.pool) {}

  void before(std::int64_t step) override;
  /// A row at the end of the run.
  void finish() { evaluate(training_.summary.steps); }

 private:
  [[nodiscard]] bool is_due(std::int64_t step) const;
  void evaluate(std::int64_t step);

  const Training<T>& training_;
  RecordSink& sink_;
  Scorer<T> scorer_;
};

}  // namespace reluscope
