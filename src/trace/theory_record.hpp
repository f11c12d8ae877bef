#pragma once
// theory.csv: a row is a layer with units.

#include <cstdint>
#include <optional>
#include <string>
#include <tuple>

#include "trace/column.hpp"

namespace reluscope {

struct TheoryRecord {
  std::int64_t layer = 0;
  std::string name;
  std::string activation;
  std::int64_t units = 0;
  std::optional<std::int64_t> fan_in;
  std::optional<double> weight_variance;
  std::optional<double> q;
  std::optional<double> delta_rms;
  std::optional<double> chi1;
  std::optional<std::string> regime;
  std::optional<double> q_sampled, q_low, q_high;
  std::optional<double> delta_rms_sampled, delta_rms_low, delta_rms_high;
  std::uint64_t unmeasured = 0;

  static constexpr auto columns() {
    return std::tuple{
        Column{"layer", &TheoryRecord::layer, "layers with units, counted from 1 at the input"},
        Column{"name", &TheoryRecord::name, "the layer's name"},
        Column{"activation", &TheoryRecord::activation, "its activation"},
        Column{"units", &TheoryRecord::units, "its units"},
        Column{"fan_in", &TheoryRecord::fan_in,
               "inputs of a unit; empty where no map feeds it directly, as behind a norm"},
        Column{"weight_variance", &TheoryRecord::weight_variance,
               "fan_in · Var[w]: σ_w² of the literature; empty where there is no such map, or weights are not drawn"},
        Column{"q", &TheoryRecord::q,
               "predicted mean of z² (Poole et al. 2016); empty where weights have a mean, behind pools and sums"},
        Column{"delta_rms", &TheoryRecord::delta_rms,
               "predicted RMS of ∂L/∂z (Schoenholz et al. 2017); empty below a norm, too"},
        Column{"chi1", &TheoryRecord::chi1,
               "growth of squared differences through the layer above, by its weights; empty for the output layer"},
        Column{"regime", &TheoryRecord::regime,
               "ordered (chi1 < 0.98), critical, or chaotic (chi1 > 1.02); empty where the layer above is the output"},
        Column{"q_sampled", &TheoryRecord::q_sampled, "mean of z² over fresh networks"},
        Column{"q_low", &TheoryRecord::q_low, "its 95 % confidence interval"},
        Column{"q_high", &TheoryRecord::q_high, "its 95 % confidence interval"},
        Column{"delta_rms_sampled", &TheoryRecord::delta_rms_sampled, "RMS of ∂L/∂z over fresh networks"},
        Column{"delta_rms_low", &TheoryRecord::delta_rms_low, "its 95 % confidence interval"},
        Column{"delta_rms_high", &TheoryRecord::delta_rms_high, "its 95 % confidence interval"},
    };
  }
};

}  // namespace reluscope
