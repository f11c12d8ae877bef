#include "config/own_config.hpp"

#include <algorithm>
#include <optional>

#include "config/array_config.hpp"
#include "config/layout.hpp"
#include "config/table_config.hpp"
#include "data/file_format.hpp"
#include "data/sources.hpp"
#include "util/error.hpp"
#include "util/excerpt.hpp"

namespace reluscope {

namespace {

std::optional<std::string> kind_of_file(const std::filesystem::path& file) {
  switch (file_format(file)) {
    case FileFormat::csv:
      return "csv";
    case FileFormat::npy:
      return "npy";
    case FileFormat::npz:
      return "npz";
    case FileFormat::idx:
      return "idx";
    case FileFormat::safetensors:
      break;
  }
  return std::nullopt;
}

}  // namespace

OwnConfig make_config(const OwnWish& wish) {
  const std::optional<std::string> kind = kind_of_file(wish.file);
  if (!kind)
    throw DataError(wish.file.string() + ": holds weights, not data" +
                    help_line("reluscope inspect " + wish.file.string()));
  return *kind == "csv" ? make_csv_config(wish) : make_array_config(wish, *kind);
}

bool is_own_setting(const std::filesystem::path& file, const std::string& setting) {
  const std::string_view key = std::string_view(setting).substr(0, setting.find('='));
  if (!key.starts_with("data.")) return false;
  const std::optional<std::string> kind = kind_of_file(file);
  if (!kind) return false;
  const std::vector<Param>& params = find_entry(source_table(), *kind)->params;
  return std::any_of(params.begin(), params.end(), [&](const Param& param) { return key.substr(5) == param.name; });
}

std::string experiment_name(const std::filesystem::path& file) {
  std::string stem = file.filename().string();
  for (const std::string_view ending : {".gz", ".csv", ".tsv", ".txt", ".data", ".npy", ".npz", ".dat"})
    if (stem.size() > ending.size() && stem.ends_with(ending)) stem.resize(stem.size() - ending.size());
  std::string name;
  for (const char letter : stem) name += letter == '.' || is_name(std::string(1, letter)) ? letter : '-';
  name.resize(std::min<std::size_t>(name.size(), 80));
  name.erase(0, std::min(name.find_first_not_of(".-"), name.size()));
  return name.empty() ? "table" : name;
}

}  // namespace reluscope
