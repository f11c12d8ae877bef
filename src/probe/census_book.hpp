#pragma once
// What the exact census keeps of each unit and layer from one census to the next.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <limits>
#include <vector>

#include "nn/network.hpp"
#include "probe/extent.hpp"

namespace reluscope {

/// Witnesses kept of a unit.
inline constexpr std::size_t kWitnessesKept = 4;

/// Levels of something over the groups, each as of the time its group was last run, and how far the thing has moved:
/// level[g] + travelled bounds it on group g now.
struct GroupLevels {
  std::vector<float> level;  ///< empty: nothing is known
  double travelled = 0.0;

  [[nodiscard]] bool known() const { return !level.empty(); }
  [[nodiscard]] double at(std::size_t group) const { return static_cast<double>(level[group]) + travelled; }
  [[nodiscard]] double highest() const {
    if (!known()) return kInfinity;
    return static_cast<double>(*std::max_element(level.begin(), level.end())) + travelled;
  }
  /// From here on levels are kept, if they are not already: none is bounded yet.
  void follow(std::size_t groups) {
    if (!known()) level.assign(groups, std::numeric_limits<float>::infinity());
  }
  void set(std::size_t group, double value) {
    const double relative = travelled == 0.0 ? value : std::nextafter(value - travelled, kInfinity);
    level[group] = not_below<float>(relative);
  }
  void travel(double distance) {
    if (!known()) return;
    travelled = add_up(travelled, distance);
    if (!std::isfinite(travelled)) forget();
  }
  void forget() {
    std::fill(level.begin(), level.end(), std::numeric_limits<float>::infinity());
    travelled = 0.0;
  }
  /// What is read from a file could be anything.
  [[nodiscard]] bool is_sound() const {
    return !std::isnan(travelled) &&
           std::none_of(level.begin(), level.end(), [](float one) { return std::isnan(one); });
  }
  template <class Archive>
  void archive(Archive& file, std::size_t groups) {
    bool is_known = known();
    file(is_known);
    if (is_known) file.sized(level, groups);
    file(travelled);
  }
};

struct UnitBook {
  bool dead = false;
  std::array<Index, kWitnessesKept> witnesses = {-1, -1, -1, -1};  ///< samples that activated it most, the latest first
  double margin = 0.0;                                             ///< if dead
  GroupLevels levels;  ///< of −margin; only of dead units that had to be scanned

  /// The latest comes first; what it displaces moves back, the oldest falls out. −1: there is none.
  void keep_witness(Index witness);
  template <class Archive>
  void archive(Archive& file, std::size_t groups, Index last_sample) {
    file(dead, margin);
    for (Index& witness : witnesses) file.within(witness, -1, last_sample);
    levels.archive(file, groups);
  }
};

struct LayerBook {
  bool mortal = false;  ///< its units can die
  /// Dead units yield exactly 0 for every sample.
  bool dead_is_zero = false;
  std::vector<UnitBook> units;
  std::vector<Index> recent;  ///< the sample that activated each unit most in the last batch that did; −1: none yet
  GroupLevels norm;           ///< of ‖h(x)‖, the layer's output

  [[nodiscard]] bool is_sound() const;
  template <class Archive>
  void archive(Archive& file, std::size_t groups, Index last_sample) {
    for (UnitBook& unit : units) unit.archive(file, groups, last_sample);
    for (Index& sample : recent) file.within(sample, -1, last_sample);
    norm.archive(file, groups);
  }
};

/// One for each layer with units; nothing is known yet.
template <class T>
std::vector<LayerBook> open_books(const Network<T>& network);

/// One past the last layer of which levels are kept.
std::size_t tracked_layers(const std::vector<LayerBook>& books);

}  // namespace reluscope
