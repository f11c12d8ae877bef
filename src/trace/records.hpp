#pragma once
// The records of a run: plain structs, one row each, and the one list of their columns from which header, CSV row,
// JSON row and docs come. Schema version 1.
//
// `step` is the number of updates made before the measurement: row 0 describes the initial parameters. An absent
// optional means that the column does not apply there, or was not measured. `unmeasured` says the latter of the other
// columns, a bit for each in their order: a run of ours measures them all, a table from elsewhere may not
// (table_reader.hpp).

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>

namespace reluscope {

inline constexpr int kSchemaVersion = 1;

/// A column: its name, the member that holds it, and what it says.
template <class R, class M>
struct Column {
  std::string_view name;
  M R::*member;
  std::string_view doc;
};
template <class R, class M>
Column(const char*, M R::*, const char*) -> Column<R, M>;

/// What a layer is in its network.
enum class Role : std::uint8_t { hidden, output };
inline constexpr std::array<std::string_view, 2> kRoleNames = {"hidden", "output"};
constexpr std::string_view role_name(Role role) { return kRoleNames[static_cast<std::size_t>(role)]; }

struct StepRecord {
  std::int64_t step = 0;
  std::int64_t epoch = 0;
  double loss = 0.0;
  std::optional<double> accuracy;
  double lr = 0.0;
  double grad_norm = 0.0;
  std::optional<double> grad_noise;
  double param_norm = 0.0;
  double update_ratio = 0.0;
  std::optional<double> batch_dead_fraction;
  std::optional<double> grad_trace;
  std::optional<double> grad_signal;
  std::uint64_t unmeasured = 0;

  static constexpr auto columns() {
    return std::tuple{
        Column{"step", &StepRecord::step, "updates made before this measurement"},
        Column{"epoch", &StepRecord::epoch, "epochs completed"},
        Column{"loss", &StepRecord::loss, "mean loss of the batch, with the penalties"},
        Column{"accuracy", &StepRecord::accuracy,
               "share of the batch classified correctly, of several labels the mean share; empty for regression"},
        Column{"lr", &StepRecord::lr, "learning rate of the update that follows"},
        Column{"grad_norm", &StepRecord::grad_norm, "L2 norm of the gradient over all parameters, before clipping"},
        Column{"grad_noise", &StepRecord::grad_noise,
               "noise scale grad_trace / grad_signal (McCandlish et al. 2018) of this batch alone; inf: noise only"},
        Column{"param_norm", &StepRecord::param_norm, "L2 norm of all parameters, before the update"},
        Column{"update_ratio", &StepRecord::update_ratio, "‖Δθ‖/‖θ‖ of the update that follows, all parameters"},
        Column{"batch_dead_fraction", &StepRecord::batch_dead_fraction,
               "units with φ' = 0 on the whole batch, as a share of all hidden units; empty without hidden layers"},
        Column{"grad_trace", &StepRecord::grad_trace,
               "unbiased estimate of tr(Σ), the variance of one sample's gradient; empty for a batch of one"},
        Column{"grad_signal", &StepRecord::grad_signal,
               "the same of ‖G‖², the expected gradient's squared norm: may be below 0. To average, not to divide"},
    };
  }
};

struct LayerRecord {
  std::int64_t step = 0;
  std::int64_t epoch = 0;
  std::int64_t layer = 0;
  std::string name;
  std::string activation;
  std::int64_t units = 0;
  std::int64_t batch_dead = 0;
  double batch_dead_fraction = 0.0;
  double zero_fraction = 0.0;
  double z_mean = 0.0;
  double z_std = 0.0;
  double z_max = 0.0;
  double a_mean = 0.0;
  double a_rms = 0.0;
  double a_max = 0.0;
  double grad_norm_w = 0.0;
  std::optional<double> grad_norm_b;
  double grad_max = 0.0;
  double grad_mean = 0.0;
  double grad_zero_fraction = 0.0;
  double delta_rms = 0.0;
  double weight_norm = 0.0;
  double update_ratio = 0.0;
  std::optional<double> slope_mean;
  std::optional<std::int64_t> dead_min;
  std::optional<std::int64_t> dead_max;
  std::optional<std::int64_t> batch_rare;
  std::optional<std::int64_t> batch_faint;
  std::optional<double> tiny_fraction;
  std::optional<double> nonpositive_fraction;
  std::optional<Role> role;
  std::optional<bool> from_file;
  std::uint64_t unmeasured = 0;

  static constexpr auto columns() {
    return std::tuple{
        Column{"step", &LayerRecord::step, "updates made before this measurement"},
        Column{"epoch", &LayerRecord::epoch, "epochs completed"},
        Column{"layer", &LayerRecord::layer, "layers with units, counted from 1 at the input"},
        Column{"name", &LayerRecord::name, "the layer's name"},
        Column{"activation", &LayerRecord::activation, "its activation"},
        Column{"units", &LayerRecord::units, "its units"},
        Column{"batch_dead", &LayerRecord::batch_dead, "units with φ' = 0 for every sample of the batch"},
        Column{"batch_dead_fraction", &LayerRecord::batch_dead_fraction, "batch_dead / units"},
        Column{"zero_fraction", &LayerRecord::zero_fraction, "share of activations that are exactly 0"},
        Column{"z_mean", &LayerRecord::z_mean, "mean pre-activation"},
        Column{"z_std", &LayerRecord::z_std, "standard deviation of the pre-activations"},
        Column{"a_mean", &LayerRecord::a_mean, "mean activation (bias shift)"},
        Column{"a_rms", &LayerRecord::a_rms, "root mean square of the activations"},
        Column{"a_max", &LayerRecord::a_max, "largest |activation|"},
        Column{"grad_norm_w", &LayerRecord::grad_norm_w, "L2 norm of ∂L/∂W, before clipping"},
        Column{"grad_norm_b", &LayerRecord::grad_norm_b,
               "L2 norm of ∂L/∂b, before clipping; empty for a layer without biases"},
        Column{"grad_max", &LayerRecord::grad_max, "largest |element| of ∂L/∂W and ∂L/∂b"},
        Column{"delta_rms", &LayerRecord::delta_rms, "RMS of ∂L/∂z of each sample's own loss"},
        Column{"weight_norm", &LayerRecord::weight_norm, "L2 norm of W, before the update"},
        Column{"update_ratio", &LayerRecord::update_ratio, "‖Δθ‖/‖θ‖ of the update that follows, this layer"},
        Column{"slope_mean", &LayerRecord::slope_mean, "prelu: mean learned slope, before the update"},
        Column{"dead_min", &LayerRecord::dead_min,
               "at least so many units are dead on the whole training set: proved; empty without a census"},
        Column{"dead_max", &LayerRecord::dead_max, "at most so many, for sure; at the step of a census both are exact"},
        Column{"z_max", &LayerRecord::z_max, "largest |pre-activation|"},
        Column{"grad_mean", &LayerRecord::grad_mean, "mean |element| of ∂L/∂W and ∂L/∂b"},
        Column{"grad_zero_fraction", &LayerRecord::grad_zero_fraction,
               "share of the elements of both that are exactly 0"},
        Column{"batch_rare", &LayerRecord::batch_rare,
               "units with a ≠ 0 on less than 1 % of the batch; this and the rest: empty unless record.monitors"},
        Column{"batch_faint", &LayerRecord::batch_faint, "units with |a| < 1e-5 on 95 % of the batch or more"},
        Column{"tiny_fraction", &LayerRecord::tiny_fraction, "share of activations with |a| < 1e-6"},
        Column{"nonpositive_fraction", &LayerRecord::nonpositive_fraction, "share of activations ≤ 0"},
        Column{"role", &LayerRecord::role, "hidden or output; empty where it is not known"},
        Column{"from_file", &LayerRecord::from_file,
               "1 if training started from weights of a file (network.init_from), 0 if they were drawn"},
    };
  }
};

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
    };
  }
};

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
  std::uint64_t unmeasured = 0;

  static constexpr auto columns() {
    return std::tuple{
        Column{"layer", &UnitRecord::layer, "layers with units, counted from 1 at the input"},
        Column{"name", &UnitRecord::name, "the layer's name"},
        Column{"unit", &UnitRecord::unit, "unit in the layer, from 0"},
        Column{"state", &UnitRecord::state, "at the end: dead, saturated, dormant, rare (active on < 1 %), alive"},
        Column{"born_dead", &UnitRecord::born_dead, "1 if dead at step 0, in weights that were drawn"},
        Column{"first_dead_step", &UnitRecord::first_dead_step, "step of the first census that found it dead"},
        Column{"last_change_step", &UnitRecord::last_change_step, "step of the last census that found a change"},
        Column{"deaths", &UnitRecord::deaths, "changes from alive to dead"},
        Column{"revivals", &UnitRecord::revivals, "changes from dead to alive"},
        Column{"cause", &UnitRecord::cause,
               "of the last death: born, inherited, or what pushed the pre-activation of the unit's witness most: "
               "own_weights, own_bias, upstream"},
        Column{"own_weights", &UnitRecord::own_weights,
               "ΔW·h of the witness, between the two censuses around the death"},
        Column{"own_bias", &UnitRecord::own_bias, "Δb"},
        Column{"upstream", &UnitRecord::upstream, "W·Δh; the three add up to the witness's Δz"},
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
    };
  }
};

/// evaluation.csv: how the network does in evaluation mode, on the data as a whole.
struct EvaluationRecord {
  std::int64_t step = 0;
  std::int64_t epoch = 0;
  double train_loss = 0.0;
  std::optional<double> train_accuracy;
  std::optional<double> test_loss;
  std::optional<double> test_accuracy;
  std::uint64_t unmeasured = 0;

  static constexpr auto columns() {
    return std::tuple{
        Column{"step", &EvaluationRecord::step, "updates made before this evaluation"},
        Column{"epoch", &EvaluationRecord::epoch, "epochs completed"},
        Column{"train_loss", &EvaluationRecord::train_loss,
               "mean loss over the training set, with the penalties, in evaluation mode; of a large one over "
               "record.evaluate_samples of its samples, evenly spaced and the same each time"},
        Column{"train_accuracy", &EvaluationRecord::train_accuracy,
               "share of the same classified correctly, of several labels the mean share; empty for regression"},
        Column{"test_loss", &EvaluationRecord::test_loss, "the same over the test set; empty without one"},
        Column{"test_accuracy", &EvaluationRecord::test_accuracy, "the same"},
    };
  }
};

/// histograms.csv: a row is a bin of pre-activations. Of each layer at the end, and of some of the units that died, at
/// the censuses before and after.
struct HistogramRecord {
  std::int64_t layer = 0;
  std::string name;
  std::optional<std::int64_t> unit;
  std::int64_t step = 0;
  std::string moment;
  double low = 0.0;
  double high = 0.0;
  std::int64_t count = 0;
  std::uint64_t unmeasured = 0;

  static constexpr auto columns() {
    return std::tuple{
        Column{"layer", &HistogramRecord::layer, "layers with units, counted from 1 at the input"},
        Column{"name", &HistogramRecord::name, "the layer's name"},
        Column{"unit", &HistogramRecord::unit, "a unit that died, from 0; empty: all units of the layer together"},
        Column{"step", &HistogramRecord::step, "updates made before the pre-activations were taken"},
        Column{"moment", &HistogramRecord::moment,
               "end; of a unit that died: before or after, at the last census that found it alive and the first that "
               "found it dead"},
        Column{"low", &HistogramRecord::low, "the bin holds pre-activations z from here"},
        Column{"high", &HistogramRecord::high, "to below here; the last bin holds this one too"},
        Column{"count", &HistogramRecord::count,
               "how many: of the training samples (of a large set some, evenly spaced, and the unit's witness)"},
    };
  }
};

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
        Column{"cause", &EventRecord::cause, "died: own_weights, own_bias, upstream"},
        Column{"own_weights", &EventRecord::own_weights, "died: ΔW·h of the witness since the last census"},
        Column{"own_bias", &EventRecord::own_bias, "died: Δb"},
        Column{"upstream", &EventRecord::upstream, "died: W·Δh"},
        Column{"lr", &EventRecord::lr, "died: learning rate of the update at step `after`"},
        Column{"grad_norm", &EventRecord::grad_norm, "died: norm of that step's gradient, over all parameters"},
        Column{"detail", &EventRecord::detail, "what was found"},
    };
  }
};

/// theory.csv: one row a layer.
struct TheoryRecord {
  std::int64_t layer = 0;
  std::string name;
  std::string activation;
  std::int64_t units = 0;
  std::int64_t fan_in = 0;
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
        Column{"fan_in", &TheoryRecord::fan_in, "inputs of a unit"},
        Column{"weight_variance", &TheoryRecord::weight_variance,
               "fan_in · Var[w]: σ_w² of the literature; empty where weights are not drawn"},
        Column{"q", &TheoryRecord::q, "predicted mean of z² (Poole et al. 2016); empty where weights have a mean"},
        Column{"delta_rms", &TheoryRecord::delta_rms, "predicted RMS of ∂L/∂z (Schoenholz et al. 2017)"},
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

/// features.csv: one row a feature, as the network gets it in training.
struct FeatureRecord {
  std::int64_t feature = 0;
  std::optional<std::string> source;
  double mean = 0.0;
  double std = 0.0;
  double min = 0.0;
  double max = 0.0;
  std::int64_t distinct = 0;
  bool rising = false;
  std::int64_t missing = 0;
  std::uint64_t unmeasured = 0;

  /// Different values are counted up to here.
  static constexpr std::int64_t kMostDistinct = 32;

  static constexpr auto columns() {
    return std::tuple{
        Column{"feature", &FeatureRecord::feature, "input of the network, from 0"},
        Column{"source", &FeatureRecord::source, "the column's name in the data file; empty where there is none"},
        Column{"mean", &FeatureRecord::mean, "over the training samples, after data.normalize"},
        Column{"std", &FeatureRecord::std, "standard deviation"},
        Column{"min", &FeatureRecord::min, "smallest value"},
        Column{"max", &FeatureRecord::max, "largest value"},
        Column{"distinct", &FeatureRecord::distinct, "different values, counted up to 32"},
        Column{"rising", &FeatureRecord::rising,
               "1 if each sample's value is above that of the sample before it in the data: as a row number's"},
        Column{"missing", &FeatureRecord::missing, "training samples whose value was missing and was filled"},
    };
  }
};

// ---- what is measured

namespace detail {
template <class M>
inline constexpr bool kIsOptional = false;
template <class M>
inline constexpr bool kIsOptional<std::optional<M>> = true;
}  // namespace detail

/// `visit(column, bit)` for every column of R; `bit` is the column's in R::unmeasured.
template <class R, class Visit>
constexpr void for_each_column(Visit visit) {
  static_assert(std::tuple_size_v<decltype(R::columns())> <= 64);
  std::uint64_t bit = 1;
  std::apply([&](const auto&... column) { ((visit(column, bit), bit <<= 1U), ...); }, R::columns());
}

/// Whether the row has something in the column that `visit` was called with.
template <class R, class M>
constexpr bool is_measured(const R& row, const Column<R, M>& column, std::uint64_t bit) {
  if constexpr (detail::kIsOptional<M>) {
    return (row.*column.member).has_value();
  } else {
    return (row.unmeasured & bit) == 0;
  }
}
/// The same of the column that shows this member.
template <class R, class M>
constexpr bool is_measured(const R& row, M R::*member) {
  bool found = true;
  for_each_column<R>([&](const auto& column, std::uint64_t bit) {
    if constexpr (std::is_same_v<decltype(column.member), M R::*>)
      if (column.member == member) found = is_measured(row, column, bit);
  });
  return found;
}
/// The member, or nothing where it was not measured.
template <class R, class M>
constexpr std::optional<M> measured(const R& row, M R::*member) {
  return is_measured(row, member) ? std::optional<M>(row.*member) : std::nullopt;
}

}  // namespace reluscope
