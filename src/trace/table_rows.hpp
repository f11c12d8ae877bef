#pragma once
// The rows of one table of a run.

#include <functional>
#include <set>
#include <string>
#include <vector>

namespace reluscope {

template <class R>
struct TableRows {
  std::vector<R> rows;
  std::set<std::string, std::less<>> missing;  ///< columns that the file does not have
  bool present = false;                        ///< there is such a file
};

}  // namespace reluscope
