#pragma once
// events.jsonl: a row is something that happened to a unit, a layer or the run.

#include <cstdint>
#include <optional>
#include <string>
#include <tuple>

#include "trace/column.hpp"

namespace reluscope {

struct EventRecord {
  std::int64_t step = 0;
  std::string event;
  std::optional<std::int64_t> layer;
  std::optional<std::string> name;
  std::optional<std::int64_t> unit;
  std::optional<std::int64_t> after;
  std::optional<std::int64_t> by;
  std::optional<std::string> dated;
  std::optional<std::string> cause;
  std::optional<double> own_weights;
  std::optional<double> own_bias;
  std::optional<double> upstream;
  std::optional<double> lr;
  std::optional<double> grad_norm;
  std::optional<std::string> detail;
  std::optional<double> norm;
  std::optional<double> skip;

  static constexpr auto columns() {
    return std::tuple{
        Column{"step", &EventRecord::step, "updates made before it was seen"},
        Column{"event", &EventRecord::event, "born_dead, inherited, died, revived, locked, collapsed, non_finite"},
        Column{"layer", &EventRecord::layer, "layers with units, counted from 1 at the input"},
        Column{"name", &EventRecord::name, "the layer's name"},
        Column{"unit", &EventRecord::unit, "unit in the layer, from 0"},
        Column{"after", &EventRecord::after, "died, revived: last step at which it was known to be as before"},
        Column{"by", &EventRecord::by, "died, revived: first step at which it was known to have changed"},
        Column{"dated", &EventRecord::dated, "exact: one update lies between the two; range: several"},
        Column{"cause", &EventRecord::cause, "died: own_weights, own_bias, norm, skip, upstream"},
        Column{"own_weights", &EventRecord::own_weights, "died: ΔW·h of the witness since the last census"},
        Column{"own_bias", &EventRecord::own_bias, "died: Δb"},
        Column{"upstream", &EventRecord::upstream, "died: W·Δh"},
        Column{"lr", &EventRecord::lr, "died: learning rate of the update at step `after`"},
        Column{"grad_norm", &EventRecord::grad_norm, "died: norm of that step's gradient, over all parameters"},
        Column{"detail", &EventRecord::detail, "what was found"},
        Column{"norm", &EventRecord::norm, "died: what the norm before φ moved by itself; empty without one"},
        Column{"skip", &EventRecord::skip, "died: what the shortcut of its residual block moved; empty without one"},
    };
  }
};

}  // namespace reluscope
