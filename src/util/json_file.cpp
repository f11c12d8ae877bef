#include "util/json_file.hpp"

#include <cerrno>
#include <cstring>
#include <string>

#include "util/error.hpp"
#include "util/input.hpp"

namespace reluscope {

nlohmann::ordered_json read_json_object(const std::filesystem::path& path) {
  constexpr std::uint64_t kMostBytes = 64U << 20U;
  std::string text;
  if (!read_to_end(open_for_reading(path), text, kMostBytes))
    throw DataError(path.string() + ": cannot be read: " + std::strerror(errno));
  // Copying, printing and destroying a document go as deep as it is.
  const auto stop_deep = [&](int depth, nlohmann::ordered_json::parse_event_t, nlohmann::ordered_json&) {
    if (depth > static_cast<int>(kDeepestJson))
      throw DataError(path.string() + ": nesting deeper than " + std::to_string(kDeepestJson) + " levels");
    return true;
  };
  nlohmann::ordered_json document =
      text.size() > kMostBytes ? nlohmann::ordered_json() : nlohmann::ordered_json::parse(text, stop_deep, false);
  if (!document.is_object()) throw DataError(path.string() + ": expected a JSON object of reluscope's");
  return document;
}

}  // namespace reluscope
