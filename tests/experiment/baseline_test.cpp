// The best constant output, against the losses themselves: what they say of it, and of constants beside it.
#include "experiment/baseline.hpp"

#include <doctest/doctest.h>

#include <cmath>

#include "experiment/evaluation.hpp"
#include "support/naive.hpp"
#include "support/specs.hpp"
#include "util/random.hpp"

using namespace reluscope;
using namespace reluscope::test;

namespace {

constexpr Index kCount = 301;

Matrix<double> skewed(Index rows, std::uint64_t seed) {
  Matrix<double> values(rows, kCount);
  Rng rng(seed, Purpose::generator);
  for (double& value : values.reshaped()) value = std::exp(rng.normal()) - 0.5;
  return values;
}

/// A sample each of 0, 1, 2 …: classes of unequal shares.
Dataset classes_of(Index classes) {
  Dataset dataset = dataset_of(skewed(3, 1));
  dataset.class_names.clear();
  for (Index label = 0; label < classes; ++label) dataset.class_names.push_back(std::to_string(label));
  for (std::size_t at = 0; at < dataset.train.labels.size(); ++at)
    dataset.train.labels[at] = static_cast<std::int32_t>(at % 7 < 4 ? 0 : at % static_cast<std::size_t>(classes));
  return dataset;
}

Dataset reconstruction() {
  Dataset dataset = dataset_of(skewed(4, 3));
  dataset.task = Task::reconstruction;
  dataset.train.labels.clear();
  dataset.class_names.clear();
  dataset.shift.setConstant(0.1);
  dataset.scale.setConstant(0.5);
  return dataset;
}

Matrix<double> bits(Index rows) {
  return skewed(rows, 4).unaryExpr([](double value) { return value > 0.9 ? 1.0 : 0.0; });
}

struct Case {
  const char* name;
  Dataset dataset;
  Choice loss;
  Index outputs;
};

std::vector<Case> cases() {
  const Dataset values = regression_of(skewed(3, 1), skewed(2, 2));
  const Dataset several = regression_of(skewed(3, 1), bits(3));
  std::vector<Case> all = {
      {"classes", classes_of(4), loss("cross_entropy"), 4}, {"labels", several, loss("bce"), 3},
      {"one bit", classes_of(2), loss("bce"), 1},           {"one hot", classes_of(4), loss("mse"), 4},
      {"one hot", classes_of(4), loss("mae"), 4},           {"inputs", reconstruction(), loss("mse"), 4},
      {"inputs", reconstruction(), loss("mae"), 4}};
  for (const double delta : {0.05, 0.5, 1.0, 100.0})
    all.push_back({"values", values, loss("huber", {{"delta", delta}}), 2});
  for (const char* name : {"mse", "mae"}) all.push_back({"values", values, loss(name), 2});
  return all;
}

Criterion criterion_for(const Case& one) {
  return {*find_entry(loss_table(), one.loss.name),
          one.loss.params,
          plan_targets(one.loss, activation("identity"), one.dataset, one.outputs),
          {}};
}

/// The mean loss of a network that yields these outputs, whatever the sample.
double mean_loss_of(const Case& one, const Criterion& criterion, const std::vector<double>& outputs) {
  NetworkSpec spec;
  spec.layers = {dense("out", one.outputs, activation("identity"), weights("zeros"), biases("zeros"))};
  Network<double> network(spec, one.dataset.features(), 0);
  for (Index output = 0; output < one.outputs; ++output)
    network.node(0).parameter(ParameterRole::bias)->value(output, 0) = outputs[static_cast<std::size_t>(output)];
  ThreadPool pool(1);
  return evaluate(network, one.dataset, one.dataset.train, criterion, pool).loss;
}

/// From probabilities to logits where the loss wants those.
std::vector<double> as_outputs(const Case& one, std::vector<double> constants) {
  for (double& constant : constants) {
    if (one.loss.name == "bce") constant = std::log(constant / (1.0 - constant));
    if (one.loss.name == "cross_entropy") constant = std::log(constant);
  }
  return constants;
}

}  // namespace

TEST_CASE("the best constant costs what the loss says of it, and no constant beside it costs less") {
  for (const Case& one : cases()) {
    CAPTURE(one.name);
    CAPTURE(one.loss.name);
    const Criterion criterion = criterion_for(one);
    const ConstantBaseline baseline(criterion, one.dataset, one.dataset.train);
    REQUIRE(baseline.constants().size() == static_cast<std::size_t>(one.outputs));
    const std::vector<double> outputs = as_outputs(one, baseline.constants());
    const double best = mean_loss_of(one, criterion, outputs);
    NetworkSpec spec;
    spec.layers = {dense("out", one.outputs)};
    ThreadPool pool(2);
    const Evaluation seen =
        evaluate(Network<double>(spec, one.dataset.features(), 1), one.dataset, one.dataset.train, criterion, pool);
    CHECK(seen.constant_loss == doctest::Approx(best).epsilon(1e-12));
    CHECK(seen.gain == doctest::Approx(seen.constant_loss - seen.loss).epsilon(1e-9).scale(1e-9));
    for (std::size_t output = 0; output < outputs.size(); ++output)
      for (const double step : {-1e-2, -1e-4, 1e-4, 1e-2}) {
        std::vector<double> moved = outputs;
        moved[output] += step;
        CAPTURE(output);
        CAPTURE(step);
        CHECK(mean_loss_of(one, criterion, moved) >= best - 1e-13 * std::abs(best));
      }
  }
}

TEST_CASE("the gain's standard error is that of the paired differences, sample by sample") {
  const Dataset dataset = regression_of(skewed(3, 1), skewed(1, 2));
  const Case one{"values", dataset, loss("mse"), 1};
  const Criterion criterion = criterion_for(one);
  NetworkSpec spec;
  spec.layers = {dense("out", 1)};
  const Network<double> network(spec, 3, 5);
  ThreadPool pool(2);
  const Evaluation seen = evaluate(network, dataset, dataset.train, criterion, pool);
  const Matrix<double>& targets = dataset.train.targets;
  const Eigen::ArrayXd outputs =
      (network.node(0).affine()->weights() * std::get<Matrix<double>>(dataset.train.features))
          .row(0)
          .transpose()
          .array() +
      network.node(0).affine()->bias_of(0);
  const Eigen::ArrayXd target = targets.row(0).transpose().array();
  const Eigen::ArrayXd gains = (target - target.mean()).square() - (target - outputs).square();
  const double variance = (gains - gains.mean()).square().sum() / (kCount - 1.0);
  CHECK(seen.gain == doctest::Approx(gains.mean()).epsilon(1e-10));
  CHECK(seen.gain_error == doctest::Approx(std::sqrt(variance / kCount)).epsilon(1e-10));
}

TEST_CASE("a single class or label costs a constant nothing; one sample has no standard error") {
  Dataset dataset = classes_of(3);
  std::fill(dataset.train.labels.begin(), dataset.train.labels.end(), 1);
  NetworkSpec spec;
  spec.layers = {dense("out", 3)};
  ThreadPool pool(1);
  const Case ce{"classes", dataset, loss("cross_entropy"), 3};
  CHECK(evaluate(Network<double>(spec, 3, 1), dataset, dataset.train, criterion_for(ce), pool).constant_loss == 0.0);
  const Case bce{"labels", regression_of(skewed(3, 1), Matrix<double>::Ones(3, kCount)), loss("bce"), 3};
  CHECK(evaluate(Network<double>(spec, 3, 1), bce.dataset, bce.dataset.train, criterion_for(bce), pool).constant_loss ==
        0.0);
  const Case single{"values", regression_of(Matrix<double>::Ones(3, 1), Matrix<double>::Ones(3, 1)), loss("mse"), 3};
  const Evaluation seen =
      evaluate(Network<double>(spec, 3, 1), single.dataset, single.dataset.train, criterion_for(single), pool);
  CHECK(seen.constant_loss == 0.0);
  CHECK(std::isnan(seen.gain_error));
}
