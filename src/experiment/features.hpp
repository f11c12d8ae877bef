#pragma once
// What the data are like as the network gets them: the first place to look where it does not learn.

#include <optional>
#include <vector>

#include "config/spec.hpp"
#include "data/dataset.hpp"
#include "diagnose/run_tables.hpp"
#include "nn/activation.hpp"
#include "trace/feature_record.hpp"

namespace reluscope {

/// One row a feature, over the training part, in one pass.
std::vector<FeatureRecord> describe_features(const Dataset& dataset);

/// Of a regression's training targets, as the loss gets them: all outputs together. `output`: the output's activation.
std::optional<TargetFacts> describe_targets(const Dataset& dataset, const ActivationShape& output);
/// What the output layer of the experiment can yield.
ActivationShape output_shape(const ExperimentSpec& spec);

/// Samples of each class in the part, in the order of the class names.
std::vector<std::int64_t> class_counts(const Dataset& dataset, const Samples& part);

/// Of a classification: how many of the samples of one part its classes have.
std::optional<ClassShares> describe_classes(const Dataset& dataset, const Samples& part);

}  // namespace reluscope
