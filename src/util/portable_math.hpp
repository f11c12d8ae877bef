#pragma once
// exp and log with the same bits on every CPU: libm's depend on the one that it runs on. For single numbers; whole
// blocks are nn/block.hpp's.

namespace reluscope {

double portable_exp(double x);
double portable_log(double x);

}  // namespace reluscope
