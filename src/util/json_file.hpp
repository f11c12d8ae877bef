#pragma once
// JSON files that the tool itself wrote, and which may have become anything since.

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace reluscope {

/// How deep lists and objects may be nested in any JSON that is read.
inline constexpr std::size_t kDeepestJson = 64;

/// An object in its own order of keys, read strictly. Throws DataError, which begins with `origin`: not a JSON object,
/// nested too deep, a key twice in an object, a NUL (the library takes it for the end, whatever follows), or more than
/// 256 keys in one object, since those of an ordered one are searched one by one.
nlohmann::ordered_json parse_json_object(std::string_view text, const std::string& origin);

/// The same of a regular file. Throws DataError also where it cannot be read, or is above 64 MiB.
nlohmann::ordered_json read_json_object(const std::filesystem::path& path);

/// A number; null where there is none, or where it is not finite.
nlohmann::ordered_json number_or_null(std::optional<double> value);

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
