#pragma once
// Event files that TensorBoard reads: TFRecords (length and data, each with a masked CRC-32C) of Event messages in
// protocol buffers' wire format. A small encoder: three message types, written once, against a library of megabytes.

#include <cstdint>
#include <string>
#include <string_view>

#include "diagnose/run_tables.hpp"

namespace reluscope {

/// CRC-32C (Castagnoli, reflected polynomial 0x82F63B78).
std::uint32_t crc32c(std::string_view bytes);

/// Everything in the tables as scalars, `steps/loss`, `layers/dense1/grad_norm_w`, `census/dense1/dead_fraction`, …,
/// and the units' margins and activation rates at the end as histograms, `units/dense1/margin`. The step stands for the
/// wall time, so that the same run gives the same bytes.
std::string tensorboard_events(const RunTables& tables);

}  // namespace reluscope
