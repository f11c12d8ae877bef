#pragma once
// What a parameter of a random sweep may be drawn from, after W&B.

#include <nlohmann/json.hpp>
#include <span>

#include "util/param.hpp"
#include "util/random.hpp"

namespace reluscope {

struct DistributionEntry : Entry {
  nlohmann::json (*draw)(const ParamValues& params, Rng& random) = nullptr;
};
/// uniform, q_uniform, int_uniform, log_uniform_values, normal, …
std::span<const DistributionEntry> distribution_table();

}  // namespace reluscope
