#pragma once
// The text of a config for somebody's own data.

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace reluscope {

struct ConfigLine {
  std::string comment;  ///< above the key; empty: none
  std::string key;
  std::string value;  ///< JSON
};

struct DocumentParts {
  std::string about;  ///< the first words: "birds.csv: 240 rows, 9 columns"
  std::string name;
  std::vector<ConfigLine> data;
  std::uint64_t samples = 0;
  std::uint64_t features = 0;
  std::uint64_t outputs = 1;
  bool has_classes = false;
};

/// Two hidden layers, as many updates as such data need, and the output and loss that the label wants.
std::string config_document(const DocumentParts& parts);

/// The schema that the config names, beside it.
inline constexpr const char* kSchemaFile = "experiment.schema.json";

/// The text in quotes, as JSON.
std::string quoted(const std::string& text);
/// The way from a directory, which need not be there yet, to a file.
std::string path_from(const std::filesystem::path& directory, const std::filesystem::path& file);

}  // namespace reluscope
