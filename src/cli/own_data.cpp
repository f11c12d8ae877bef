#include "cli/own_data.hpp"

#include <spdlog/spdlog.h>

#include "config/config_document.hpp"
#include "config/schema.hpp"
#include "util/error.hpp"
#include "util/text_file.hpp"

namespace reluscope {

void write_schema_beside(const std::filesystem::path& config) {
  const std::filesystem::path file = config.parent_path() / kSchemaFile;
  if (std::error_code error; exists(std::filesystem::symlink_status(file, error))) return;
  try {
    write_document(file.string(), config_schema());
  } catch (const IoError& fault) { spdlog::warn("editors will not complete the config: {}", fault.what()); }
}

}  // namespace reluscope
