#include "data/data_files.hpp"

#include "data/sources.hpp"
#include "util/input.hpp"

namespace reluscope {

std::vector<std::filesystem::path> data_files(const DataSpec& spec) {
  std::vector<std::filesystem::path> files;
  for (const Param& param : find_entry(source_table(), spec.source.name)->params) {
    if (param.kind != ParamKind::text || spec.source.params.is_null(param.name)) continue;
    const std::filesystem::path path = spec.base_directory / spec.source.params.text(param.name);
    if (has_file(path)) files.push_back(path);
  }
  return files;
}

}  // namespace reluscope
