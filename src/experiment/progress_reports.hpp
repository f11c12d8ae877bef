#pragma once
// Tells people who wait how far a run has come.

#include "experiment/loop.hpp"
#include "trace/sink.hpp"

namespace reluscope {

template <class T>
class ProgressReports final : public Observer {
 public:
  ProgressReports(const Training<T>& training, RecordSink& sink) : training_(training), sink_(sink) {}
  void passed(const StepView& step) override;

 private:
  const Training<T>& training_;
  RecordSink& sink_;
};

}  // namespace reluscope
