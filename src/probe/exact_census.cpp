#include "probe/exact_census.hpp"

#include <algorithm>
#include <numeric>
#include <span>
#include <utility>

#include "probe/census_book.hpp"
#include "probe/census_draft.hpp"
#include "probe/census_pass.hpp"
#include "probe/census_proof.hpp"
#include "probe/census_scan.hpp"
#include "probe/census_witness.hpp"
#include "probe/dead_on_domain.hpp"
#include "util/random.hpp"

namespace reluscope {

namespace {

template <class T>
class ExactCensus final : public Census<T> {
 public:
  ExactCensus(const Network<T>& network, const Dataset& dataset, LazyExtent<T>& extent, ThreadPool& pool,
              std::uint64_t seed)
      : Census<T>(network),
        dataset_(dataset),
        extent_(extent),
        seed_(seed),
        pass_(network, every_unit(network), dataset, pool),
        scan_(dataset, pool),
        books_(open_books(network)) {}

  CensusResult count(const Network<T>& network, const BatchActivity<T>* batch) override {
    CensusDraft draft = start(batch);
    try_witnesses(network, books_, pass_, draft);
    Rng rng(seed_, Purpose::probe, 2 + static_cast<std::uint64_t>(this->work_.censuses));
    look_around(network, books_, dataset_.train.count(), rng, pass_, draft);
    if (draft.open_layers() > 0 || tracking_) prove(network, true, draft);
    move_levels(books_, draft);
    scan_.settle(network, books_, pass_, draft);
    CensusResult result = conclude(draft);
    result.collapsed = is_collapsed(network, draft, batch);
    this->work_.samples += draft.samples;
    mark_dead_on_domain(network, extent_, result);
    return result;
  }

  void observe(const BatchActivity<T>& batch) override {
    for (std::size_t at = 0; at < batch.exact_layers; ++at) {
      if (!books_[at].mortal) continue;
      std::vector<Index>& recent = books_[at].recent;
      const T* margin = batch.layers[at].margin.data();
      const T* column = batch.layers[at].column.data();
      for (std::size_t unit = 0; unit < recent.size(); ++unit)
        if (!(margin[unit] >= T(0))) recent[unit] = batch.samples[static_cast<std::size_t>(column[unit])];
    }
  }

  std::vector<DeadBounds> bounds(const Network<T>& network, const BatchActivity<T>& batch) override {
    CensusDraft draft = start(&batch);
    if (tracking_) prove(network, false, draft);
    std::vector<DeadBounds> bounds(books_.size());
    for (std::size_t at = 0; at < books_.size(); ++at)
      for (std::size_t unit = 0; unit < draft.units[at].size(); ++unit) {
        const UnitState state = draft.units[at][unit].state;
        if (state == UnitState::dead) bounds[at].dead.push_back(unit);
        if (state != UnitState::alive) ++bounds[at].dead_max;
        bounds[at].dead_min = static_cast<std::int64_t>(bounds[at].dead.size());
      }
    return bounds;
  }

  void save(ArchiveWriter& file) override { archive(file); }
  void load(ArchiveReader& file) override {
    archive(file);
    if (!std::all_of(books_.begin(), books_.end(), [](const LayerBook& book) { return book.is_sound(); }))
      file.fail("a bound that is no number");
  }

 private:
  template <class Archive>
  void archive(Archive& file) {
    file(this->work_, tracking_);
    for (LayerBook& book : books_) book.archive(file, scan_.groups(), dataset_.train.count() - 1);
  }

  CensusDraft start(const BatchActivity<T>* batch) const {
    CensusDraft draft;
    draft.z_drift.resize(books_.size());
    draft.norm_drift.assign(books_.size(), kInfinity);
    for (std::size_t at = 0; at < books_.size(); ++at) {
      auto& verdicts = draft.units.emplace_back(books_[at].units.size());
      for (std::size_t unit = 0; unit < verdicts.size(); ++unit) {
        if (!books_[at].mortal) {
          verdicts[unit].state = UnitState::alive;
          verdicts[unit].device = Device::immortal;
        } else if (batch != nullptr && at < batch->exact_layers && batch->layers[at].active(unit)) {
          verdicts[unit] = {UnitState::alive, Device::batch, batch->sample(at, unit), 0.0};
        }
      }
    }
    return draft;
  }

  void prove(const Network<T>& network, bool all, CensusDraft& draft) {
    prove_dead(network, tracking_ ? &this->last() : nullptr, books_, extent_, all, draft);
  }

  CensusResult conclude(const CensusDraft& draft) {
    CensusResult result;
    tracking_ = false;
    for (std::size_t at = 0; at < books_.size(); ++at) {
      LayerCensus& layer = result.layers.emplace_back();
      for (std::size_t unit = 0; unit < books_[at].units.size(); ++unit) {
        const auto& verdict = draft.units[at][unit];
        UnitBook& known = books_[at].units[unit];
        known.dead = verdict.state == UnitState::dead;
        if (known.dead) known.witnesses.fill(-1);
        known.keep_witness(verdict.witness);
        known.margin = verdict.margin;
        if (!known.dead) known.levels = GroupLevels();
        tracking_ = tracking_ || known.dead;
        UnitCensus census{known.dead, false, verdict.device, verdict.witness, verdict.margin};
        if (known.dead && draft.z_drift[at].size() > 0) census.drift = draft.z_drift[at][static_cast<Index>(unit)];
        layer.units.push_back(census);
        ++this->work_.settled[static_cast<std::size_t>(verdict.device)];
      }
    }
    ++this->work_.censuses;
    // Norms that nobody needs are not followed, and are out of date when they are needed again.
    const std::size_t tracked = tracked_layers(books_);
    for (std::size_t at = 0; at < books_.size(); ++at)
      if (at + 1 >= tracked) books_[at].norm = GroupLevels();
    return result;
  }

  /// Whether the output is the same for all samples.
  bool is_collapsed(const Network<T>& network, CensusDraft& draft, const BatchActivity<T>* batch) {
    if (batch != nullptr && batch->exact_layers == books_.size() && batch->outputs_differ) return false;
    // Sites that yield 0 for every sample: where every way passes one, nothing is left to tell samples apart by.
    std::vector<bool> silent(network.depth());
    for (std::size_t at = 0; at < books_.size(); ++at)
      silent[network.sites()[at]] =
          books_[at].dead_is_zero && std::all_of(draft.units[at].begin(), draft.units[at].end(),
                                                 [](const auto& verdict) { return verdict.state == UnitState::dead; });
    if (!network.graph().input_reaches_output(silent)) {
      // One sample tells what all get. A NaN is not the same as anything, itself neither.
      const Index any = 0;
      pass_.runner().run(network, std::span(&any, 1), Measure::nothing);
      const auto output = pass_.runner().state().output().col(0).array();
      return (output == output).all();
    }
    Vector<T> first;
    Index columns = kShardColumns;  // the first samples tell, mostly
    for (Index start = 0; start < dataset_.train.count(); start += columns, columns = network.pass_columns()) {
      std::vector<Index> samples(static_cast<std::size_t>(std::min(columns, dataset_.train.count() - start)));
      std::iota(samples.begin(), samples.end(), start);
      pass_.runner().run(network, samples, Measure::nothing);
      draft.samples += static_cast<std::int64_t>(samples.size());
      const auto& output = pass_.runner().state().output();
      if (start == 0) first = output.col(0);
      for (Index column = 0; column < static_cast<Index>(samples.size()); ++column)
        if (!(output.col(column).array() == first.array()).all()) return false;
    }
    return true;
  }

  const Dataset& dataset_;
  LazyExtent<T>& extent_;
  std::uint64_t seed_;
  CensusPass<T> pass_;  ///< of the whole network
  CensusScan<T> scan_;
  std::vector<LayerBook> books_;
  bool tracking_ = false;  ///< some unit was dead at the last census
};

}  // namespace

template <class T>
std::unique_ptr<Census<T>> make_exact_census(const Network<T>& network, const Dataset& dataset, LazyExtent<T>& extent,
                                             ThreadPool& pool, std::uint64_t seed) {
  return std::make_unique<ExactCensus<T>>(network, dataset, extent, pool, seed);
}

template std::unique_ptr<Census<float>> make_exact_census(const Network<float>&, const Dataset&, LazyExtent<float>&,
                                                          ThreadPool&, std::uint64_t);
template std::unique_ptr<Census<double>> make_exact_census(const Network<double>&, const Dataset&, LazyExtent<double>&,
                                                           ThreadPool&, std::uint64_t);

}  // namespace reluscope
