#include "cli/commands.hpp"
#include "util/error.hpp"
#include "util/text_file.hpp"

namespace reluscope {

/// scripts/reluscope_capture.py, as it was when this program was built.
const char* capture_script();

void add_capture(CommandLine& line) {
  auto print = std::make_shared<bool>(false);
  CLI::App* command =
      line.add("capture", "Print the Python file that watches a PyTorch model and writes its traces",
               "\nExample:\n  reluscope capture --print > reluscope_capture.py\n"
               "\nThen, in the program that trains:\n"
               "  with reluscope_capture.Capture(model, \"runs/mine\", every=50, census=train_loader) as cap:\n"
               "    for inputs, targets in train_loader:\n"
               "      optimizer.zero_grad()\n"
               "      loss = criterion(model(inputs), targets)\n"
               "      loss.backward()\n"
               "      cap.step(loss, optimizer)  # measures, and calls optimizer.step()");
  command->add_flag("--print", *print, "Print it to standard output");
  command->callback([&line, print] {
    line.action = [print] {
      if (!*print) throw UsageError("nothing to do: 'reluscope capture --print > reluscope_capture.py' makes the file");
      write_document("-", capture_script());
      return kDone;
    };
  });
}

}  // namespace reluscope
