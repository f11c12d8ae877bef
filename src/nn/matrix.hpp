#pragma once
// The one matrix layout of the project: column-major, features × batch, so that a sample is a contiguous column.

#include <Eigen/Core>

namespace reluscope {

using Index = Eigen::Index;

template <class T>
using Matrix = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::ColMajor>;

template <class T>
using Vector = Eigen::Matrix<T, Eigen::Dynamic, 1>;

}  // namespace reluscope
