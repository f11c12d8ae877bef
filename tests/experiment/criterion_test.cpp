// What is minimised, against plain sums and central differences: penalties, targets of every kind, and what is counted.
#include "experiment/criterion.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <numeric>

#include "experiment/evaluation.hpp"
#include "experiment/training_step.hpp"
#include "support/central_differences.hpp"
#include "support/naive.hpp"
#include "support/specs.hpp"
#include "util/random.hpp"

using namespace reluscope;
using namespace reluscope::test;

namespace {

constexpr Index kSamples = 70;  // two shards

Matrix<double> random_points(Index rows, std::uint64_t seed) {
  Matrix<double> points(rows, kSamples);
  Rng rng(seed, Purpose::generator);
  for (double& value : points.reshaped()) value = rng.normal();
  return points;
}

/// 0 or 1 for each label and sample.
Matrix<double> random_labels(Index labels) {
  Matrix<double> values = random_points(labels, 5);
  for (double& value : values.reshaped()) value = value > 0.3 ? 1.0 : 0.0;
  return values;
}

std::vector<Index> all_samples() {
  std::vector<Index> samples(kSamples);
  std::iota(samples.begin(), samples.end(), Index{0});
  return samples;
}

/// One step of a network on a data set, with plain SGD.
struct Bench {
  Dataset dataset;
  Choice chosen;
  Penalty penalty;
  Network<double> network;
  Criterion criterion;
  Optimizer<double> sgd;
  ThreadPool pool{2};
  TrainingStep<double> step;
  std::vector<Index> samples = all_samples();

  Bench(Dataset data, const NetworkSpec& spec, Choice loss_choice, const Penalty& added)
      : dataset(std::move(data)),
        chosen(std::move(loss_choice)),
        penalty(added),
        network(spec, dataset.features(), 3),
        criterion{*find_entry(loss_table(), chosen.name), chosen.params,
                  plan_targets(chosen, *spec.layers.back().activation, dataset, network.outputs()), penalty},
        sgd(optimizer("sgd"), {}, penalty, network.parameters()),
        step(network, dataset, criterion, sgd, kSamples, pool) {}

  double loss() {
    network.parameters_changed();
    step.compute(samples, {true, Measure::nothing, 7, 3});  // with the same random numbers each time
    return step.result().loss;
  }
  /// From what plain SGD does, in the order of the network's parameters.
  std::vector<Matrix<double>> gradients() {
    loss();
    std::vector<Matrix<double>> values;
    for (const Parameter<double>* parameter : network.parameters()) values.push_back(parameter->value);
    constexpr double kRate = 0.125;
    step.apply(kRate);
    std::vector<Matrix<double>> found;
    for (std::size_t at = 0; at < values.size(); ++at) {
      found.emplace_back((values[at] - network.parameters()[at]->value) / kRate);
      network.parameters()[at]->value = values[at];
    }
    return found;
  }
};

NetworkSpec three_layers(Index outputs, const char* output = "identity") {
  NetworkSpec spec;
  spec.layers = {dense("a", 7, activation("tanh")),
                 dense("b", 6, activation("elu"), weights("he_normal"), biases("none")),
                 dense("out", outputs, activation(output))};
  return spec;
}

/// What each layer with units yields for these inputs, in evaluation.
std::vector<Matrix<double>> respond(const Network<double>& network, const Matrix<double>& input) {
  std::vector<Matrix<double>> all;
  for (const std::size_t index : network.sites()) {
    const Node<double>& site = network.node(index);
    Matrix<double> z = site.affine()->weights() * (all.empty() ? input : all.back());
    for (Index unit = 0; unit < z.rows(); ++unit) z.row(unit).array() += site.affine()->bias_of(unit);
    site.activation()->respond(z);
    all.push_back(z);
  }
  return all;
}

void check_gradients(Bench& bench) {
  const std::vector<Matrix<double>> analytic = bench.gradients();
  CHECK(worst_relative_error(bench.network.parameters(), analytic, 1e-3, [&] { return bench.loss(); }) <= 1e-6);
}

}  // namespace

TEST_CASE("every penalty is in the loss and in the gradients, by itself and with the others") {
  const Matrix<double> points = random_points(4, 1);
  const Matrix<double> targets = random_points(2, 2);
  for (const Penalty& penalty : {Penalty{}, Penalty{0.03, 0.0, 0.0}, Penalty{0.0, 0.02, 0.0}, Penalty{0.0, 0.0, 0.05},
                                 Penalty{0.01, 0.02, 0.03}}) {
    CAPTURE(penalty.l1_weights);
    CAPTURE(penalty.l2_weights);
    CAPTURE(penalty.l1_activations);
    Bench bench(regression_of(points, targets), three_layers(2), loss("mse"), penalty);
    check_gradients(bench);
    // The parts, from their definitions.
    bench.loss();
    const LossParts& parts = bench.step.result().parts;
    double absolute = 0.0;
    double square = 0.0;
    for (const std::size_t layer : bench.network.sites()) {
      absolute += bench.network.node(layer).affine()->weights().cwiseAbs().sum();
      square += bench.network.node(layer).affine()->weights().squaredNorm();
    }
    const std::vector<Matrix<double>> yields = respond(bench.network, points);
    double activations = 0.0;
    for (std::size_t layer = 0; layer + 1 < yields.size(); ++layer) activations += yields[layer].cwiseAbs().sum();
    const double data = (yields.back() - targets).squaredNorm() / static_cast<double>(targets.size());
    CHECK(parts.data == doctest::Approx(data).epsilon(1e-12));
    CHECK(parts.l1_weights == doctest::Approx(penalty.l1_weights * absolute).epsilon(1e-12));
    CHECK(parts.l2_weights == doctest::Approx(penalty.l2_weights * square).epsilon(1e-12));
    CHECK(parts.l1_activations == doctest::Approx(penalty.l1_activations * activations / kSamples).epsilon(1e-12));
    CHECK(bench.step.result().loss == parts.total());
    const Evaluation whole = evaluate(bench.network, bench.dataset, bench.dataset.train, bench.criterion, bench.pool);
    CHECK(whole.loss == doctest::Approx(parts.total()).epsilon(1e-12));
    CHECK(whole.parts.l1_activations == doctest::Approx(parts.l1_activations).epsilon(1e-12));
    CHECK_FALSE(whole.accuracy);
  }
}

TEST_CASE("penalties go through dropout and random slopes as everything else does") {
  NetworkSpec spec = three_layers(2);
  spec.layers.insert(spec.layers.begin() + 1, dropout("drop", 0.5));
  spec.layers[2].activation = activation("rrelu");
  Bench bench(regression_of(random_points(4, 1), random_points(2, 2)), spec, loss("mse"), {0.01, 0.02, 0.05});
  check_gradients(bench);
}

TEST_CASE("a weight of exactly 0 gets nothing from L1") {
  Bench bench(regression_of(random_points(3, 1), random_points(1, 2)), three_layers(1), loss("mse"), {0.5, 0.0, 0.0});
  Matrix<double>& weights = bench.network.node(0).parameter(ParameterRole::weight)->value;
  weights(2, 1) = 0.0;
  const double with = bench.gradients()[0](2, 1);
  Bench plain(regression_of(random_points(3, 1), random_points(1, 2)), three_layers(1), loss("mse"), {});
  plain.network.node(0).parameter(ParameterRole::weight)->value(2, 1) = 0.0;
  CHECK(with == doctest::Approx(plain.gradients()[0](2, 1)).epsilon(1e-12));
}

TEST_CASE("the sample itself as the target: a plain sum over what the network got, normalised") {
  Dataset dataset = dataset_of(random_points(5, 1));
  dataset.task = Task::reconstruction;
  dataset.train.labels.clear();
  dataset.class_names.clear();
  dataset.shift.setConstant(0.25);
  dataset.scale.setConstant(2.0);
  CHECK(dataset.outputs() == 5);
  for (const char* name : {"mse", "mae"}) {
    Bench bench(dataset, three_layers(5), loss(name), {});
    CHECK(bench.criterion.targets.coding == TargetCoding::inputs);
    check_gradients(bench);
    const Matrix<double> x = ((std::get<Matrix<double>>(dataset.train.features).array() - 0.25) * 2.0).matrix();
    const Matrix<double> error = respond(bench.network, x).back() - x;
    const double sum = std::string(name) == "mse" ? error.squaredNorm() : error.cwiseAbs().sum();
    CHECK(bench.loss() == doctest::Approx(sum / static_cast<double>(x.size())).epsilon(1e-12));
    CHECK(bench.step.result().correct == 0.0);
  }
}

TEST_CASE("several labels: of each, of all of them, and the mean, by counting") {
  const Matrix<double> points = random_points(4, 1);
  const Matrix<double> labels = random_labels(3);
  struct Case {
    const char* output;
    bool from_logits;
    double threshold;
  };
  for (const Case& one : {Case{"identity", true, 0.0}, Case{"sigmoid", false, 0.5}, Case{"sigmoid", true, 0.5}}) {
    CAPTURE(one.output);
    CAPTURE(one.from_logits);
    Bench bench(regression_of(points, labels), three_layers(3, one.output),
                loss("bce", {{"from_logits", one.from_logits}}), {});
    CHECK(bench.criterion.targets.coding == TargetCoding::labels);
    CHECK(bench.criterion.targets.threshold == one.threshold);
    const Evaluation seen = evaluate(bench.network, bench.dataset, bench.dataset.train, bench.criterion, bench.pool);
    const Matrix<double> outputs = respond(bench.network, points).back();
    const auto right = ((outputs.array() > one.threshold) == (labels.array() == 1.0)).cast<double>().eval();
    REQUIRE(seen.label_accuracy.size() == 3);
    for (Index label = 0; label < 3; ++label)
      CHECK(seen.label_accuracy[static_cast<std::size_t>(label)] == doctest::Approx(right.row(label).mean()));
    CHECK(*seen.accuracy == doctest::Approx(right.mean()));
    CHECK(*seen.exact_match == doctest::Approx((right.colwise().sum() == 3.0).cast<double>().mean()));
    CHECK(*seen.exact_match < *seen.accuracy);
    bench.loss();
    CHECK(bench.step.result().correct / kSamples == doctest::Approx(*seen.accuracy));
  }
}

TEST_CASE("targets that are not all 0 or 1 are numbers: nothing is right or wrong") {
  Matrix<double> soft = random_labels(3);
  soft(1, 4) = 0.5;
  Bench bench(regression_of(random_points(4, 1), soft), three_layers(3), loss("bce"), {});
  CHECK(bench.criterion.targets.coding == TargetCoding::values);
  CHECK_FALSE(evaluate(bench.network, bench.dataset, bench.dataset.train, bench.criterion, bench.pool).accuracy);
  Bench squares(regression_of(random_points(4, 1), random_labels(3)), three_layers(3), loss("mse"), {});
  CHECK(squares.criterion.targets.coding == TargetCoding::values);
}

TEST_CASE("where an output changes from one class to the other") {
  const Dataset two = dataset_of(random_points(4, 1));
  const auto threshold = [&](const Choice& chosen, const char* output) {
    return plan_targets(chosen, activation(output), two, 1).threshold;
  };
  CHECK(threshold(loss("bce"), "identity") == 0.0);
  CHECK(threshold(loss("bce"), "tanh") == 0.0);
  CHECK(threshold(loss("bce"), "sigmoid") == 0.5);  // the loss takes it for a logit; it is a probability all the same
  CHECK(threshold(loss("bce", {{"from_logits", false}}), "sigmoid") == 0.5);
  CHECK(threshold(loss("mse"), "identity") == 0.5);
  CHECK(plan_targets(loss("mse"), activation("softmax"), two, 2).coding == TargetCoding::one_hot);
  CHECK(plan_targets(loss("cross_entropy"), activation("softmax"), two, 2).coding == TargetCoding::classes);
}
