#pragma once
// The one matrix layout of the project: column-major, features × batch, so that a sample is a contiguous column.

#include <Eigen/Core>

namespace reluscope {

using Index = Eigen::Index;

template <class T>
using Matrix = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::ColMajor>;

template <class T>
using Vector = Eigen::Matrix<T, Eigen::Dynamic, 1>;

/// Some columns of somebody's matrix, or some rows of them. The stride is spelled out: clang mangles Eigen's default,
/// in the signature of a function template, by whether the file met Ref<Matrix> or Ref<const Matrix> first, so that one
/// file does not find what another one defines.
template <class T>
using View = Eigen::Ref<Matrix<T>, 0, Eigen::OuterStride<>>;
template <class T>
using ConstView = Eigen::Ref<const Matrix<T>, 0, Eigen::OuterStride<>>;

}  // namespace reluscope
