#pragma once
// JSON files that the tool itself wrote, and which may have become anything since.

#include <filesystem>
#include <nlohmann/json.hpp>

namespace reluscope {

/// How deep lists and objects may be nested in any JSON that is read.
inline constexpr std::size_t kDeepestJson = 64;

/// Throws DataError: unreadable, above 64 MiB, nested too deep, not a JSON object.
nlohmann::ordered_json read_json_object(const std::filesystem::path& path);

/// A member of an object; `fallback` where it has none, or one of another kind.
template <class V>
V member_or(const nlohmann::ordered_json& object, const char* key, V fallback) {
  const auto found = object.find(key);
  if (found == object.end()) return fallback;
  try {
    return found->get<V>();
  } catch (const nlohmann::ordered_json::exception&) { return fallback; }
}

}  // namespace reluscope
