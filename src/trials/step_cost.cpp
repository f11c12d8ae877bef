#include "trials/step_cost.hpp"

#include <algorithm>
#include <chrono>
#include <memory>

#include "experiment/batches.hpp"
#include "experiment/initial_network.hpp"
#include "experiment/setup.hpp"
#include "experiment/training_step.hpp"
#include "util/error.hpp"
#include "util/random.hpp"
#include "util/statistics.hpp"

namespace reluscope {

namespace {

/// Turns that every variant has, and what one of them takes at least.
constexpr int kTurns = 11;
constexpr double kTurnSeconds = 0.004;
/// Elements of the activation alone: few enough for the nearest cache.
constexpr Index kUnits = 64;

template <class Body>
double seconds_of(Body body) {
  const auto start = std::chrono::steady_clock::now();
  body();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

/// One variant, ready to make steps.
class Bench {
 public:
  Bench() = default;
  Bench(const Bench&) = delete;
  Bench& operator=(const Bench&) = delete;
  virtual ~Bench() = default;
  virtual void make_steps(std::int64_t count) = 0;
  virtual void respond(std::int64_t count) = 0;
  [[nodiscard]] virtual double elements() const = 0;
};

template <class T>
class BenchOf final : public Bench {
 public:
  BenchOf(const ExperimentSpec& spec, const Dataset& dataset)
      : spec_(spec),
        plan_(spec_.train, dataset.train.count(), spec_.seed),
        network_(initial_network<T>(spec_, dataset.features(), spec_.seed)),
        criterion_(criterion_of(spec_, dataset)),
        optimizer_(spec_.train.optimizer, {spec_.train.clip_norm, spec_.train.clip_value}, spec_.train.penalty,
                   network_.parameters()),
        step_(network_, dataset, criterion_, optimizer_, plan_.largest_batch(), alone_) {
    const Choice* hidden = nullptr;
    for (const LayerSpec& layer : spec_.network.layers)
      if (layer.activation && hidden == nullptr) hidden = &*layer.activation;
    kernel_ = find_entry(activation_table(), hidden->name)->template make<T>(hidden->params);
    Rng rng(spec_.seed, Purpose::probe);
    for (Matrix<T>* values : {&z_, &delta_})
      for (T& value : values->reshaped()) value = static_cast<T>(rng.normal());
  }

  void make_steps(std::int64_t count) override {
    for (std::int64_t step = 0; step < count; ++step) {
      const std::int64_t number = next_++ % plan_.total_steps();
      step_.compute(plan_.batch(number), {true, Measure::nothing, spec_.seed, static_cast<std::uint64_t>(number)});
      step_.apply(0.0);
    }
  }

  void respond(std::int64_t count) override {
    ForwardCall<T> forward;
    forward.units = kUnits;
    forward.columns = kShardColumns;
    forward.z = saved_.data();
    forward.a = a_.data();
    forward.stride = kUnits;
    forward.bias = bias_.data();
    forward.slopes = slopes_.data();
    BackwardCall<T> backward;
    backward.units = kUnits;
    backward.columns = kShardColumns;
    backward.saved = saved_.data();
    backward.delta = moved_.data();
    backward.stride = kUnits;
    backward.delta_sum = sums_.data();
    backward.slopes = slopes_.data();
    backward.slope_sum = slope_sums_.data();
    for (std::int64_t time = 0; time < count; ++time) {
      saved_ = z_;
      moved_ = delta_;
      kernel_->forward(forward);
      kernel_->backward(backward);
    }
  }
  [[nodiscard]] double elements() const override { return static_cast<double>(kUnits * kShardColumns); }

 private:
  ExperimentSpec spec_;
  ThreadPool alone_{1};
  BatchPlan plan_;
  Network<T> network_;
  Criterion criterion_;
  Optimizer<T> optimizer_;
  TrainingStep<T> step_;
  std::int64_t next_ = 0;
  std::unique_ptr<ActivationKernel<T>> kernel_;
  Matrix<T> z_{kUnits, kShardColumns}, delta_{kUnits, kShardColumns};
  Matrix<T> saved_{kUnits, kShardColumns}, moved_{kUnits, kShardColumns}, a_{kUnits, kShardColumns};
  Vector<T> bias_ = Vector<T>::Zero(kUnits), slopes_ = Vector<T>::Constant(kUnits, T(0.25));
  Vector<T> sums_ = Vector<T>::Zero(kUnits), slope_sums_ = Vector<T>::Zero(kUnits);
};

/// Of the turns, the one that was disturbed least; NaN of none.
double least(const std::vector<double>& values) {
  return values.empty() ? kNaN : *std::min_element(values.begin(), values.end());
}

/// How many of them fill a turn.
template <class Body>
std::int64_t count_for_a_turn(Body body) {
  std::int64_t count = 1;
  while (seconds_of([&] { body(count); }) < kTurnSeconds) count *= 2;
  return count;
}

}  // namespace

std::vector<StepCost> measure_step_costs(const ConfigSource& source, std::span<const Job> jobs) {
  std::vector<Dataset> datasets;  // one for neighbours that share it
  datasets.reserve(jobs.size());
  std::string data_name;
  std::vector<std::unique_ptr<Bench>> benches;
  JobReader reader(source);
  for (const Job& job : jobs) {
    benches.emplace_back();
    try {
      const ExperimentSpec& spec = reader.experiment(job);
      if (std::string name = spec.data_json + '\n' + std::to_string(spec.seed); datasets.empty() || name != data_name) {
        datasets.push_back(load_dataset(spec.data, spec.seed));
        data_name = std::move(name);
      }
      check_against_data(spec, datasets.back());
      if (spec.precision == Precision::float32) {
        benches.back() = std::make_unique<BenchOf<float>>(spec, datasets.back());
      } else {
        benches.back() = std::make_unique<BenchOf<double>>(spec, datasets.back());
      }
    } catch (const UserError&) {
      // Its runs have failed, and say why.
    }
  }
  std::vector<std::int64_t> steps(benches.size());
  std::vector<std::int64_t> responses(benches.size());
  for (std::size_t at = 0; at < benches.size(); ++at) {
    if (!benches[at]) continue;
    steps[at] = count_for_a_turn([&](std::int64_t count) { benches[at]->make_steps(count); });
    responses[at] = count_for_a_turn([&](std::int64_t count) { benches[at]->respond(count); });
  }
  std::vector<std::vector<double>> seconds(benches.size()), ratios(benches.size()), elements(benches.size());
  for (int turn = 0; turn < kTurns; ++turn)
    for (std::size_t at = 0; at < benches.size(); ++at) {
      if (!benches[at]) continue;
      seconds[at].push_back(seconds_of([&] { benches[at]->make_steps(steps[at]); }) / static_cast<double>(steps[at]));
      if (!seconds.front().empty()) ratios[at].push_back(seconds[at].back() / seconds.front().back());
      elements[at].push_back(1e9 * seconds_of([&] { benches[at]->respond(responses[at]); }) /
                             (static_cast<double>(responses[at]) * benches[at]->elements()));
    }
  std::vector<StepCost> costs;
  for (std::size_t at = 0; at < benches.size(); ++at)
    costs.push_back({least(seconds[at]), median(ratios[at]), least(elements[at])});
  return costs;
}

}  // namespace reluscope
