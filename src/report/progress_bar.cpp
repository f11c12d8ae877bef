#include "report/progress_bar.hpp"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <iostream>
#include <vector>

#include "report/terminal.hpp"
#include "util/format.hpp"

namespace reluscope {

namespace {

constexpr auto kRedrawEvery = std::chrono::milliseconds(100);
constexpr std::size_t kBarCells = 20;

}  // namespace

ProgressBar::ProgressBar() : started_(Clock::now()), drawn_(started_ - kRedrawEvery) {}

void ProgressBar::clear() {
  if (visible_) std::cerr << "\r\x1b[K" << std::flush;
  visible_ = false;
}

void ProgressBar::progress(const Progress& progress) {
  const Clock::time_point now = Clock::now();
  if (now - drawn_ < kRedrawEvery) return;
  drawn_ = now;
  visible_ = true;
  const double seconds = std::chrono::duration<double>(now - started_).count();
  std::cerr << '\r' << progress_line(progress, seconds, terminal_width(STDERR_FILENO) - 1, locale_is_utf8()) << "\x1b[K"
            << std::flush;
}

std::string clock_time(double seconds) {
  if (!(seconds < 360000.0)) return "--:--";
  const auto whole = static_cast<std::int64_t>(std::ceil(seconds));
  const auto two_digits = [](std::int64_t number) { return (number < 10 ? "0" : "") + std::to_string(number); };
  const std::string minutes = two_digits(whole / 60 % 60) + ":" + two_digits(whole % 60);
  return whole < 3600 ? minutes : std::to_string(whole / 3600) + ":" + minutes;
}

std::string progress_line(const Progress& progress, double seconds, std::size_t width, bool utf8) {
  const double done =
      static_cast<double>(progress.step) / static_cast<double>(std::max<std::int64_t>(1, progress.total_steps));
  const auto filled = static_cast<std::size_t>(done * static_cast<double>(kBarCells));
  std::string line;
  for (std::size_t cell = 0; cell < kBarCells; ++cell) line += cell < filled ? (utf8 ? "█" : "#") : (utf8 ? "░" : ".");
  const double rate = seconds > 0.0 ? static_cast<double>(progress.step) / seconds : 0.0;
  const std::string head = format_fixed(100.0 * done, 0) + " %  step " + std::to_string(progress.step) + "/" +
                           std::to_string(progress.total_steps);
  const std::string eta =
      "  ETA " + clock_time(rate > 0.0 ? static_cast<double>(progress.total_steps - progress.step) / rate : 1e9);
  // What a narrow terminal has no room for goes in this order from the end; how long it takes stays.
  std::vector<std::string> parts = {"  loss " + format_short(progress.loss)};
  if (progress.dead_fraction) parts.push_back("  dead " + format_fixed(100.0 * *progress.dead_fraction, 1) + " %");
  if (progress.accuracy) parts.push_back("  acc " + format_fixed(100.0 * *progress.accuracy, 1) + " %");
  parts.push_back("  " + format_fixed(rate, 0) + " steps/s");
  const auto text_of = [&] { return head + joined(parts, "") + eta; };
  if (const std::string text = text_of(); kBarCells + 1 + text.size() <= width) return line + " " + text;
  while (!parts.empty() && text_of().size() > width) parts.pop_back();
  return text_of().substr(0, width);
}

}  // namespace reluscope
