#include "trace/trace_stream.hpp"

#include <utility>

namespace reluscope {

namespace {

TextSink open(const std::string& path, const std::string& place, const Checkpoint* from) {
  if (from != nullptr && !place.empty())
    if (const auto known = from->files.find(place); known != from->files.end()) return TextSink(path, known->second);
  return TextSink(path);
}

}  // namespace

TraceStream::TraceStream(const std::string& table, const std::string& path, TraceFormat format, const Checkpoint* from,
                         std::function<void()> reader_gone)
    : reader_gone_(std::move(reader_gone)) {
  if (path != "-" && !is_stream(path))
    place_ = table + (format == TraceFormat::csv ? "=" : ".jsonl=") +
             std::filesystem::absolute(path).lexically_normal().string();
  guarded([&] {
    TextSink sink = open(path, place_, from);
    if (table == "steps") steps_.emplace(std::move(sink), format);
    if (table == "layers") layers_.emplace(std::move(sink), format);
    if (table == "census") census_.emplace(std::move(sink), format);
    if (table == "units") units_.emplace(std::move(sink), format);
    if (table == "evaluation") evaluation_.emplace(std::move(sink), format);
    if (table == "events") events_.emplace(std::move(sink), TraceFormat::jsonl);
  });
}

template <class Visit>
void TraceStream::each(Visit visit) {
  if (steps_) visit(*steps_);
  if (layers_) visit(*layers_);
  if (census_) visit(*census_);
  if (units_) visit(*units_);
  if (events_) visit(*events_);
  if (evaluation_) visit(*evaluation_);
}

void TraceStream::flush() {
  guarded([&] { each([](auto& table) { table.flush(); }); });
}

void TraceStream::sync() {
  guarded([&] { each([](auto& table) { table.sync(); }); });
}

void TraceStream::note(Checkpoint& checkpoint) {
  if (place_.empty()) return;
  guarded([&] { each([&](auto& table) { checkpoint.files[place_] = table.sync(); }); });
}

const std::vector<std::string>& TraceStream::tables() {
  static const std::vector<std::string> names = {"steps", "layers", "census", "units", "events", "evaluation"};
  return names;
}

}  // namespace reluscope
