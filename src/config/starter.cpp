#include "config/starter.hpp"

namespace reluscope {

std::string starter_config() {
  return R"json({
  // An experiment for reluscope. Everything that is left out has a default:
  //   reluscope run experiment.jsonc --print-config    shows all of them
  //   reluscope schema                                 describes every key
  "name": "starter",            // names the run directory, runs/starter
  "seed": 7,                    // of every random number: the same seed gives the same bytes

  // Synthetic data to start with. For a table of yours: reluscope init --data mine.csv
  "data": {"kind": "moons", "n_samples": 1000, "noise": 0.1, "normalize": "standard", "test_fraction": 0.2},

  "network": {
    "layers": [
      // "repeat" makes two hidden layers of this. Try "leaky_relu", "elu", {"name": "prelu", "init": 0.1}, ...
      {"type": "dense", "units": 32, "activation": "relu", "init": {"weights": "he_normal", "bias": 0.0}, "repeat": 2},
      // {"type": "dropout", "p": 0.2},
      // The last layer gives the output: one unit per class, no activation (the loss takes logits).
      {"type": "dense", "units": 2}
    ]
  },

  "loss": "cross_entropy",      // for numbers instead of classes: mse, mae, huber

  "train": {
    "epochs": 20,               // or "steps": 500
    "batch_size": 32,
    "optimizer": {"name": "sgd", "lr": 0.1, "momentum": 0.9}
    // "schedule": "cosine", "warmup_steps": 50, "clip_norm": 1.0
  },

  "record": {
    "every": 10,                // a row per layer every 10 steps; "log": dense at the start, where units die
    "census": "epoch"           // exact count of dead units over the whole training set, after every epoch
  }
}
)json";
}

}  // namespace reluscope
