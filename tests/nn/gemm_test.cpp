// Every product back end, and the kernel for small products, against products by loops.
#include "nn/gemm.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <set>
#include <string>
#include <vector>

#include "nn/gemm_small.hpp"
#include "util/random.hpp"

using namespace reluscope;

namespace {

template <class T>
Matrix<T> random_matrix(Index rows, Index columns, std::uint64_t seed) {
  Rng rng(seed, Purpose::generator);
  Matrix<T> matrix(rows, columns);
  for (T& value : matrix.reshaped()) value = static_cast<T>(rng.normal());
  return matrix;
}

/// Σ over the inner index in double, and Σ |a·b| for the error bound.
template <class A, class B>
std::pair<double, double> naive(Transposed transposed, const A& a, const B& b, Index row, Index column) {
  const Index inner = transposed == Transposed::left ? a.rows() : a.cols();
  double sum = 0.0;
  double size = 0.0;
  for (Index k = 0; k < inner; ++k) {
    const double left = transposed == Transposed::left ? a(k, row) : a(row, k);
    const double right = transposed == Transposed::right ? b(column, k) : b(k, column);
    sum += left * right;
    size += std::abs(left * right);
  }
  return {sum, size};
}

/// Checks a product on parts of larger matrices, so that leading dimensions differ from row counts.
template <class T, class Product>
void check(Product product, Index rows, Index columns, Index inner) {
  for (const Transposed transposed : {Transposed::none, Transposed::left, Transposed::right}) {
    const bool left = transposed == Transposed::left;
    const bool right = transposed == Transposed::right;
    const Matrix<T> big_a = random_matrix<T>((left ? inner : rows) + 3, (left ? rows : inner) + 2, 1);
    const Matrix<T> big_b = random_matrix<T>((right ? columns : inner) + 1, (right ? inner : columns) + 4, 2);
    Matrix<T> big_c = Matrix<T>::Constant(rows + 5, columns + 2, T(7));
    const auto a = big_a.block(2, 1, left ? inner : rows, left ? rows : inner);
    const auto b = big_b.block(1, 3, right ? columns : inner, right ? inner : columns);
    const T scale = T(0.5);
    product(transposed, scale, a, b, big_c.block(4, 1, rows, columns));
    CAPTURE(rows);
    CAPTURE(columns);
    CAPTURE(inner);
    CAPTURE(static_cast<int>(transposed));
    bool all_close = true;
    for (Index column = 0; column < columns; ++column)
      for (Index row = 0; row < rows; ++row) {
        const auto [sum, size] = naive(transposed, a, b, row, column);
        const double bound = 4.0 * static_cast<double>(Eigen::NumTraits<T>::epsilon()) * (size + 1.0);
        all_close = all_close && std::abs(0.5 * sum - static_cast<double>(big_c(4 + row, 1 + column))) <= bound;
      }
    CHECK(all_close);
    // Nothing beside the result is touched.
    big_c.block(4, 1, rows, columns).setConstant(T(7));
    CHECK((big_c.array() == T(7)).all());
  }
}

template <class T, class Product>
void check_shapes(Product product) {
  for (const Index rows : {1, 2, 15, 16, 17, 40})
    for (const Index columns : {1, 3, 4, 8, 13, 33})
      for (const Index inner : {1, 2, 16, 31, 64}) check<T>(product, rows, columns, inner);
}

}  // namespace

TEST_CASE("every back end agrees with a product by loops, in each precision it has") {
  std::set<std::string> names;
  for (const GemmBackend& backend : gemm_backends()) {
    names.insert(backend.name);
    CHECK_FALSE(backend.version.empty());
    check_shapes<float>(backend.product_float);
    check<float>(backend.product_float, 256, 64, 784);
    if (backend.product_double == nullptr) continue;
    check_shapes<double>(backend.product_double);
    check<double>(backend.product_double, 130, 64, 200);
  }
  CHECK(names.count("eigen") == 1);
}

TEST_CASE("the kernel for small products agrees with a product by loops") {
  check_shapes<float>(small_product<float>);
  check_shapes<double>(small_product<double>);
}

TEST_CASE("the front serves small and large products in both precisions") {
  for (const Index size : {3, 48, 150}) {
    check<float>(gemm<float>, size, size, size);
    check<double>(gemm<double>, size, size, size);
  }
  CHECK(is_small_product(16, 32, 16));
  CHECK_FALSE(is_small_product(150, 150, 150));
}

TEST_CASE("a column of a small product does not depend on the columns beside it") {
  const Matrix<float> a = random_matrix<float>(19, 23, 3);
  const Matrix<float> b = random_matrix<float>(23, 21, 4);
  Matrix<float> all(19, 21);
  small_product<float>(Transposed::none, 1.0F, a, b, all);
  for (Index column = 0; column < b.cols(); ++column) {
    Matrix<float> one(19, 1);
    small_product<float>(Transposed::none, 1.0F, a, b.col(column), one);
    CHECK((one.array() == all.col(column).array()).all());
  }
}

namespace {

/// Whole groups of columns, in any order and number, give the columns that a whole shard of them gives.
template <class T, class Product>
void check_columns(Product product, Index rows, Index inner) {
  constexpr Index kColumns = 64;
  const Matrix<T> a = random_matrix<T>(rows, inner, 5);
  const Matrix<T> b = random_matrix<T>(inner, kColumns, 6);
  Matrix<T> whole(rows, kColumns);
  product(Transposed::none, T(1), a, b, whole);
  CAPTURE(rows);
  CAPTURE(inner);
  for (Index columns = kColumnGroup; columns <= kColumns; columns += kColumnGroup)
    for (const Index shift : {0, 1, 7, 30}) {
      Matrix<T> some(inner, columns);
      for (Index column = 0; column < columns; ++column) some.col(column) = b.col((column + shift) % kColumns);
      Matrix<T> result(rows, columns);
      product(Transposed::none, T(1), a, some, result);
      bool same = true;
      for (Index column = 0; column < columns; ++column)
        same = same && (result.col(column).array() == whole.col((column + shift) % kColumns).array()).all();
      CAPTURE(columns);
      CAPTURE(shift);
      CHECK(same);
    }
}

}  // namespace

TEST_CASE("columns of a forward product do not depend on each other, in whole groups: the census rests on it") {
  const std::vector<std::pair<Index, Index>> shapes = {{1, 1},    {1, 300},   {3, 700},   {5, 40},    {10, 256},
                                                       {33, 500}, {64, 64},   {96, 97},   {100, 100}, {128, 96},
                                                       {7, 5000}, {256, 784}, {300, 300}, {512, 512}};
  for (const auto& [rows, inner] : shapes) {
    check_columns<float>(gemm<float>, rows, inner);
    check_columns<double>(gemm<double>, rows, inner);
    for (const GemmBackend& backend : gemm_backends()) {
      // Shapes that would be left to the small kernel never reach a back end.
      if (is_small_product(rows, 64, inner)) continue;
      check_columns<float>(backend.product_float, rows, inner);
      if (backend.product_double != nullptr) check_columns<double>(backend.product_double, rows, inner);
    }
  }
}
