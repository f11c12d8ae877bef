#include "config/schema.hpp"
#include "cli/commands.hpp"
#include "util/error.hpp"
#include "util/text_file.hpp"

namespace reluscope {

void add_schema(CommandLine& line) {
  CLI::App* command = line.add("schema", "Print the JSON Schema (draft-07) of a config, with every default",
                               "\nExample:\n  reluscope schema > experiment.schema.json");
  command->callback([&line] {
    line.action = [] {
      write_document("-", config_schema());
      return kDone;
    };
  });
}

}  // namespace reluscope
