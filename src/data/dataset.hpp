#pragma once
// A data set in memory: what the readers and generators make and the training loop draws batches from.

#include <Eigen/Core>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "nn/matrix.hpp"
#include "nn/shape.hpp"

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

enum class Fill;

/// What became of the columns of a table.
struct TableFacts {
  struct LeftOut {
    std::string column;
    std::string why;
  };
  /// A column that is several features, or a number in place of a word.
  struct Encoded {
    std::string column;
    std::string how;  ///< one_hot, ordinal
    std::size_t values = 0;
  };
  /// A feature with gaps, and the statistic of the training part that they were filled with.
  struct Filled {
    std::string feature;
    Fill how{};
    std::uint64_t train = 0;  ///< gaps in each part
    std::uint64_t test = 0;
    double value = 0.0;
  };
  std::vector<std::string> labels;  ///< the label columns
  std::vector<LeftOut> left_out;
  std::vector<Encoded> encoded;
  std::vector<Filled> filled;
  std::uint64_t rows_left_out = 0;  ///< for what they lack
  std::uint64_t comments = 0;       ///< lines among the rows that were left out as comments
  std::uint64_t unseen = 0;         ///< cells of the test file with a category that the training file does not have
  std::string row_number;           ///< a feature that looks like one; empty: there is none
  std::string row_number_setting;   ///< what leaves it out: "data.drop=…"
};

struct Dataset {
  Task task = Task::classification;
  Samples train;
  Samples test;                            ///< may hold no samples
  std::vector<std::string> class_names;    ///< classification: index → label as the file has it
  std::vector<std::string> feature_names;  ///< as the file has them; empty where it has none
  std::vector<std::uint64_t> missing;  ///< of each feature: cells of the training part that were filled; empty: none
  TableFacts table;                    ///< of a table
  Eigen::VectorXd shift;               ///< normalisation x' = (x − shift) · scale, one number a feature,
  Eigen::VectorXd scale;               ///< from the training part alone
  Eigen::VectorXd target_shift;        ///< regression: training sees t' = (t − shift) · scale, one number an
  Eigen::VectorXd target_scale;        ///< output, from the training part; empty: t. `targets` hold t

  std::optional<Shape> image;  ///< of a sample that has positions, channel by channel; empty: a vector

  [[nodiscard]] Index features() const { return train.features_count(); }
  [[nodiscard]] Shape shape() const { return image.value_or(Shape(features())); }
  /// Its name, or "feature 3" where it has none.
  [[nodiscard]] std::string feature_name(Index feature) const;
  /// Regression: number of target values a sample; classification: number of classes; reconstruction: of features.
  [[nodiscard]] Index outputs() const;
  /// CRC-32 (zlib's) over the raw features and targets of both parts, training part first.
  [[nodiscard]] std::uint32_t checksum() const;
};

/// Whether the targets of a regression are classes in disguise: each training sample has one 1, and else 0.
bool is_one_hot(const Dataset& dataset);

/// Writes the normalised features of `samples` (indices into `part`), in that order, as the columns of `out`
/// (features × samples.size()). T is float or double; computed in T, for double features in double. Allocates nothing.
template <class T>
void gather(const Dataset& dataset, const Samples& part, std::span<const Index> samples, View<T> out);

}  // namespace reluscope
