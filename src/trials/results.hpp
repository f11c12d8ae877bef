#pragma once
// The table of many runs: a row is the job, what is varied, the seed, and the figures. compare.csv and a sweep's
// results have this form.

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "trials/fleet.hpp"

namespace reluscope {

/// "job,id,KEY…,seed,status,…", without a line break.
std::string results_header(std::span<const std::string> keys);
/// One line, without its break.
std::string results_row(const Job& job, const Figures& figures);

/// The cells of a row.
std::vector<std::string> split_row(std::string_view row);
/// The figures of a row that has `keys` cells for what is varied, and `more` cells behind the figures. Nothing where it
/// is no such row.
std::optional<Figures> figures_of(std::span<const std::string> cells, std::size_t keys, std::size_t more);

}  // namespace reluscope
