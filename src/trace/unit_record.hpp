#pragma once
// units.csv: a row is a unit at the end of the run.

#include <cstdint>
#include <optional>
#include <string>
#include <tuple>

#include "trace/column.hpp"

namespace reluscope {

struct UnitRecord {
  std::int64_t layer = 0;
  std::string name;
  std::int64_t unit = 0;
  std::string state;
  bool born_dead = false;
  std::optional<std::int64_t> first_dead_step;
  std::optional<std::int64_t> last_change_step;
  std::int64_t deaths = 0;
  std::int64_t revivals = 0;
  std::optional<std::string> cause;
  std::optional<double> own_weights;
  std::optional<double> own_bias;
  std::optional<double> upstream;
  std::optional<std::int64_t> died_after;
  std::optional<std::int64_t> died_by;
  std::optional<double> lr;
  std::optional<double> grad_norm;
  std::optional<double> margin;
  std::optional<double> activation_rate;
  std::optional<std::string> locked;
  std::optional<std::int64_t> locked_step;
  std::optional<double> min_steps_to_revive;
  std::optional<Role> role;
  bool inherited = false;
  std::optional<double> a_mean;
  std::optional<double> slope;
  std::optional<double> sample_rate;
  std::optional<double> cover;
  std::optional<bool> within_rounding;
  std::optional<double> norm;
  std::optional<double> skip;
  std::uint64_t unmeasured = 0;

  static constexpr auto columns() {
    return std::tuple{
        Column{"layer", &UnitRecord::layer, "layers with units, counted from 1 at the input"},
        Column{"name", &UnitRecord::name, "the layer's name"},
        Column{"unit", &UnitRecord::unit, "unit in the layer, from 0"},
        Column{"state", &UnitRecord::state,
               "at the end: dead, saturated, dormant, rare (active on < 1 %), alive; or not_finite"},
        Column{"born_dead", &UnitRecord::born_dead, "1 if dead at step 0, in weights that were drawn"},
        Column{"first_dead_step", &UnitRecord::first_dead_step, "step of the first census that found it dead"},
        Column{"last_change_step", &UnitRecord::last_change_step, "step of the last census that found a change"},
        Column{"deaths", &UnitRecord::deaths, "changes from alive to dead"},
        Column{"revivals", &UnitRecord::revivals, "changes from dead to alive"},
        Column{"cause", &UnitRecord::cause,
               "of the last death: born, inherited, or what pushed the pre-activation of the unit's witness most: "
               "own_weights, own_bias, norm, skip, upstream"},
        Column{"own_weights", &UnitRecord::own_weights,
               "ΔW·h of the witness, between the two censuses around the death"},
        Column{"own_bias", &UnitRecord::own_bias, "Δb"},
        Column{"upstream", &UnitRecord::upstream, "W·Δh; the five add up to the witness's Δz"},
        Column{"died_after", &UnitRecord::died_after, "last step at which it was seen active before it died"},
        Column{"died_by", &UnitRecord::died_by,
               "first step at which it was known dead; died_after + 1: the exact step"},
        Column{"lr", &UnitRecord::lr, "learning rate of the update after died_after"},
        Column{"grad_norm", &UnitRecord::grad_norm, "norm of that step's gradient, over all parameters"},
        Column{"margin", &UnitRecord::margin,
               "smallest distance of z from the live region over the training set (relu: −max z), ≥ 0 if dead"},
        Column{"activation_rate", &UnitRecord::activation_rate,
               "share of training samples with z outside the dead region"},
        Column{"locked", &UnitRecord::locked,
               "certificate that it cannot revive in this run: domain, sign, frozen; empty: none"},
        Column{"locked_step", &UnitRecord::locked_step, "step of the census that found the certificate"},
        Column{"min_steps_to_revive", &UnitRecord::min_steps_to_revive,
               "dead and not locked: steps its margin lasts at least if z goes on drifting as it may have since the "
               "last census; empty where that is not known or 0"},
        Column{"role", &UnitRecord::role, "of its layer: hidden or output; empty where it is not known"},
        Column{"inherited", &UnitRecord::inherited, "1 if dead at step 0 in weights that came from a file"},
        Column{"a_mean", &UnitRecord::a_mean,
               "mean activation over the training set at the end: its bias shift (Clevert et al. 2016)"},
        Column{"slope", &UnitRecord::slope, "prelu: its learned slope at the end"},
        Column{
            "sample_rate", &UnitRecord::sample_rate,
            "share of the samples with z outside the dead region at some position; empty where it is activation_rate"},
        Column{"cover", &UnitRecord::cover,
               "share of the positions at which z is outside the dead region for some sample; empty with one position"},
        Column{"within_rounding", &UnitRecord::within_rounding,
               "1 if the margin is smaller than what rounding may do to it, so that other batches may say otherwise; "
               "empty "
               "in a run, where it does not depend on them"},
        Column{"norm", &UnitRecord::norm,
               "what the norm before φ moved by itself: scale, shift and running statistics; empty without one"},
        Column{"skip", &UnitRecord::skip, "what the shortcut of its residual block moved; empty without one"},
    };
  }
};

}  // namespace reluscope
