#pragma once
// What must hold in every experiment: the exact census is the brute-force one, unit by unit at every step; between
// censuses the bounds hold; a locked unit never revives; the coroner's terms add up.

#include <cstdint>

namespace reluscope::test {

/// Checks it in the random experiments of the seeds in [first, end).
void hold_experiments(std::int64_t first, std::int64_t end);

}  // namespace reluscope::test
