#pragma once
// census.csv: a row is a layer with units at a census.

#include <cstdint>
#include <optional>
#include <string>
#include <tuple>

#include "trace/column.hpp"

namespace reluscope {

struct CensusRecord {
  std::int64_t step = 0;
  std::int64_t epoch = 0;
  std::int64_t layer = 0;
  std::string name;
  std::int64_t units = 0;
  std::int64_t dead = 0;
  double dead_fraction = 0.0;
  std::int64_t dead_on_domain = 0;
  std::int64_t locked = 0;
  std::optional<std::int64_t> saturated;
  std::optional<std::int64_t> dormant;
  std::int64_t born_dead = 0;
  std::int64_t died = 0;
  std::int64_t revived = 0;
  std::optional<double> effective_rank;
  std::optional<Role> role;
  std::int64_t inherited = 0;
  std::optional<std::int64_t> samples;
  std::optional<std::int64_t> positions;
  std::optional<std::int64_t> silent;
  std::optional<std::int64_t> not_finite;
  std::uint64_t unmeasured = 0;

  static constexpr auto columns() {
    return std::tuple{
        Column{"step", &CensusRecord::step, "updates made before this census"},
        Column{"epoch", &CensusRecord::epoch, "epochs completed"},
        Column{"layer", &CensusRecord::layer, "layers with units, counted from 1 at the input"},
        Column{"name", &CensusRecord::name, "the layer's name"},
        Column{"units", &CensusRecord::units, "its units"},
        Column{"dead", &CensusRecord::dead, "units with φ' = 0 on every training sample"},
        Column{"dead_fraction", &CensusRecord::dead_fraction, "dead / units"},
        Column{"dead_on_domain", &CensusRecord::dead_on_domain,
               "dead units that interval bounds show to be dead for every input in the training set's bounding box"},
        Column{"locked", &CensusRecord::locked, "dead units that provably cannot revive in this run"},
        Column{"saturated", &CensusRecord::saturated,
               "units with |φ'| ≤ ε on every probe sample; empty where the probe was not due; the last row: on all of "
               "the training set"},
        Column{"dormant", &CensusRecord::dormant,
               "units with mean |a| ≤ τ times the layer's mean (Sokar et al. 2023), on the same samples"},
        Column{"born_dead", &CensusRecord::born_dead, "units that were dead at step 0, in weights that were drawn"},
        Column{"died", &CensusRecord::died, "dead now and not at the last census"},
        Column{"revived", &CensusRecord::revived, "dead at the last census and not now"},
        Column{"effective_rank", &CensusRecord::effective_rank,
               "exp of the entropy of the activations' singular values (Roy & Vetterli 2007), on the probe samples; "
               "empty where the probe was not due"},
        Column{"role", &CensusRecord::role, "hidden or output; empty where it is not known"},
        Column{"inherited", &CensusRecord::inherited,
               "units that were dead at step 0 in weights that came from a file: not born dead"},
        Column{"samples", &CensusRecord::samples, "samples that the census answers for"},
        Column{"positions", &CensusRecord::positions,
               "places that a unit is applied at for one sample: 1 in a dense layer"},
        Column{"silent", &CensusRecord::silent,
               "units with φ' = 0 in every training batch since the last census; empty where it was not measured"},
        Column{
            "not_finite", &CensusRecord::not_finite,
            "units with a pre-activation that is not finite: neither dead nor alive; empty in a run, which ends there"},
    };
  }
};

}  // namespace reluscope
