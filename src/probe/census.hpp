#pragma once
// The census: which units are dead on the whole training set D, at the present parameters, in evaluation mode
// (no dropout; rrelu with its mean slope).
//
// A unit is dead on D if φ'(z(x)) = 0 for every x in D, that is if its smallest margin over D is ≥ 0 (activation.hpp),
// where z is the number that the forward pass computes. The numbers of a column do not depend on the columns around it
// (gemm.hpp), so "the z of sample x" is well defined to the last bit, and two censuses that reason differently must
// agree unit by unit.

#include <array>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <string_view>
#include <vector>

#include "data/dataset.hpp"
#include "nn/network.hpp"
#include "probe/activity.hpp"
#include "probe/extent.hpp"
#include "util/archive.hpp"
#include "util/thread_pool.hpp"

namespace reluscope {

/// How a census came to its verdict on a unit.
enum class Device : std::uint8_t {
  immortal,    ///< its activation cannot die
  batch,       ///< active in the training batch at these parameters
  witness,     ///< the sample that last activated it, or one that was run with it, still does
  invariance,  ///< dead before; neither its parameters nor its inputs changed by a bit
  sign,        ///< no input that can reach it raises z above a bias that keeps it dead
  interval,    ///< interval bounds over the data's box
  margin,      ///< dead before with a margin that the drift since cannot have used up
  scan         ///< a look at samples that were not ruled out
};
constexpr Device last_of(Device /*any*/) { return Device::scan; }
inline constexpr std::array<std::string_view, 8> kDeviceNames = {"immortal", "batch",    "witness", "invariance",
                                                                 "sign",     "interval", "margin",  "scan"};

struct UnitCensus {
  bool dead = false;
  /// Dead for every input in the box around D's inputs, by interval bounds: a sufficient test.
  bool dead_on_domain = false;
  Device device = Device::scan;
  Index witness = -1;  ///< alive: a training sample that activates it; −1 where none was needed
  /// Dead: its smallest margin over D is at least this (relu: −max z).
  double margin = 0.0;
  /// Dead: |z(x)| moved by at most this since the last census; NaN where that is not known.
  double drift = std::numeric_limits<double>::quiet_NaN();
  /// `samples`: in D.
  template <class Archive>
  void archive(Archive& file, Index samples) {
    file(dead, dead_on_domain, device);
    file.within(witness, -1, samples - 1);
    file(margin, drift);
  }
};

struct LayerCensus {
  std::vector<UnitCensus> units;
  [[nodiscard]] std::int64_t dead() const;
};

struct CensusResult {
  std::vector<LayerCensus> layers;  ///< one per layer with units, from the input side
  bool collapsed = false;           ///< the network's output is the same for every sample of D
};

/// Between censuses: dead_min ≤ dead units ≤ dead_max, for sure.
struct DeadBounds {
  std::int64_t dead_min = 0;
  std::int64_t dead_max = 0;
  std::vector<std::size_t> dead;  ///< the units that are dead for sure
  template <class Archive>
  void archive(Archive& file) {
    file(dead_min, dead_max, dead);
  }
};

/// What censuses of a run cost, for those who compare.
struct CensusWork {
  std::int64_t censuses = 0;
  std::int64_t samples = 0;                                 ///< evaluated, over all censuses
  std::array<std::int64_t, kDeviceNames.size()> settled{};  ///< units settled by each device
  template <class Archive>
  void archive(Archive& file) {
    file(censuses, samples, settled);
  }
};

/// Takes censuses of a network in training. An implementation may keep what it learned from one to the next.
template <class T>
class Census {
 public:
  explicit Census(const Network<T>& network) : last_(network) {}
  Census(const Census&) = delete;
  Census& operator=(const Census&) = delete;
  virtual ~Census() = default;
  /// The census at the present parameters, which are then those of the last one. `batch`, if given, is a pass at the
  /// same parameters. `compare`, if given, gets the result while last() is still the network of the census before.
  CensusResult take(const Network<T>& network, const BatchActivity<T>* batch,
                    const std::function<void(const CensusResult&)>& compare = {}) {
    CensusResult result = count(network, batch);
    if (compare) compare(result);
    last_.copy_parameters(network);
    return result;
  }
  /// What a batch between censuses shows, at whatever parameters it ran with: hints where to look next time.
  virtual void observe(const BatchActivity<T>& /*batch*/) {}
  /// Bounds per layer at the present parameters, without a look at D: from the batch at the same parameters, and from
  /// what is left of the last census. At least one census must have been taken.
  virtual std::vector<DeadBounds> bounds(const Network<T>& network, const BatchActivity<T>& batch) = 0;
  /// The network as of the last census.
  [[nodiscard]] const Network<T>& last() const { return last_; }
  /// Before load(): the parameters of the last census.
  void restore(const Network<T>& last) { last_.copy_parameters(last); }
  [[nodiscard]] const CensusWork& work() const { return work_; }

  /// What it learned, besides last(): to go on later, on the same data, as if nothing had happened. Loading throws
  /// BadArchive for what cannot be of this network and data.
  virtual void save(ArchiveWriter& file) { file(work_); }
  virtual void load(ArchiveReader& file) { file(work_); }

 protected:
  virtual CensusResult count(const Network<T>& network, const BatchActivity<T>* batch) = 0;

  CensusWork work_;

 private:
  Network<T> last_;
};

/// A forward pass over all of D: the definition, carried out. Its bounds are what the batch shows. All references must
/// outlive it.
template <class T>
std::unique_ptr<Census<T>> make_brute_census(const Network<T>& network, const Dataset& dataset, LazyExtent<T>& extent,
                                             ThreadPool& pool);

}  // namespace reluscope
