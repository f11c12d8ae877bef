#include "data/file_choice.hpp"

#include <algorithm>
#include <string>

#include "util/error.hpp"

namespace reluscope {
namespace {

std::string list_text(std::span<const std::string_view> keys) {
  std::string text;
  for (std::size_t key = 0; key < keys.size(); ++key)
    text += (key == 0 ? "" : key + 1 == keys.size() ? " and " : ", ") + std::string(keys[key]);
  return text;
}

}  // namespace

bool is_single_file(const ParamValues& params, std::string_view kind, std::span<const std::string_view> single,
                    std::span<const std::string_view> separate) {
  const auto given = [&](std::string_view key) { return !params.is_null(key); };
  const bool some_single = std::any_of(single.begin(), single.end(), given);
  const bool some_separate = std::any_of(separate.begin(), separate.end(), given);
  if (some_single != some_separate) {
    const std::span<const std::string_view> keys = some_single ? single : separate;
    const auto missing = std::find_if_not(keys.begin(), keys.end(), given);
    if (missing == keys.end()) return some_single;
    throw DataError("data of kind " + std::string(kind) + ": " + std::string(*missing) + " is missing; " +
                    list_text(keys) + " go together");
  }
  throw DataError("data of kind " + std::string(kind) + " need either " + list_text(single) +
                  " (a test part is split off) or " + list_text(separate) + (some_single ? ", not both" : ""));
}

}  // namespace reluscope
