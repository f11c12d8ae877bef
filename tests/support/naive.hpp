#pragma once
// Oracles that are slow and plain on purpose.

#include <cmath>
#include <functional>
#include <vector>

#include "data/dataset.hpp"
#include "nn/network.hpp"

namespace reluscope::test {

inline double relu(double z) { return z > 0 ? z : 0; }

/// Pre-activations of each unit layer for all columns of `input`, by the definition z = W h + b with loops; `phi` is
/// applied between layers, and the last layer's output is not activated.
template <class T>
std::vector<Matrix<double>> naive_preactivations(Network<T>& network, const Matrix<double>& input,
                                                 const std::function<double(double)>& phi) {
  std::vector<Matrix<double>> all;
  Matrix<double> h = input;
  for (const std::size_t layer : network.sites()) {
    const Matrix<double> w = network.node(layer).affine()->weights().template cast<double>();
    Matrix<double> z(w.rows(), h.cols());
    for (Index unit = 0; unit < w.rows(); ++unit)
      for (Index sample = 0; sample < h.cols(); ++sample) {
        auto sum = static_cast<double>(network.node(layer).affine()->bias_of(unit));
        for (Index input_at = 0; input_at < w.cols(); ++input_at) sum += w(unit, input_at) * h(input_at, sample);
        z(unit, sample) = sum;
      }
    all.push_back(z);
    h = z.unaryExpr(phi);
  }
  return all;
}

/// A data set of given points, classes 0 and 1 in turn, nothing normalised, no test part.
inline Dataset dataset_of(const Matrix<double>& points) {
  Dataset dataset;
  dataset.train.features = points;
  for (Index sample = 0; sample < points.cols(); ++sample)
    dataset.train.labels.push_back(static_cast<std::int32_t>(sample % 2));
  dataset.test.features = Matrix<double>(points.rows(), 0);
  dataset.class_names = {"0", "1"};
  dataset.shift = Vector<double>::Zero(points.rows());
  dataset.scale = Vector<double>::Ones(points.rows());
  return dataset;
}

/// The same with one real target per sample.
inline Dataset regression_of(const Matrix<double>& points, const Matrix<double>& targets) {
  Dataset dataset = dataset_of(points);
  dataset.task = Task::regression;
  dataset.train.labels.clear();
  dataset.train.targets = targets;
  dataset.test.targets = Matrix<double>(targets.rows(), 0);
  dataset.class_names.clear();
  return dataset;
}

}  // namespace reluscope::test
