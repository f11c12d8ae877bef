#include "util/portable_math.hpp"

#include <Eigen/Core>

namespace reluscope {

namespace {
using Lanes = Eigen::Array<double, 8, 1>;
}  // namespace

// The whole array is evaluated: of an expression, Eigen computes a single coefficient by libm.
double portable_exp(double x) {
  const Lanes result = Lanes::Constant(x).exp();
  return result[0];
}

double portable_log(double x) {
  const Lanes result = Lanes::Constant(x).log();
  return result[0];
}

}  // namespace reluscope
