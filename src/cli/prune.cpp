#include <spdlog/spdlog.h>

#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/commands.hpp"
#include "experiment/prune.hpp"
#include "report/terminal.hpp"
#include "util/error.hpp"
#include "util/format.hpp"
#include "util/text_file.hpp"
#include "util/thread_pool.hpp"

namespace reluscope {

namespace {

struct PruneOptions {
  std::string run;
  std::string units = "locked";
  std::string out;
  bool json = false;
};

std::string check_text(const char* part, const OutputCheck& check) {
  if (check.samples == 0) return "";
  std::string text = std::string(part) + ": the outputs of all " + std::to_string(check.samples) + " samples are equal";
  if (check.differing > 0)
    text = std::string(part) + ": the outputs of " + std::to_string(check.differing) + " of " +
           std::to_string(check.samples) + " samples differ, by " + format_short(check.largest_difference) + " at most";
  return text + "\n";
}

nlohmann::ordered_json check_document(const OutputCheck& check) {
  return {{"samples", check.samples}, {"differing", check.differing}, {"largest_difference", check.largest_difference}};
}

std::string document(const PruneReport& report) {
  nlohmann::ordered_json json;
  json["layers"] = nlohmann::ordered_json::array();
  for (const PrunedLayer& layer : report.layers)
    json["layers"].push_back({{"name", layer.name}, {"units", layer.units}, {"removed", layer.removed}});
  json["parameters_before"] = report.parameters_before;
  json["parameters_after"] = report.parameters_after;
  json["folded"] = report.folded;
  json["train"] = check_document(report.train);
  json["test"] = check_document(report.test);
  return json.dump(2) + "\n";
}

int prune_it(const PruneOptions& options) {
  const std::string out = options.out.empty() ? options.run + "/pruned" : options.out;
  const PruneReport report =
      prune(options.run, options.units == "dead" ? Prunable::dead : Prunable::locked, out, default_thread_count());
  if (options.json) {
    write_document("-", document(report));
  } else {
    std::vector<std::vector<std::string>> rows;
    for (const PrunedLayer& layer : report.layers)
      rows.push_back({layer.name, std::to_string(layer.units), std::to_string(layer.removed)});
    const double share =
        100.0 * (1.0 - static_cast<double>(report.parameters_after) / static_cast<double>(report.parameters_before));
    std::cout << format_table({"layer", "units", "removed"}, rows, 1, TableStyle::plain) << '\n'
              << report.parameters_before << " parameters, " << report.parameters_after << " are left ("
              << format_fixed(share, 1) << " % fewer)\n"
              << check_text("training", report.train) << check_text("test", report.test) << std::flush;
  }
  spdlog::info("the smaller network is in {}", out);
  return kDone;
}

}  // namespace

void add_prune(CommandLine& line) {
  auto options = std::make_shared<PruneOptions>();
  CLI::App* command =
      line.add("prune", "Take the dead units out of a trained network, and check that its outputs stay the same",
               "\nThe run must have been made with --save-weights. What is written runs:\n"
               "  reluscope run configs/dying-relu.json --save-weights\n"
               "  reluscope prune runs/dying-relu\n"
               "  reluscope run runs/dying-relu/pruned/network.json");
  command->add_option("RUN", options->run, "A run directory")->required();
  command
      ->add_option(
          "--units", options->units,
          "locked [the default]: units that provably cannot revive; dead: all that are dead on the training set")
      ->check(CLI::IsMember({"locked", "dead"}))
      ->type_name("WHICH");
  command->add_option("-o,--out", options->out, "Where the smaller network goes [RUN/pruned]")->type_name("DIR");
  command->add_flag("--json", options->json, "The report as JSON");
  command->callback([&line, options] { line.action = [options] { return prune_it(*options); }; });
}

}  // namespace reluscope
