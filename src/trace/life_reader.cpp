#include "trace/life_reader.hpp"

#include <algorithm>
#include <optional>
#include <string_view>

#include "data/input_file.hpp"
#include "util/error.hpp"
#include "util/format.hpp"
#include "util/json_file.hpp"

namespace reluscope {

namespace {

using Json = nlohmann::ordered_json;

/// A step, layer or unit, within the bounds that a table's integers have.
std::optional<std::int64_t> place_of(const Json& event, const char* key) {
  constexpr std::int64_t kMost = std::int64_t{1} << 53U;
  const auto found = event.find(key);
  if (found == event.end() || !found->is_number_integer()) return std::nullopt;
  const auto value = found->get<std::int64_t>();  // beyond int64 it comes out below 0
  return value >= 0 && value <= kMost ? std::optional(value) : std::nullopt;
}

/// Nothing for an event that is about no unit.
std::optional<LifeRecord> life_of(std::string_view line, const std::string& place) {
  const Json event = parse_json_object(line, place);
  LifeRecord life;
  const auto step = place_of(event, "step");
  life.event = member_or<std::string>(event, "event", "");
  if (!step || life.event.empty())
    throw DataError(place + ": expected an event: an object with a step and the event's name");
  const auto layer = place_of(event, "layer");
  const auto unit = place_of(event, "unit");
  if (!layer || !unit) return std::nullopt;
  life.step = *step;
  life.layer = *layer;
  life.unit = *unit;
  life.cause = member_or<std::string>(event, "cause", "");
  return life;
}

}  // namespace

std::vector<LifeRecord> read_lives(const std::filesystem::path& path) {
  InputFile file(path, FileKind::regular);
  std::vector<LifeRecord> lives;
  std::string buffer(file.buffer_bytes(), '\0');
  std::string line;
  std::size_t number = 1;
  const auto place = [&] { return file.name() + ": line " + std::to_string(number); };
  while (const std::size_t got = file.read(buffer.data(), buffer.size())) {
    std::string_view rest(buffer.data(), got);
    while (!rest.empty()) {
      const std::size_t end = rest.find('\n');
      const std::string_view part = rest.substr(0, end);
      if (line.size() + part.size() > kMostEventBytes)
        throw DataError(place() + ": longer than " + format_bytes(kMostEventBytes) + ", expected an event");
      line += part;
      if (end == std::string_view::npos) break;
      if (std::optional<LifeRecord> life = life_of(line, place())) lives.push_back(std::move(*life));
      line.clear();
      ++number;
      rest.remove_prefix(end + 1);
    }
  }
  return lives;
}

}  // namespace reluscope
