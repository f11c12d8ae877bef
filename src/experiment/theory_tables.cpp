// The theory as rows and as JSON.
#include <nlohmann/json.hpp>

#include "experiment/theory.hpp"
#include "trace/table_writer.hpp"
#include "util/json_file.hpp"

namespace reluscope {

namespace {

/// Half-width of the critical regime around χ₁ = 1.
constexpr double kCriticalWidth = 0.02;

}  // namespace

std::vector<TheoryRecord> theory_records(const Theory& theory) {
  std::vector<TheoryRecord> rows;
  for (const TheoryLayer& layer : theory.layers) {
    TheoryRecord row;
    row.layer = static_cast<std::int64_t>(rows.size()) + 1;
    row.name = layer.name;
    row.activation = layer.activation;
    row.units = layer.units;
    row.fan_in = layer.fan_in;
    if (!theory.from_file) row.weight_variance = layer.weight_variance;
    row.q = layer.q;
    row.delta_rms = layer.delta_rms;
    row.chi1 = layer.chi1;
    // χ₁ of the last hidden layer is that of the output's initialiser, and of one layer: no regime.
    if (layer.chi1 && rows.size() + 2 < theory.layers.size())
      row.regime = *layer.chi1 < 1.0 - kCriticalWidth   ? "ordered"
                   : *layer.chi1 > 1.0 + kCriticalWidth ? "chaotic"
                                                        : "critical";
    if (layer.q_sampled) {
      row.q_sampled = layer.q_sampled->value;
      row.q_low = layer.q_sampled->low;
      row.q_high = layer.q_sampled->high;
    }
    if (layer.delta_rms_sampled) {
      row.delta_rms_sampled = layer.delta_rms_sampled->value;
      row.delta_rms_low = layer.delta_rms_sampled->low;
      row.delta_rms_high = layer.delta_rms_sampled->high;
    }
    rows.push_back(row);
  }
  return rows;
}

std::string theory_csv(const Theory& theory) { return csv_text(theory_records(theory)); }

std::string theory_json(const Theory& theory) {
  using Json = nlohmann::ordered_json;
  Json layers = Json::array();
  for (const TheoryRecord& row : theory_records(theory)) {
    Json object;
    std::apply(
        [&](const auto&... column) {
          const auto add = [&](const auto& one) {
            const auto& value = row.*one.member;
            if constexpr (requires { value.has_value(); }) {
              object[std::string(one.name)] = value ? Json(*value) : Json();
            } else {
              object[std::string(one.name)] = value;
            }
          };
          (add(column), ...);
        },
        TheoryRecord::columns());
    layers.push_back(object);
  }
  Json document;
  document["layers"] = layers;
  document["hanin_sum"] = theory.hanin_sum;
  document["gradient_moment_ratio"] = number_or_null(theory.gradient_moment_ratio);
  document["born_dead"] = {{"lower_bound", number_or_null(theory.born_dead.lower)},
                           {"upper_bound", number_or_null(theory.born_dead.upper)}};
  document["samples"] = theory.samples;
  if (theory.born_dead.sampled) {
    document["born_dead"]["sampled"] = theory.born_dead.sampled->value;
    document["born_dead"]["low"] = theory.born_dead.sampled->low;
    document["born_dead"]["high"] = theory.born_dead.sampled->high;
  }
  return document.dump(2) + "\n";
}

}  // namespace reluscope
