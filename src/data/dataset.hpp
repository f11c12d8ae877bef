#pragma once
// A data set in memory: what the readers and generators make and the training loop draws batches from.

#include <Eigen/Core>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "nn/matrix.hpp"

namespace reluscope {

/// What the targets are: a class index per sample, real numbers, or the sample's own features as the network gets them.
enum class Task { classification, regression, reconstruction };
std::string_view task_name(Task task);

/// One part of a data set. Features stay in the type they came in (u8 images stay u8) and are converted and
/// normalised while a batch is gathered.
struct Samples {
  std::variant<Matrix<std::uint8_t>, Matrix<float>, Matrix<double>> features;  ///< features × samples
  std::vector<std::int32_t> labels;  ///< classification: class index of each sample; else empty
  Eigen::MatrixXd targets;           ///< regression: outputs × samples; else 0 × 0

  [[nodiscard]] Index count() const;           ///< number of samples
  [[nodiscard]] Index features_count() const;  ///< number of features

  /// Asks the system to keep the features in huge pages: shuffled batches touch memory all over, and translating
  /// addresses is a third of the time that gathering takes. Does nothing where the system cannot.
  void prefer_huge_pages();
};

struct Dataset {
  Task task = Task::classification;
  Samples train;
  Samples test;                            ///< may hold no samples
  std::vector<std::string> class_names;    ///< classification: index → label as the file has it
  std::vector<std::string> feature_names;  ///< as the file has them; empty where it has none
  Eigen::VectorXd shift;                   ///< normalisation x' = (x − shift) · scale, one number a feature,
  Eigen::VectorXd scale;                   ///< from the training part alone
  Eigen::VectorXd target_shift;            ///< regression: training sees t' = (t − shift) · scale, one number an
  Eigen::VectorXd target_scale;            ///< output, from the training part; empty: t. `targets` hold t

  [[nodiscard]] Index features() const { return train.features_count(); }
  /// Regression: number of target values a sample; classification: number of classes; reconstruction: of features.
  [[nodiscard]] Index outputs() const;
  /// CRC-32 (zlib's) over the raw features and targets of both parts, training part first.
  [[nodiscard]] std::uint32_t checksum() const;
};

/// Writes the normalised features of `samples` (indices into `part`), in that order, as the columns of `out`
/// (features × samples.size()). T is float or double; computed in T, for double features in double. Allocates nothing.
template <class T>
void gather(const Dataset& dataset, const Samples& part, std::span<const Index> samples, Eigen::Ref<Matrix<T>> out);

}  // namespace reluscope
