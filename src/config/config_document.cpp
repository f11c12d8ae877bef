#include "config/config_document.hpp"

#include <algorithm>
#include <cmath>

#include "util/format.hpp"

namespace reluscope {

namespace {

/// For some 1500 updates of batches of 32.
std::uint64_t epochs_for(std::uint64_t samples) {
  const double steps = std::max(1.0, std::ceil(0.8 * static_cast<double>(samples) / 32.0));
  return static_cast<std::uint64_t>(std::clamp(std::ceil(1500.0 / steps), 5.0, 300.0));
}

std::string data_text(const std::vector<ConfigLine>& lines) {
  std::string text = "  \"data\": {\n";
  for (std::size_t line = 0; line < lines.size(); ++line) {
    if (!lines[line].comment.empty()) text += "    // " + lines[line].comment + "\n";
    text += "    \"" + lines[line].key + "\": " + lines[line].value + (line + 1 < lines.size() ? ",\n" : "\n");
  }
  return text + "  },\n\n";
}

}  // namespace

std::string config_document(const DocumentParts& parts) {
  const std::uint64_t units = parts.features > 256 ? 128 : parts.features > 64 ? 64 : 32;
  const std::string output = parts.has_classes    ? "one unit per class, no activation (the loss takes logits)"
                             : parts.outputs == 1 ? "one number, no activation"
                                                  : "a number for each target, no activation";
  return "{\n  // " + parts.about + ". Change what you like; what is left out here has a default:\n" +
         "  //   reluscope run FILE --print-config    shows all of them, reluscope schema describes every key\n" +
         "  \"$schema\": " + quoted(kSchemaFile) + ",\n" +  //
         "  \"name\": " + quoted(parts.name) + ",    // names the run directory, runs/" + parts.name + "\n" +
         "  \"seed\": 1,    // of every random number: the same seed gives the same bytes\n\n" + data_text(parts.data) +
         "  \"network\": {\n    \"layers\": [\n" +
         "      // Two hidden layers. Also: \"leaky_relu\", \"elu\", {\"name\": \"prelu\", \"init\": 0.1}, …\n" +
         "      {\"type\": \"dense\", \"units\": " + std::to_string(units) +
         ", \"activation\": \"relu\", \"init\": {\"weights\": \"he_normal\", \"bias\": 0.0}, \"repeat\": 2},\n" +
         "      // The output: " + output + ".\n" +  //
         "      {\"type\": \"dense\", \"units\": " + std::to_string(parts.outputs) + "}\n    ]\n  },\n\n" +
         (parts.has_classes ? "  \"loss\": \"cross_entropy\",\n\n" : "  \"loss\": \"mse\",    // also mae, huber\n\n") +
         "  \"train\": {\n    \"epochs\": " + std::to_string(epochs_for(parts.samples)) +
         ",\n    \"batch_size\": 32,\n    \"optimizer\": {\"name\": \"adam\", \"lr\": 0.003}\n  },\n\n" +
         "  \"record\": {\n    \"every\": 10,           // a row per layer every 10 steps\n" +
         "    \"census\": \"epoch\"      // exact count of dead units over the whole training set, after every "
         "epoch\n" +
         "  }\n}\n";
}

std::string quoted(const std::string& text) {
  std::string json;
  append_json_string(json, text);
  return json;
}

std::string path_from(const std::filesystem::path& directory, const std::filesystem::path& file) {
  namespace fs = std::filesystem;
  std::error_code error;
  // What is not there yet would stay relative.
  const fs::path relative = fs::relative(fs::absolute(file), fs::absolute(directory.empty() ? "." : directory), error);
  return error || relative.empty() ? fs::absolute(file).string() : relative.string();
}

}  // namespace reluscope
