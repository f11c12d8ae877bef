#include "probe/exact_census.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <memory>
#include <numeric>
#include <optional>
#include <stdexcept>
#include <utility>

#include "nn/gemm.hpp"
#include "probe/bounds.hpp"
#include "probe/domain.hpp"
#include "probe/sample_runner.hpp"
#include "util/random.hpp"

namespace reluscope {

namespace {

/// At most so many groups: what is kept per unit is one number for each.
constexpr Index kMostGroups = 4096;
/// Witnesses kept of a unit.
constexpr std::size_t kWitnessesKept = 4;
/// Witnesses run at once.
constexpr std::size_t kWitnessesRun = 64;
/// Random samples run for units that were alive and have no witness left: some, and more if that is not enough. Bounds
/// come after them, since they need a pass over the data's inputs once.
constexpr std::array<std::size_t, 3> kLooks = {64, 192, 512};

/// A scan goes on with a part of the network when its rounds, of 1, 2, 4, … groups, have grown to this.
constexpr std::size_t kRoundsBeforeThin = 4;
/// Units of a part are kept in multiples of this many.
constexpr std::size_t kThinRows = 16;
/// A part is worth making if it has at most this share of the weights.
constexpr double kThinWorth = 0.8;

float float_not_below(double x) {
  const auto rounded = static_cast<float>(x);
  return static_cast<double>(rounded) < x ? std::nextafter(rounded, std::numeric_limits<float>::infinity()) : rounded;
}

/// Levels of something over the groups, each as of the time its group was last run, and how far the thing has moved:
/// level[g] + travelled bounds it on group g now.
struct Levels {
  std::vector<float> level;  ///< empty: nothing is known
  double travelled = 0.0;

  [[nodiscard]] bool known() const { return !level.empty(); }
  [[nodiscard]] double at(std::size_t group) const { return static_cast<double>(level[group]) + travelled; }
  [[nodiscard]] double highest() const {
    if (!known()) return kInfinity;
    return static_cast<double>(*std::max_element(level.begin(), level.end())) + travelled;
  }
  void set(std::size_t group, double value) {
    const double relative = travelled == 0.0 ? value : std::nextafter(value - travelled, kInfinity);
    level[group] = float_not_below(relative);
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

/// What is kept of a unit from census to census.
struct Unit {
  bool dead = false;
  std::array<Index, kWitnessesKept> witnesses = {-1, -1, -1, -1};  ///< samples that activated it most, the latest first
  double margin = 0.0;                                             ///< if dead
  Levels levels;  ///< of −margin; only of dead units that had to be scanned
};

struct Book {
  bool mortal = false;  ///< its units can die
  /// Dead units yield exactly 0 for every sample.
  bool dead_is_zero = false;
  std::vector<Unit> units;
  std::vector<Index> recent;  ///< the sample that activated each unit most in the last batch that did; −1: none yet
  Levels norm;                ///< of ‖h(x)‖, the layer's output
};

enum class State : std::uint8_t { open, alive, dead };

/// One census, or one look at bounds, in the making.
struct Draft {
  struct Verdict {
    State state = State::open;
    Device device = Device::scan;
    Index witness = -1;
    double margin = 0.0;
  };
  std::vector<std::vector<Verdict>> units;
  std::vector<Eigen::VectorXd> z_drift;  ///< since the last census; empty where it was not asked for
  std::vector<double> norm_drift;

  [[nodiscard]] bool open(std::size_t layer) const {
    return std::any_of(units[layer].begin(), units[layer].end(),
                       [](const Verdict& verdict) { return verdict.state == State::open; });
  }
  /// One past the last layer with an open unit.
  [[nodiscard]] std::size_t open_layers() const {
    std::size_t layers = units.size();
    while (layers > 0 && !open(layers - 1)) --layers;
    return layers;
  }
};

template <class T>
class ExactCensus final : public Census<T> {
 public:
  ExactCensus(const Network<T>& network, const Dataset& dataset, LazyExtent<T>& extent, ThreadPool& pool,
              std::uint64_t seed)
      : Census<T>(network),
        dataset_(dataset),
        extent_(extent),
        seed_(seed),
        group_size_(census_groups(dataset.train.count()).size),
        groups_(static_cast<std::size_t>(census_groups(dataset.train.count()).count)),
        runner_(network, dataset, pool, census_columns(dataset.train.count())),
        seen_(network, false) {
    for (const std::size_t layer : network.unit_layers()) {
      Book book;
      book.mortal = can_die(network.layer(layer));
      book.dead_is_zero = network.layer(layer).shape().mortal() &&
                          network.layer(layer).shape().dead_above == ActivationShape::kNowhereAbove;
      book.units.resize(static_cast<std::size_t>(network.layer(layer).outputs()));
      book.recent.assign(book.units.size(), -1);
      all_units_.emplace_back(book.units.size());
      std::iota(all_units_.back().begin(), all_units_.back().end(), Index{0});
      books_.push_back(std::move(book));
    }
  }

  CensusResult count(const Network<T>& network, const BatchActivity<T>* batch) override {
    Draft draft = start(batch);
    try_witnesses(network, draft);
    look_around(network, draft);
    if (draft.open_layers() > 0 || tracking_) prove(network, draft, true);
    move_on(draft);
    scan(network, draft);
    CensusResult result = conclude(draft);
    result.collapsed = is_collapsed(network, draft, batch);
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
    Draft draft = start(&batch);
    if (tracking_) prove(network, draft, false);
    std::vector<DeadBounds> bounds(books_.size());
    for (std::size_t at = 0; at < books_.size(); ++at)
      for (std::size_t unit = 0; unit < draft.units[at].size(); ++unit) {
        const State state = draft.units[at][unit].state;
        if (state == State::dead) bounds[at].dead.push_back(unit);
        if (state != State::alive) ++bounds[at].dead_max;
        bounds[at].dead_min = static_cast<std::int64_t>(bounds[at].dead.size());
      }
    return bounds;
  }

  void save(ArchiveWriter& file) override { archive(file); }
  void load(ArchiveReader& file) override {
    archive(file);
    for (const Book& book : books_)
      if (!book.norm.is_sound() ||
          std::any_of(book.units.begin(), book.units.end(), [](const Unit& unit) { return !unit.levels.is_sound(); }))
        file.fail("a bound that is no number");
  }

 private:
  template <class Archive>
  void archive(Archive& file) {
    const Index last_sample = dataset_.train.count() - 1;
    file(this->work_, tracking_);
    for (Book& book : books_) {
      for (Unit& unit : book.units) {
        file(unit.dead, unit.margin);
        for (Index& witness : unit.witnesses) file.within(witness, -1, last_sample);
        unit.levels.archive(file, groups_);
      }
      for (Index& sample : book.recent) file.within(sample, -1, last_sample);
      book.norm.archive(file, groups_);
    }
  }

  Draft start(const BatchActivity<T>* batch) const {
    Draft draft;
    draft.z_drift.resize(books_.size());
    draft.norm_drift.assign(books_.size(), kInfinity);
    for (std::size_t at = 0; at < books_.size(); ++at) {
      auto& verdicts = draft.units.emplace_back(books_[at].units.size());
      for (std::size_t unit = 0; unit < verdicts.size(); ++unit) {
        if (!books_[at].mortal) {
          verdicts[unit].state = State::alive;
          verdicts[unit].device = Device::immortal;
        } else if (batch != nullptr && at < batch->exact_layers && batch->layers[at].active(unit)) {
          verdicts[unit] = {State::alive, Device::batch, batch->sample(at, unit), 0.0};
        }
      }
    }
    return draft;
  }

  /// Open units that were not dead at the last census, and of which a scan is not the likely end.
  [[nodiscard]] bool any_fresh(const Draft& draft) const {
    for (std::size_t at = 0; at < books_.size(); ++at)
      for (std::size_t unit = 0; unit < books_[at].units.size(); ++unit)
        if (draft.units[at][unit].state == State::open && !books_[at].units[unit].dead) return true;
    return false;
  }

  /// A network that samples are run through: the one at hand, or a part of it.
  struct View {
    const Network<T>& network;
    SampleRunner<T>& runner;
    BatchActivity<T>& seen;
    const std::vector<std::vector<Index>>& units;  ///< which unit each of its units is
  };
  [[nodiscard]] View whole(const Network<T>& network) { return {network, runner_, seen_, all_units_}; }

  /// Runs some samples through the first `layers` layers with units and settles the open units that they activate.
  void run(const View& view, std::span<const Index> samples, Draft& draft, Device device, std::size_t layers) {
    view.runner.run(view.network, samples, Measure::activity, view.network.unit_layers()[layers - 1] + 1);
    this->work_.samples += static_cast<std::int64_t>(samples.size());
    view.seen.exact_layers = layers;
    view.seen.collect(view.network, view.runner.state(), view.runner.shards(), samples);
    for (std::size_t at = 0; at < layers; ++at)
      for (std::size_t row = 0; row < view.units[at].size(); ++row) {
        auto& verdict = draft.units[at][static_cast<std::size_t>(view.units[at][row])];
        if (verdict.state == State::open && view.seen.layers[at].active(row))
          verdict = {State::alive, device, view.seen.sample(at, row), 0.0};
      }
  }

  struct OpenUnit {
    std::size_t layer;
    std::size_t unit;
  };

  [[nodiscard]] std::vector<OpenUnit> open_units(const Draft& draft) const {
    std::vector<OpenUnit> units;
    for (std::size_t at = 0; at < books_.size(); ++at)
      for (std::size_t unit = 0; unit < draft.units[at].size(); ++unit)
        if (draft.units[at][unit].state == State::open) units.push_back({at, unit});
    return units;
  }

  /// For each open unit the sample that a batch showed last, then its witnesses at censuses, the latest first.
  void try_witnesses(const Network<T>& network, Draft& draft) {
    for (std::size_t nth = 0; nth <= kWitnessesKept; ++nth) {
      std::vector<Index> samples;
      for (const OpenUnit& place : open_units(draft)) {
        const Book& book = books_[place.layer];
        const Index witness = nth == 0 ? book.recent[place.unit] : book.units[place.unit].witnesses[nth - 1];
        if (witness >= 0) samples.push_back(witness);
      }
      std::sort(samples.begin(), samples.end());
      samples.erase(std::unique(samples.begin(), samples.end()), samples.end());
      for (std::size_t first = 0; first < samples.size(); first += kWitnessesRun) {
        if (draft.open_layers() == 0) return;
        const auto part =
            std::span<const Index>(samples).subspan(first, std::min(kWitnessesRun, samples.size() - first));
        run(whole(network), part, draft, Device::witness, draft.open_layers());
      }
    }
  }

  /// Random samples for units that were alive and have no witness left: most still are.
  void look_around(const Network<T>& network, Draft& draft) {
    Rng rng(seed_, Purpose::probe, 2 + static_cast<std::uint64_t>(this->work_.censuses));
    for (const std::size_t count : kLooks) {
      // Where they are much of D, the scan gets through it as fast.
      if (!any_fresh(draft) || 4 * count > static_cast<std::size_t>(dataset_.train.count())) return;
      std::vector<Index> samples(count);
      for (Index& sample : samples)
        sample = static_cast<Index>(rng.below(static_cast<std::uint64_t>(dataset_.train.count())));
      run(whole(network), samples, draft, Device::scan, draft.open_layers());
    }
  }

  /// One past the last layer of which levels are kept.
  [[nodiscard]] std::size_t tracked_layers() const {
    std::size_t layers = books_.size();
    while (layers > 0 && std::none_of(books_[layers - 1].units.begin(), books_[layers - 1].units.end(),
                                      [](const Unit& unit) { return unit.levels.known(); }))
      --layers;
    return layers;
  }

  /// Proves dead what can be proved dead without a look at D, layer by layer from the input. `all`: tries intervals on
  /// every open unit, otherwise only on those that were dead.
  void prove(const Network<T>& network, Draft& draft, bool all) {
    const std::size_t layers = std::max(draft.open_layers(), tracked_layers());
    Box box = extent_.get().box;  // of the inputs of layer `boxed`
    std::size_t boxed = 0;
    InputDrift input{extent_.get().norm, Eigen::VectorXd::Zero(dataset_.features())};
    for (std::size_t at = 0; at < layers; ++at) {
      const Layer<T>& layer = network.layer(network.unit_layers()[at]);
      if (tracking_) {
        const UnitMotion motion = measure_motion(this->last().layer(network.unit_layers()[at]), layer);
        const Eigen::VectorXd z_drift = bound_z_drift(layer, motion, input);
        // A learned slope that moved changes what the margin is: from −z to −∞ when it leaves 0.
        draft.z_drift[at] = (motion.slope.array() == 0.0).select(z_drift.array(), kInfinity);
        prove_by_margin(at, draft);
        if (wants_interval(at, draft, all)) prove_by_interval(network, at, draft, box, boxed);
        Eigen::VectorXd a_drift = bound_a_drift(layer, motion, input, z_drift);
        if (books_[at].dead_is_zero)
          for (std::size_t unit = 0; unit < books_[at].units.size(); ++unit)
            if (books_[at].units[unit].dead && draft.units[at][unit].state == State::dead)
              a_drift[static_cast<Index>(unit)] = 0.0;
        draft.norm_drift[at] = a_drift.norm() * (1.0 + 1e-9);
        input = {books_[at].norm.highest(), std::move(a_drift)};
      } else if (wants_interval(at, draft, all)) {
        prove_by_interval(network, at, draft, box, boxed);
      }
    }
  }

  [[nodiscard]] bool wants_interval(std::size_t at, const Draft& draft, bool all) const {
    for (std::size_t unit = 0; unit < books_[at].units.size(); ++unit)
      if (draft.units[at][unit].state == State::open && (all || books_[at].units[unit].dead)) return true;
    return false;
  }

  void prove_by_margin(std::size_t at, Draft& draft) const {
    for (std::size_t unit = 0; unit < books_[at].units.size(); ++unit) {
      const Unit& known = books_[at].units[unit];
      auto& verdict = draft.units[at][unit];
      if (verdict.state != State::open || !known.dead) continue;
      const double drift = draft.z_drift[at][static_cast<Index>(unit)];
      if (drift == 0.0) {
        verdict = {State::dead, Device::invariance, -1, known.margin};
      } else {
        const double highest = add_up(known.levels.highest(), drift);
        if (highest <= 0.0) verdict = {State::dead, Device::margin, -1, -highest};
      }
    }
  }

  /// `box` is that of layer `boxed`'s inputs and is carried on from there.
  void prove_by_interval(const Network<T>& network, std::size_t target, Draft& draft, Box& box, std::size_t& boxed) {
    for (; boxed <= target; ++boxed) {
      const Layer<T>& layer = network.layer(network.unit_layers()[boxed]);
      const ActivationShape shape = layer.shape();
      const PreActivationBox bound = bound_pre_activations(layer, box);
      for (std::size_t unit = 0; unit < books_[boxed].units.size(); ++unit) {
        const auto index = static_cast<Index>(unit);
        auto& verdict = draft.units[boxed][unit];
        if (verdict.state != State::open) continue;
        const double low = bound.z.low[index];
        const double high = bound.z.high[index];
        if (!dead_between(shape, low, high)) continue;
        const bool by_sign = bound.at_most_bias[unit] && static_cast<double>(layer.bias_of(index)) <= shape.dead_below;
        verdict = {State::dead, by_sign ? Device::sign : Device::interval, -1,
                   std::max(shape.dead_below - high, low - shape.dead_above)};
      }
      box = bound_activations(layer, bound.z);
      if (!books_[boxed].dead_is_zero) continue;
      for (std::size_t unit = 0; unit < books_[boxed].units.size(); ++unit)
        if (draft.units[boxed][unit].state == State::dead)
          box.low[static_cast<Index>(unit)] = box.high[static_cast<Index>(unit)] = 0.0;
    }
  }

  /// The levels of the last census become bounds at the present parameters.
  void move_on(const Draft& draft) {
    for (std::size_t at = 0; at < books_.size(); ++at) {
      const bool measured = draft.z_drift[at].size() > 0;
      for (std::size_t unit = 0; unit < books_[at].units.size(); ++unit)
        books_[at].units[unit].levels.travel(measured ? draft.z_drift[at][static_cast<Index>(unit)] : kInfinity);
      books_[at].norm.travel(measured ? draft.norm_drift[at] : kInfinity);
    }
  }

  void scan(const Network<T>& network, Draft& draft) {
    std::vector<OpenUnit> open = open_units(draft);
    if (open.empty()) return;
    for (const OpenUnit& place : open) {
      Levels& levels = books_[place.layer].units[place.unit].levels;
      if (!levels.known()) levels.level.assign(groups_, std::numeric_limits<float>::infinity());
    }
    const std::size_t layers = tracked_layers();
    for (std::size_t at = 0; at + 1 < layers; ++at)
      if (!books_[at].norm.known()) books_[at].norm.level.assign(groups_, std::numeric_limits<float>::infinity());

    const auto most = std::max<std::size_t>(1, static_cast<std::size_t>(kPassColumns / group_size_));
    std::size_t round = 1;
    std::vector<bool> has_run(groups_);
    std::unique_ptr<Thin> thin;
    std::vector<std::size_t> order = nearest_first(open);
    for (std::size_t next = 0; next < order.size() && !open.empty();) {
      // Rounds grow: a unit that is alive is mostly found at once, a dead one needs all that is left.
      std::vector<std::size_t> groups;
      for (; next < order.size() && groups.size() < round; ++next)
        if (std::any_of(open.begin(), open.end(), [&](const OpenUnit& place) {
              return !(books_[place.layer].units[place.unit].levels.at(order[next]) <= 0.0);
            }))
          groups.push_back(order[next]);
      if (groups.empty()) break;
      // What is still open after some rounds is mostly dead: the rest of the scan looks at what can matter alone.
      if (round == kRoundsBeforeThin && !thin) thin = thin_out(network, draft, layers);
      run_groups(thin ? thin->view() : whole(network), groups, draft, layers);
      for (const std::size_t group : groups) has_run[group] = true;
      open = open_units(draft);
      round = std::min(2 * round, most);
    }
    for (const OpenUnit& place : open) {
      const Levels& levels = books_[place.layer].units[place.unit].levels;
      for (std::size_t group = 0; group < groups_; ++group)
        if (!has_run[group] && !(levels.at(group) <= 0.0)) throw std::logic_error("census: a scan left a unit open");
      // A level is rounded up, and may come out above the 0 that it stands for.
      draft.units[place.layer][place.unit] = {State::dead, Device::scan, -1, std::max(0.0, -levels.highest())};
    }
  }

  /// The groups in which some open unit may be active, those first where one may be farthest into its live region.
  [[nodiscard]] std::vector<std::size_t> nearest_first(const std::vector<OpenUnit>& open) const {
    std::vector<double> highest(groups_, -kInfinity);
    for (const OpenUnit& place : open)
      for (std::size_t group = 0; group < groups_; ++group)
        highest[group] = std::max(highest[group], books_[place.layer].units[place.unit].levels.at(group));
    std::vector<std::size_t> order;
    for (std::size_t group = 0; group < groups_; ++group)
      if (highest[group] > 0.0) order.push_back(group);
    std::stable_sort(order.begin(), order.end(),
                     [&](std::size_t left, std::size_t right) { return highest[left] > highest[right]; });
    return order;
  }

  /// A part of the network for the rest of a scan.
  struct Thin {
    Thin(const Network<T>& network, std::vector<std::vector<Index>> kept, const Dataset& dataset, ThreadPool& pool,
         Index columns)
        : units(std::move(kept)),
          part(network.select(units)),
          runner(part, dataset, pool, columns),
          seen(part, false) {}
    [[nodiscard]] View view() { return {part, runner, seen, units}; }

    std::vector<std::vector<Index>> units;
    Network<T> part;
    SampleRunner<T> runner;
    BatchActivity<T> seen;
  };

  /// The network without the units that are known to yield exactly 0 and, in the last layer, without those that are
  /// settled; nullptr where that would save little, or where a product's rows depend on what is left out.
  std::unique_ptr<Thin> thin_out(const Network<T>& network, const Draft& draft, std::size_t layers) {
    std::vector<std::vector<Index>> kept(layers);
    double part = 0.0;
    double all = 0.0;
    auto inputs = static_cast<double>(network.inputs());
    auto all_inputs = inputs;
    for (std::size_t at = 0; at < layers; ++at) {
      const auto& verdicts = draft.units[at];
      const auto matters = [&](std::size_t unit) {
        if (verdicts[unit].state == State::open) return true;
        if (at + 1 == layers) return false;
        return !(verdicts[unit].state == State::dead && books_[at].dead_is_zero);
      };
      std::vector<Index> others;
      for (std::size_t unit = 0; unit < verdicts.size(); ++unit)
        (matters(unit) ? kept[at] : others).push_back(static_cast<Index>(unit));
      // Whole blocks of rows: few different shapes, and no product falls to another kernel for want of rows.
      while (kept[at].size() % kThinRows != 0 && !others.empty()) {
        kept[at].push_back(others.back());
        others.pop_back();
      }
      std::sort(kept[at].begin(), kept[at].end());
      part += inputs * static_cast<double>(kept[at].size());
      all += all_inputs * static_cast<double>(verdicts.size());
      inputs = static_cast<double>(kept[at].size());
      all_inputs = static_cast<double>(verdicts.size());
    }
    if (part > kThinWorth * all) return nullptr;
    std::vector<Index> kept_inputs(static_cast<std::size_t>(network.inputs()));
    std::iota(kept_inputs.begin(), kept_inputs.end(), Index{0});
    for (std::size_t at = 0; at < layers; ++at) {
      const Layer<T>& layer = network.layer(network.unit_layers()[at]);
      if (!can_leave_out(layer.outputs(), layer.inputs(), kept[at], kept_inputs)) return nullptr;
      kept_inputs = kept[at];
    }
    return std::make_unique<Thin>(network, std::move(kept), dataset_, runner_.pool(),
                                  census_columns(dataset_.train.count()));
  }

  /// Whether the products of this back end give a layer's kept rows to the last bit when the other rows are left out,
  /// and the inputs that are 0. That is a matter of the order in which a kernel adds up for a shape, not of the
  /// numbers; random numbers show it.
  bool can_leave_out(Index rows, Index inner, const std::vector<Index>& kept_rows,
                     const std::vector<Index>& kept_inner) {
    const std::array<Index, 4> shape = {rows, inner, static_cast<Index>(kept_rows.size()),
                                        static_cast<Index>(kept_inner.size())};
    if (shape[0] == shape[2] && shape[1] == shape[3]) return true;
    if (const auto known = can_leave_out_.find(shape); known != can_leave_out_.end()) return known->second;
    Rng rng(0, Purpose::probe, 1U << 20U);
    Matrix<T> a(rows, inner);
    for (T& value : a.reshaped()) value = static_cast<T>(rng.uniform(-1.0, 1.0));
    Matrix<T> b = Matrix<T>::Zero(inner, kShardColumns);
    for (const Index kept : kept_inner)
      for (Index column = 0; column < kShardColumns; ++column) b(kept, column) = static_cast<T>(rng.uniform(-1.0, 1.0));
    Matrix<T> all(rows, kShardColumns);
    gemm<T>(Transposed::none, T(1), a, b, all);
    const Matrix<T> thin_a = a(kept_rows, kept_inner);
    const Matrix<T> thin_b = b(kept_inner, Eigen::all);
    Matrix<T> some(shape[2], kShardColumns);
    gemm<T>(Transposed::none, T(1), thin_a, thin_b, some);
    return can_leave_out_[shape] = (some.array() == Matrix<T>(all(kept_rows, Eigen::all)).array()).all();
  }

  void run_groups(const View& view, std::vector<std::size_t> groups, Draft& draft, std::size_t layers) {
    // In order, so that a short last group does not shift the shards of others.
    std::sort(groups.begin(), groups.end());
    std::vector<Index> samples;
    for (const std::size_t group : groups) {
      const Index first = static_cast<Index>(group) * group_size_;
      for (Index sample = first; sample < std::min(first + group_size_, dataset_.train.count()); ++sample)
        samples.push_back(sample);
    }
    run(view, samples, draft, Device::scan, layers);
    const auto shards_per_group = static_cast<std::size_t>(group_size_ / kShardColumns);
    const std::vector<Shard>& shards = view.runner.shards();
    for (std::size_t at = 0; at < layers; ++at) {
      const LayerState<T>& state = view.runner.state().layer(view.network.unit_layers()[at]);
      for (std::size_t index = 0; index < groups.size(); ++index) {
        const std::size_t begin = index * shards_per_group;
        const std::size_t end = std::min(begin + shards_per_group, shards.size());
        for (std::size_t row = 0; row < view.units[at].size(); ++row) {
          Levels& levels = books_[at].units[static_cast<std::size_t>(view.units[at][row])].levels;
          if (!levels.known()) continue;
          double level = -kInfinity;
          for (std::size_t shard = begin; shard < end; ++shard) {
            const auto margin = static_cast<double>(state.shards[shard].activity.margin[static_cast<Index>(row)]);
            if (!(-margin <= level)) level = std::isnan(margin) ? kInfinity : -margin;
          }
          levels.set(groups[index], level);
        }
        if (!books_[at].norm.known()) continue;
        const Index first = shards[begin].first;
        const Index columns = shards[end - 1].first + shards[end - 1].count - first;
        const auto norm =
            static_cast<double>(std::sqrt(state.output.middleCols(first, columns).colwise().squaredNorm().maxCoeff()));
        const double slack = 1.0 + 2.0 * static_cast<double>(books_[at].units.size() + 8) *
                                       static_cast<double>(std::numeric_limits<T>::epsilon());
        const double level = norm * slack + std::sqrt(static_cast<double>(std::numeric_limits<T>::min()) *
                                                      static_cast<double>(books_[at].units.size()));
        books_[at].norm.set(groups[index], std::isfinite(level) ? level : kInfinity);
      }
    }
  }

  CensusResult conclude(const Draft& draft) {
    CensusResult result;
    tracking_ = false;
    for (std::size_t at = 0; at < books_.size(); ++at) {
      LayerCensus& layer = result.layers.emplace_back();
      for (std::size_t unit = 0; unit < books_[at].units.size(); ++unit) {
        const auto& verdict = draft.units[at][unit];
        Unit& known = books_[at].units[unit];
        known.dead = verdict.state == State::dead;
        if (known.dead) known.witnesses.fill(-1);
        // The latest comes first; what it displaces moves back, the oldest falls out.
        Index moving = verdict.witness;
        for (Index& witness : known.witnesses) {
          if (moving < 0) break;
          std::swap(witness, moving);
          if (moving == verdict.witness) break;
        }
        known.margin = verdict.margin;
        if (!known.dead) known.levels = Levels();
        tracking_ = tracking_ || known.dead;
        UnitCensus census{known.dead, false, verdict.device, verdict.witness, verdict.margin};
        if (known.dead && draft.z_drift[at].size() > 0) census.drift = draft.z_drift[at][static_cast<Index>(unit)];
        layer.units.push_back(census);
        ++this->work_.settled[static_cast<std::size_t>(verdict.device)];
      }
    }
    ++this->work_.censuses;
    // Norms that nobody needs are not followed, and are out of date when they are needed again.
    const std::size_t tracked = tracked_layers();
    for (std::size_t at = 0; at < books_.size(); ++at)
      if (at + 1 >= tracked) books_[at].norm = Levels();
    return result;
  }

  /// Whether the output is the same for all samples.
  bool is_collapsed(const Network<T>& network, const Draft& draft, const BatchActivity<T>* batch) {
    if (batch != nullptr && batch->exact_layers == books_.size() && batch->outputs_differ) return false;
    // A layer that yields 0 for every sample leaves nothing for the layers after it to tell samples apart by.
    for (std::size_t at = 0; at < books_.size(); ++at)
      if (books_[at].dead_is_zero && std::all_of(draft.units[at].begin(), draft.units[at].end(),
                                                 [](const auto& verdict) { return verdict.state == State::dead; }))
        return true;
    Vector<T> first;
    Index columns = kShardColumns;  // the first samples tell, mostly
    for (Index start = 0; start < dataset_.train.count(); start += columns, columns = kPassColumns) {
      std::vector<Index> samples(static_cast<std::size_t>(std::min(columns, dataset_.train.count() - start)));
      std::iota(samples.begin(), samples.end(), start);
      runner_.run(network, samples, Measure::nothing);
      this->work_.samples += static_cast<std::int64_t>(samples.size());
      const auto& output = runner_.state().output();
      if (start == 0) first = output.col(0);
      for (Index column = 0; column < static_cast<Index>(samples.size()); ++column)
        if (!(output.col(column).array() == first.array()).all()) return false;
    }
    return true;
  }

  const Dataset& dataset_;
  LazyExtent<T>& extent_;
  std::uint64_t seed_;
  Index group_size_;
  std::size_t groups_;
  SampleRunner<T> runner_;
  BatchActivity<T> seen_;
  std::vector<std::vector<Index>> all_units_;           ///< the units of each layer
  std::map<std::array<Index, 4>, bool> can_leave_out_;  ///< by rows and inner dimension, whole and kept
  std::vector<Book> books_;
  bool tracking_ = false;  ///< some unit was dead at the last census
};

}  // namespace

CensusGroups census_groups(Index samples) {
  CensusGroups groups;
  constexpr Index kOneEach = kShardColumns * kMostGroups;  // so many samples take one shard a group
  groups.size = kShardColumns * std::max<Index>(1, (samples + kOneEach - 1) / kOneEach);
  groups.count = (samples + groups.size - 1) / groups.size;
  return groups;
}

Index census_columns(Index samples) { return std::min(samples, std::max(kPassColumns, census_groups(samples).size)); }

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
