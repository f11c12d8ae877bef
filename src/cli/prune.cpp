#include <unistd.h>

#include <spdlog/spdlog.h>

#include <array>
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

/// What became of the outputs of a network that does not add up in order.
std::string bounded_text(const std::string& part, const OutputCheck& check) {
  std::string text = part + ": the outputs of all " + std::to_string(check.samples) + " samples are equal";
  if (check.differing > 0) {
    text = part + ": the outputs of " + std::to_string(check.differing) + " of " + std::to_string(check.samples) +
           " samples differ, by " + format_short(check.largest_difference) + " at most; ";
    text += check.bound ? "no difference can be above " + format_short(*check.bound) + ", which is proved"
                        : "how far they can is not known";
  }
  if (check.same_predictions)
    text += "\n" + std::string(code_points(part) + 2, ' ') + "predictions: " + std::to_string(*check.same_predictions) +
            " are the same, " + std::to_string(check.proved_predictions) + " of them by proof";
  if (check.beyond_bound > 0)
    text += "\n" + std::to_string(check.beyond_bound) +
            " samples differ by more than is possible: this is a fault of the program, please report it";
  return text + "\n";
}

std::string check_text(const char* part, const OutputCheck& check, bool in_order) {
  if (check.samples == 0) return "";
  if (!in_order) return bounded_text(part, check);
  std::string text = std::string(part) + ": the outputs of all " + std::to_string(check.samples) + " samples are equal";
  if (check.differing > 0)
    text = std::string(part) + ": the outputs of " + std::to_string(check.differing) + " of " +
           std::to_string(check.samples) + " samples differ, by " + format_short(check.largest_difference) + " at most";
  return text + "\n";
}

nlohmann::ordered_json check_document(const OutputCheck& check, bool in_order) {
  nlohmann::ordered_json json = {
      {"samples", check.samples}, {"differing", check.differing}, {"largest_difference", check.largest_difference}};
  if (in_order) return json;
  json["bound"] = check.bound ? nlohmann::ordered_json(*check.bound) : nlohmann::ordered_json();
  json["beyond_bound"] = check.beyond_bound;
  if (check.same_predictions)
    json["predictions"] = {{"same", *check.same_predictions}, {"proved", check.proved_predictions}};
  return json;
}

/// Whether the report says which dead units stay. Of dense layers the table alone is shown.
bool tells_kept(const PrunedLayer& layer, bool in_order) {
  return !in_order || layer.kept[static_cast<std::size_t>(Obstacle::mixed)] > 0;
}

/// The dead units that a layer keeps, by what hinders them.
nlohmann::ordered_json kept_document(const PrunedLayer& layer) {
  nlohmann::ordered_json json = nlohmann::ordered_json::object();
  for (std::size_t at = 0; at < layer.kept.size(); ++at)
    if (layer.kept[at] > 0) json[std::string(kObstacleNames[at])] = layer.kept[at];
  return json;
}

std::string document(const PruneReport& report) {
  nlohmann::ordered_json json;
  json["layers"] = nlohmann::ordered_json::array();
  for (const PrunedLayer& layer : report.layers) {
    json["layers"].push_back({{"name", layer.name}, {"units", layer.units}, {"removed", layer.removed}});
    if (tells_kept(layer, report.in_order)) json["layers"].back()["kept"] = kept_document(layer);
  }
  json["parameters_before"] = report.parameters_before;
  json["parameters_after"] = report.parameters_after;
  if (!report.in_order) {
    json["multiplications_before"] = report.multiplications_before;
    json["multiplications_after"] = report.multiplications_after;
  }
  json["folded"] = report.folded;
  json["train"] = check_document(report.train, report.in_order);
  json["test"] = check_document(report.test, report.in_order);
  return json.dump(2) + "\n";
}

/// How many dead units stay, for each obstacle.
std::string kept_text(const PruneReport& report) {
  constexpr std::array<const char*, kObstacleNames.size()> kWhy = {
      "what is added to them, or also reads them, needs their channels",
      "a layer that mixes channels stands on them",
      "their outputs are not the same everywhere",
      "their constant output is not 0, and a convolution pads it with zeros",
      "their constant output is not 0, and what reads it has no biases",
      "a layer keeps one unit"};
  std::string text;
  for (std::size_t at = 0; at < kWhy.size(); ++at) {
    std::int64_t count = 0;
    for (const PrunedLayer& layer : report.layers)
      if (tells_kept(layer, report.in_order)) count += layer.kept[at];
    if (count == 0) continue;
    const std::string line = "dead units that stay: " + std::to_string(count) + ", for " + kWhy[at];
    text.append(wrap(line, terminal_width(STDOUT_FILENO), "  ")).append("\n");
  }
  return text;
}

std::string savings_text(const char* what, std::int64_t before, std::int64_t after) {
  const double share = 100.0 * (1.0 - static_cast<double>(after) / static_cast<double>(before));
  return std::to_string(before) + " " + what + ", " + std::to_string(after) + " are left (" + format_fixed(share, 1) +
         " % fewer)\n";
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
    std::cout << format_table({"layer", "units", "removed"}, rows, 1, TableStyle::plain) << '\n'
              << savings_text("parameters", report.parameters_before, report.parameters_after);
    if (!report.in_order)
      std::cout << savings_text("multiplications a sample", report.multiplications_before,
                                report.multiplications_after);
    std::cout << kept_text(report) << check_text("training", report.train, report.in_order)
              << check_text("test", report.test, report.in_order) << std::flush;
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
               "  reluscope run runs/dying-relu/pruned/network.json\n"
               "\nOf a checkpoint, without training it:\n"
               "  reluscope census mine.json --weights mine.safetensors --out seen\n"
               "  reluscope prune seen --units dead");
  command->add_option("RUN", options->run, "The directory of a run, or of a census (--out)")->required();
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
