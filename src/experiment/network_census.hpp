#pragma once
// A census of a network as it is: which of its units are dead, and how the others do, without training it. What rests
// on training, past (deaths, causes) or future (locks), is not measured.

#include <cstdint>
#include <string_view>
#include <vector>

#include "config/spec.hpp"
#include "data/dataset.hpp"
#include "experiment/evaluation.hpp"
#include "trace/census_record.hpp"
#include "trace/change_record.hpp"
#include "trace/site_record.hpp"
#include "trace/unit_record.hpp"
#include "util/thread_pool.hpp"

namespace reluscope {

/// Which samples are looked at. Either way the inputs are scaled by statistics of the training part.
enum class DataPart { train, test };
constexpr std::string_view part_name(DataPart part) { return part == DataPart::train ? "train" : "test"; }

struct SiteCensus {
  SiteRecord site;
  CensusRecord row;
  std::vector<UnitRecord> units;
  std::vector<bool> dead_on_domain;  ///< of each unit
  std::int64_t rare = 0;             ///< units that live, but on less than 1 % of the samples
  double a_mean = 0.0;               ///< over units and samples
};

struct NetworkCensus {
  std::vector<SiteCensus> sites;  ///< from the input side
  Evaluation evaluation;
  bool collapsed = false;  ///< the output is the same for every sample
};

/// Of the network of `spec`: of network.init_from, or as it is drawn. Its rows are those of step 0 of a run that would
/// begin so. It takes a pass over the part, and at most another one over what the census cannot prove. `dataset` is
/// afterwards what it was before. Throws DataError for parameters that do not fit.
NetworkCensus take_network_census(const ExperimentSpec& spec, Dataset& dataset, DataPart part, ThreadPool& pool);

/// Unit by unit, of two censuses of one network with different parameters.
std::vector<ChangeRecord> changes_between(const NetworkCensus& before, const NetworkCensus& after);

}  // namespace reluscope
