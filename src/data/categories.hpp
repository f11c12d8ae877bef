#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

namespace reluscope {

/// Texts numbered in the order in which they first come.
class Categories {
 public:
  /// The number of a text, a new one where it is new.
  std::int32_t id_of(const std::string& text) {
    const auto [entry, is_new] = ids_.try_emplace(text, static_cast<std::int32_t>(texts_.size()));
    if (is_new) texts_.push_back(text);
    return entry->second;
  }
  [[nodiscard]] const std::vector<std::string>& texts() const { return texts_; }
  [[nodiscard]] std::size_t size() const { return texts_.size(); }

 private:
  std::unordered_map<std::string, std::int32_t> ids_;
  std::vector<std::string> texts_;
};

}  // namespace reluscope
