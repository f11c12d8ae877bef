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
  nlohmann::ordered_json document =
      text.size() > kMostBytes ? nlohmann::ordered_json() : nlohmann::ordered_json::parse(text, nullptr, false);
  if (!document.is_object()) throw DataError(path.string() + ": expected a JSON object of reluscope's");
  return document;
}

}  // namespace reluscope
