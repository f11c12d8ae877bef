#pragma once
// What `reluscope census` says: a table and the dead units for people, one document for programs.

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "config/spec.hpp"
#include "data/dataset.hpp"
#include "experiment/network_census.hpp"

namespace reluscope {

/// A census, and what there is to say beside it.
struct CensusReport {
  NetworkCensus census;
  DataPart part = DataPart::train;
  std::string compared_with;          ///< whose parameters the changes are from; empty: nobody's
  std::vector<ChangeRecord> changes;  ///< from those to the ones looked at
};

/// A table of layers, the dead units by number as far as a few lines hold them, the changes in the same way, and the
/// verdict; in lines of at most `width` columns.
std::string census_text(const CensusReport& report, std::size_t width);

/// Everything: each layer and each unit as in census.csv and units.csv, and what they have no column for.
std::string census_json(const CensusReport& report, const ExperimentSpec& spec, const Dataset& dataset);

}  // namespace reluscope
