#pragma once
// A fully validated experiment: what the config text becomes, and all that the rest of the program sees of it.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "config/config_error.hpp"
#include "data/data_spec.hpp"
#include "diagnose/thresholds.hpp"
#include "nn/penalty.hpp"
#include "nn/spec.hpp"
#include "util/param.hpp"

namespace reluscope {

enum class Precision { float32, float64 };

struct TrainSpec {
  std::optional<std::int64_t> steps;  ///< set: train this many steps; otherwise `epochs`
  std::int64_t epochs = 10;
  std::int64_t batch_size = 32;
  bool shuffle = true;
  bool drop_last = false;            ///< drop the last batch of an epoch when it is short
  Choice optimizer;                  ///< from optimizer_table()
  Choice schedule;                   ///< from schedule_table()
  std::int64_t warmup_steps = 0;     ///< linear warm-up before the schedule starts
  double warmup_start_factor = 0.0;  ///< the rate's factor at step 0 of the warm-up, in [0, 1)
  std::optional<double> clip_norm;   ///< global L2 norm of all gradients
  std::optional<double> clip_value;  ///< each gradient element to [−v, v]
  Penalty penalty;
};

/// When something is recorded: never, at every n-th step, at the ends of epochs, log-spaced (dense at the start), or
/// (for checkpoints, on which no result depends) by the clock.
struct Cadence {
  enum class Kind { off, every, epoch, log, minute } kind = Kind::every;
  std::int64_t every = 1;
};

struct RecordSpec {
  Cadence every;                          ///< steps.csv and layers.csv
  Cadence census;                         ///< census.csv
  double saturation_epsilon = 0.01;       ///< |φ'| at or below this on every sample: saturated
  double dormant_tau = 0.025;             ///< Sokar et al. 2023
  std::int64_t probe = 192;               ///< samples that saturated, dormant and effective_rank look at; 0: all
  Cadence probe_every;                    ///< censuses that measure them
  Cadence evaluate;                       ///< evaluation.csv
  std::int64_t evaluate_samples = 10000;  ///< of each part, at most so many are looked at; 0: all
  bool monitors = false;                  ///< also what the monitors of other tools count
  Cadence checkpoint_every;               ///< steps after which the state is saved
};

struct ExperimentSpec {
  std::string name;
  std::uint64_t seed = 0;
  Precision precision = Precision::float32;
  DataSpec data;
  NetworkSpec network;
  Choice loss;  ///< from loss_table()
  TrainSpec train;
  RecordSpec record;
  Thresholds thresholds;      ///< of the rules that judge the run
  std::string resolved_json;  ///< the config with every default filled in: running it reproduces the same bytes
  std::string data_json;      ///< its `data` section: equal where the data are, but for the seed
  std::string origin;         ///< file name as the user gave it, for messages
  std::shared_ptr<const ConfigText> text;  ///< as it was read, for messages
  std::filesystem::path directory;         ///< relative paths in the config start here
};

/// Gives the experiment another seed, in its resolved config too.
void set_seed(ExperimentSpec& spec, std::uint64_t seed);

}  // namespace reluscope
