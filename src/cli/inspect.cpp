#include <memory>

#include "cli/commands.hpp"
#include "report/inspection.hpp"
#include "util/error.hpp"
#include "util/text_file.hpp"

namespace reluscope {

namespace {

struct InspectOptions {
  std::string file;
  std::string label_column;
  bool json = false;
  bool dump = false;
};

int inspect_it(const InspectOptions& options) {
  if (options.json && options.dump) throw UsageError("--json and --dump are two answers: give one of them");
  const LoadedFile file = load_file(options.file, options.dump ? CsvAs::numbers : CsvAs::table, options.label_column);
  if (options.dump) {
    TextSink out("-");
    dump(file, [&out](std::string_view text) { out.write(text); });
    out.flush();
    return kDone;
  }
  const Inspection inspection = inspect(file, options.label_column);
  write_document("-", options.json ? inspection_json(inspection) : inspection_text(inspection, TableStyle::plain));
  return inspection.intact.value_or(true) ? kDone : kRunFailed;
}

}  // namespace

void add_inspect(CommandLine& line) {
  auto options = std::make_shared<InspectOptions>();
  CLI::App* command = line.add(
      "inspect", "Say what a data, weight or checkpoint file holds",
      "\nIDX, NPY, NPZ and CSV, plain or gzip, and safetensors are told apart by their content. Of a table: the type "
      "of\n"
      "each column, what is missing, its range or most frequent values, and what it may be for. Exits with 1 where a\n"
      "checkpoint's own checksum is wrong.\n"
      "\nExamples:\n  reluscope inspect train-images-idx3-ubyte.gz\n"
      "  reluscope inspect runs/mnist/weights.safetensors --json | jq '.arrays[].shape'\n"
      "  reluscope inspect data/digits/digits.csv.gz --dump | head -n 1");
  command->add_option("FILE", options->file, "The file")->required();
  command
      ->add_option("--label,--label-column", options->label_column,
                   "Of CSV, the labels: a name, or a number from 0 [guessed; the last for --dump]")
      ->type_name("COLUMN");
  command->add_flag("--json", options->json, "As JSON");
  command->add_flag("--dump", options->dump,
                    "The values, as CSV: a line per sample; of weights array,row,column,value");
  command->callback([&line, options] { line.action = [options] { return inspect_it(*options); }; });
}

}  // namespace reluscope
