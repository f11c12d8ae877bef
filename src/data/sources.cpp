#include "data/sources.hpp"

#include <utility>

#include "data/csv.hpp"
#include "data/generators.hpp"
#include "data/idx.hpp"
#include "data/images.hpp"
#include "data/npy.hpp"
#include "data/npz.hpp"

namespace reluscope {

namespace {

std::vector<SourceEntry> all_sources() {
  std::vector<SourceEntry> table = {idx_source(), csv_source(), npy_source(), npz_source(), images_source()};
  for (const auto generators : {plane_generators, class_generators, label_generators, regression_generators})
    for (SourceEntry& entry : generators()) table.push_back(std::move(entry));
  return table;
}

}  // namespace

std::span<const SourceEntry> source_table() {
  static const std::vector<SourceEntry> table = all_sources();
  return table;
}

}  // namespace reluscope
