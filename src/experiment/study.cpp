#include "experiment/study.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "experiment/batches.hpp"
#include "experiment/initial_network.hpp"
#include "experiment/training_step.hpp"
#include "nn/activation_kernel.hpp"
#include "nn/network_pack.hpp"
#include "optim/schedule.hpp"
#include "probe/exact_census.hpp"
#include "util/statistics.hpp"

namespace reluscope {

namespace {

/// What does not depend on the seed.
struct Study {
  const ExperimentSpec& spec;
  const Dataset& dataset;
  Criterion criterion;
  Schedule schedule;
  std::int64_t steps;

  Study(const ExperimentSpec& experiment, const Dataset& data, std::optional<std::int64_t> wanted)
      : spec(experiment),
        dataset(data),
        criterion(criterion_of(experiment, data)),
        schedule(experiment.train.schedule, experiment.train.warmup_steps, experiment.train.warmup_start_factor),
        steps(wanted.value_or(BatchPlan(experiment.train, data.train.count(), 0).total_steps())) {}

  template <class T>
  [[nodiscard]] double learning_rate(const Optimizer<T>& optimizer, const BatchPlan& plan, std::int64_t step) const {
    return optimizer.base_lr() * schedule.factor({step, plan.total_steps(), plan.steps_per_epoch()});
  }
};

template <class T>
StudyOutcome run_alone(const Study& study, std::uint64_t seed) {
  ThreadPool alone(1);
  Network<T> network = initial_network<T>(study.spec, study.dataset.shape(), seed);
  LazyExtent<T> extent(study.dataset, alone);
  const auto census = make_exact_census(network, study.dataset, extent, alone, seed);
  const auto count_dead = [&] {
    std::vector<Index> dead;
    for (const LayerCensus& layer : census->take(network, nullptr).layers) dead.push_back(layer.dead());
    return dead;
  };
  StudyOutcome outcome;
  outcome.born_dead = count_dead();
  outcome.first_loss = outcome.last_loss = kNaN;
  if (study.steps == 0) {
    outcome.dead = outcome.born_dead;
    return outcome;
  }
  BatchPlan plan(study.spec.train, study.dataset.train.count(), seed);
  Optimizer<T> optimizer(study.spec.train.optimizer, {study.spec.train.clip_norm, study.spec.train.clip_value},
                         study.spec.train.penalty, network.parameters());
  TrainingStep<T> training(network, study.dataset, study.criterion, optimizer, plan.largest_batch(), alone);
  for (std::int64_t step = 0; step < study.steps; ++step) {
    training.compute(plan.batch(step), {true, Measure::nothing, seed, static_cast<std::uint64_t>(step)});
    outcome.last_loss = training.result().loss;
    if (step == 0) outcome.first_loss = outcome.last_loss;
    training.apply(study.learning_rate(optimizer, plan, step));
  }
  outcome.dead = count_dead();
  return outcome;
}

/// The networks of one pack, drawn and trained again and again for other seeds.
template <class T>
class PackRun {
 public:
  static constexpr auto kNetworks = static_cast<std::size_t>(NetworkPack<T>::kNetworks);

  explicit PackRun(const Study& study)
      : study_(study),
        pack_(study.spec.network, study.dataset.features()),
        batch_(BatchPlan(study.spec.train, study.dataset.train.count(), 0).largest_batch()),
        state_(pack_.make_state(study.steps == 0 ? kShardColumns : std::max(batch_, kShardColumns))),
        gathered_(pack_.inputs(), state_.batch * pack_.kNetworks),
        targets_(study.criterion.targets, pack_.outputs(), state_.batch * pack_.kNetworks),
        outputs_(pack_.outputs(), state_.batch * pack_.kNetworks),
        losses_(state_.batch * pack_.kNetworks) {
    for (const Parameter<T>* parameter : pack_.parameters())
      gradients_.emplace_back(parameter->value.rows(), parameter->value.cols());
  }

  /// At most kNetworks seeds, and as many outcomes.
  void run(std::span<const std::uint64_t> seeds, std::span<StudyOutcome> outcomes) {
    pack_.draw(seeds);
    for (StudyOutcome& outcome : outcomes) {
      outcome.born_dead.assign(pack_.depth(), 0);
      outcome.dead.assign(pack_.depth(), 0);
      outcome.first_loss = outcome.last_loss = kNaN;
    }
    count_dead(outcomes, &StudyOutcome::born_dead);
    if (study_.steps == 0) {
      for (StudyOutcome& outcome : outcomes) outcome.dead = outcome.born_dead;
      return;
    }
    train(seeds, outcomes);
    count_dead(outcomes, &StudyOutcome::dead);
  }

 private:
  void count_dead(std::span<StudyOutcome> outcomes, std::vector<Index> StudyOutcome::*dead) {
    const Index samples = study_.dataset.train.count();
    margins_.resize(pack_.depth());
    for (std::size_t layer = 0; layer < pack_.depth(); ++layer)
      margins_[layer].assign(static_cast<std::size_t>(pack_.units(layer)), SmallestMargin<T>());
    for (Index first = 0; first < samples; first += kShardColumns) {
      const Index columns = std::min(kShardColumns, samples - first);
      order_.resize(static_cast<std::size_t>(columns));
      for (Index column = 0; column < columns; ++column) order_[static_cast<std::size_t>(column)] = first + column;
      auto some = gathered_.leftCols(columns);
      gather<T>(study_.dataset, study_.dataset.train, order_, some);
      for (Index feature = 0; feature < pack_.inputs(); ++feature)
        for (Index column = 0; column < columns; ++column)
          state_.input[static_cast<std::size_t>(feature * state_.batch + column)] =
              fill_block<T>(some(feature, column));
      pack_.forward(state_, {0, 0, columns}, true);
      for (std::size_t layer = 0; layer < pack_.depth(); ++layer)
        for (std::size_t unit = 0; unit < margins_[layer].size(); ++unit) {
          margins_[layer][unit].add(state_.layers[layer].margin[unit]);
        }
    }
    for (std::size_t layer = 0; layer < pack_.depth(); ++layer)
      for (const SmallestMargin<T>& margin : margins_[layer]) {
        const Block<T> smallest = margin.value();
        for (std::size_t lane = 0; lane < outcomes.size(); ++lane)
          (outcomes[lane].*dead)[layer] += smallest[lane] >= T(0) ? 1 : 0;
      }
  }

  void train(std::span<const std::uint64_t> seeds, std::span<StudyOutcome> outcomes) {
    std::vector<BatchPlan> plans;
    for (std::size_t lane = 0; lane < kNetworks; ++lane)
      plans.emplace_back(study_.spec.train, study_.dataset.train.count(), seeds[std::min(lane, seeds.size() - 1)]);
    Optimizer<T> optimizer(study_.spec.train.optimizer, {std::nullopt, study_.spec.train.clip_value}, {},
                           pack_.parameters());
    for (std::int64_t step = 0; step < study_.steps; ++step) {
      const Index batch = gather_batch(plans, step);
      const std::vector<Shard> shards = cut_into_shards(batch);
      for (const Shard& shard : shards) pack_.forward(state_, shard);
      evaluate_loss(batch, outcomes, step == 0);
      for (const Shard& shard : shards) pack_.backward(state_, shard);
      pack_.gradients(state_, batch, static_cast<Index>(shards.size()), gradients_);
      optimizer.begin_step(study_.learning_rate(optimizer, plans.front(), step));
      for (std::size_t at = 0; at < gradients_.size(); ++at)
        optimizer.sweep(at, 0, gradients_[at].size(), gradients_[at].data());
    }
  }

  /// Each network's own batch. In `gathered_` and the targets, network l's sample c is column c·kNetworks + l.
  Index gather_batch(std::vector<BatchPlan>& plans, std::int64_t step) {
    Index batch = 0;
    for (std::size_t lane = 0; lane < kNetworks; ++lane) {
      const std::span<const Index> samples = plans[lane].batch(step);
      batch = static_cast<Index>(samples.size());
      order_.resize(samples.size() * kNetworks);
      for (std::size_t at = 0; at < samples.size(); ++at) order_[at * kNetworks + lane] = samples[at];
    }
    const Index columns = batch * pack_.kNetworks;
    gather<T>(study_.dataset, study_.dataset.train, order_, gathered_.leftCols(columns));
    for (Index feature = 0; feature < pack_.inputs(); ++feature) {
      T* row = reinterpret_cast<T*>(state_.input.data() + feature * state_.batch);
      for (Index column = 0; column < columns; ++column) row[column] = gathered_(feature, column);
    }
    targets_.gather(study_.dataset.train, order_, 0, gathered_.leftCols(columns));
    return batch;
  }

  /// Losses, and ∂L/∂output into the last layer's delta.
  void evaluate_loss(Index batch, std::span<StudyOutcome> outcomes, bool first) {
    const Index columns = batch * pack_.kNetworks;
    PackLayerState<T>& last = state_.layers.back();
    const auto row_of = [&](std::vector<Block<T>>& values, Index unit) {
      return Eigen::Map<Vector<T>>(reinterpret_cast<T*>(values.data() + unit * state_.batch), columns);
    };
    for (Index unit = 0; unit < pack_.outputs(); ++unit)
      outputs_.row(unit).head(columns) = row_of(last.output, unit).transpose();
    auto outputs = outputs_.leftCols(columns);
    study_.criterion.loss.evaluate(study_.criterion.loss_params, outputs, targets_.columns(0, columns),
                                   std::span(losses_.data(), static_cast<std::size_t>(columns)), outputs);
    for (Index unit = 0; unit < pack_.outputs(); ++unit)
      row_of(last.delta, unit) = outputs_.row(unit).head(columns).transpose();
    for (std::size_t lane = 0; lane < outcomes.size(); ++lane) {
      double sum = 0.0;
      for (Index column = 0; column < batch; ++column)
        sum += static_cast<double>(losses_[column * pack_.kNetworks + static_cast<Index>(lane)]);
      outcomes[lane].last_loss = sum / static_cast<double>(batch);
      if (first) outcomes[lane].first_loss = outcomes[lane].last_loss;
    }
  }

  const Study& study_;
  NetworkPack<T> pack_;
  Index batch_;
  PackState<T> state_;
  std::vector<Index> order_;
  Matrix<T> gathered_;
  TargetBatch<T> targets_;
  Matrix<T> outputs_;
  Vector<T> losses_;
  std::vector<Matrix<T>> gradients_;
  std::vector<std::vector<SmallestMargin<T>>> margins_;  ///< smallest of each unit, by layer
};

template <class T>
std::vector<StudyOutcome> run_all(const Study& study, std::span<const std::uint64_t> seeds, ThreadPool& pool,
                                  bool packs) {
  std::vector<StudyOutcome> outcomes(seeds.size());
  if (!packs) {
    pool.for_each(static_cast<std::int64_t>(seeds.size()), [&](std::int64_t index) {
      const auto at = static_cast<std::size_t>(index);
      outcomes[at] = run_alone<T>(study, seeds[at]);
    });
    return outcomes;
  }
  constexpr std::size_t kNetworks = PackRun<T>::kNetworks;
  std::vector<std::unique_ptr<PackRun<T>>> runs(static_cast<std::size_t>(pool.threads()));
  const std::size_t count = (seeds.size() + kNetworks - 1) / kNetworks;
  pool.for_each(static_cast<std::int64_t>(count), [&](std::int64_t index, int thread) {
    auto& run = runs[static_cast<std::size_t>(thread)];
    if (!run) run = std::make_unique<PackRun<T>>(study);
    const std::size_t first = static_cast<std::size_t>(index) * kNetworks;
    const std::size_t size = std::min(kNetworks, seeds.size() - first);
    run->run(seeds.subspan(first, size), std::span(outcomes).subspan(first, size));
  });
  return outcomes;
}

}  // namespace

bool StudyOutcome::operator==(const StudyOutcome& other) const {
  const auto same = [](double left, double right) { return left == right || (std::isnan(left) && std::isnan(right)); };
  return born_dead == other.born_dead && dead == other.dead && same(first_loss, other.first_loss) &&
         same(last_loss, other.last_loss);
}

bool is_born_dead(std::span<const Index> dead, std::span<const Index> units) {
  for (std::size_t layer = 0; layer + 1 < dead.size(); ++layer)
    if (dead[layer] == units[layer]) return true;
  return false;
}

bool runs_in_packs(const ExperimentSpec& spec, const Dataset& dataset) {
  const Index batch = std::min<Index>(spec.train.batch_size, dataset.train.count());
  // Clipping by norm needs a norm of each network, which a sweep over the pack does not have; nor has it penalties.
  return !spec.train.clip_norm && !spec.train.penalty.any() && !spec.network.init_from &&
         NetworkPack<float>::fits(spec.network, dataset.features(), batch);
}

std::vector<StudyOutcome> run_study(const ExperimentSpec& spec, const Dataset& dataset,
                                    std::span<const std::uint64_t> seeds, ThreadPool& pool,
                                    std::optional<std::int64_t> steps, StudyWay way) {
  const Study study(spec, dataset, steps);
  const bool packs = way == StudyWay::fastest && runs_in_packs(spec, dataset);
  return spec.precision == Precision::float32 ? run_all<float>(study, seeds, pool, packs)
                                              : run_all<double>(study, seeds, pool, packs);
}

}  // namespace reluscope
