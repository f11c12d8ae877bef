#pragma once
// What the data are like as the network gets them: the first place to look where it does not learn.

#include <optional>
#include <string>
#include <vector>

#include "data/dataset.hpp"
#include "diagnose/diagnosis.hpp"
#include "trace/records.hpp"

namespace reluscope {

/// One row a feature, over the training part, in one pass.
std::vector<FeatureRecord> describe_features(const Dataset& dataset);
/// The rows as CSV.
std::string features_csv(const std::vector<FeatureRecord>& features);

/// Of a regression's training targets, all outputs together.
std::optional<TargetFacts> describe_targets(const Dataset& dataset);

}  // namespace reluscope
