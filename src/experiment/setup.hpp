#pragma once
// What must be right before training starts: the spec against the data, and the memory against the machine.

#include <cstdint>
#include <filesystem>
#include <vector>

#include "config/spec.hpp"
#include "data/dataset.hpp"

namespace reluscope {

/// Refuses (ConfigError, with the places in the config) a network whose outputs or loss do not fit the data.
void check_against_data(const ExperimentSpec& spec, const Dataset& dataset);

/// The files that the experiment reads: its data, and the initial weights.
std::vector<std::filesystem::path> input_files(const ExperimentSpec& spec);

/// Refuses (DataError) a file for network.init_from that does not fit, before a run has begun.
void check_initial_weights(const ExperimentSpec& spec, const Dataset& dataset);

/// Loads the data of an experiment and makes sure that it can be trained on them: outputs, loss, initial weights and
/// memory. Throws ConfigError, DataError, UserError.
Dataset load_for_training(const ExperimentSpec& spec);

/// An upper estimate of the bytes that a run needs besides the data: parameters, gradients, optimiser state, the
/// values of a batch and of a census. `input`: a sample; `samples`: in the training part. Saturates.
std::uint64_t estimate_training_bytes(const ExperimentSpec& spec, const Shape& input, std::uint64_t samples);

/// Refuses (UserError, exit code 2) a run that cannot fit into memory, with the figure. Before the data is loaded it
/// judges the data alone, by headers and file sizes; after it the whole run.
void check_memory(const ExperimentSpec& spec);
void check_memory(const ExperimentSpec& spec, const Shape& input, std::uint64_t samples);

}  // namespace reluscope
