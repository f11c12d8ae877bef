#pragma once

#include <chrono>
#include <string>

#include "trace/sink.hpp"

namespace reluscope {

/// A line on stderr that is drawn again some times a second: loss, accuracy, dead fraction, steps/s, time left.
class ProgressBar final : public RecordSink {
 public:
  ProgressBar();
  ~ProgressBar() override { clear(); }
  /// Takes the line away, so that something else can be printed.
  void clear();
  void progress(const Progress& progress) override;

 private:
  using Clock = std::chrono::steady_clock;
  Clock::time_point started_;
  Clock::time_point drawn_;
  bool visible_ = false;
};

/// "03:25", "1:00:00"; "--:--" for what is too long to say.
std::string clock_time(double seconds);

/// The bar's text, cut to `width` columns. Seconds since the start give the rate and the time left.
std::string progress_line(const Progress& progress, double seconds, std::size_t width, bool utf8);

}  // namespace reluscope
