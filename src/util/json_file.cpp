#include "util/json_file.hpp"

#include <cerrno>
#include <cmath>
#include <cstring>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "util/error.hpp"
#include "util/format.hpp"
#include "util/input.hpp"

namespace reluscope {

namespace {

using Json = nlohmann::ordered_json;

constexpr std::uint64_t kMostBytes = 64U << 20U;
constexpr std::size_t kMostKeys = 256;

/// Follows the parser, and stops it at what the library would accept in silence.
class Guard {
 public:
  explicit Guard(const std::string& origin) : origin_(origin) {}

  bool operator()(int /*depth*/, Json::parse_event_t event, Json& parsed) {
    switch (event) {
      case Json::parse_event_t::object_start:
      case Json::parse_event_t::array_start:
        // Copying, printing and destroying a document go as deep as it is.
        if (keys_.size() >= kDeepestJson) fail("nesting deeper than " + std::to_string(kDeepestJson) + " levels");
        keys_.emplace_back();
        break;
      case Json::parse_event_t::object_end:
      case Json::parse_event_t::array_end:
        keys_.pop_back();
        break;
      case Json::parse_event_t::key: {
        const auto& key = parsed.get_ref<const std::string&>();
        if (!keys_.back().insert(key).second)
          fail("found the key '" + key + "' twice in an object, expected each key once");
        if (keys_.back().size() > kMostKeys)
          fail("found an object with more than " + std::to_string(kMostKeys) + " keys, expected fewer");
        break;
      }
      case Json::parse_event_t::value:
        break;
    }
    return true;
  }

 private:
  [[noreturn]] void fail(const std::string& message) const { throw DataError(origin_ + ": " + message); }

  const std::string& origin_;
  std::vector<std::set<std::string>> keys_;  ///< of each object that is open; a list has none
};

}  // namespace

Json parse_json_object(std::string_view text, const std::string& origin) {
  if (const std::size_t nul = text.find('\0'); nul != std::string_view::npos)
    throw DataError(origin + ": found a NUL at byte " + std::to_string(nul) +
                    ", expected a JSON object of reluscope's");
  Guard guard(origin);
  Json document = Json::parse(text.begin(), text.end(), std::ref(guard), false);
  if (!document.is_object()) throw DataError(origin + ": expected a JSON object of reluscope's");
  return document;
}

Json read_json_object(const std::filesystem::path& path) {
  std::string text;
  if (!read_to_end(open_for_reading(path, FileKind::regular), text, kMostBytes))
    throw DataError(path.string() + ": cannot be read: " + std::strerror(errno));
  if (text.size() > kMostBytes)
    throw DataError(path.string() + ": found more than " + format_bytes(kMostBytes) +
                    ", expected a JSON object of reluscope's");
  return parse_json_object(text, path.string());
}

nlohmann::ordered_json number_or_null(std::optional<double> value) {
  return value && std::isfinite(*value) ? Json(*value) : Json(nullptr);
}

}  // namespace reluscope
