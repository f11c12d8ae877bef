#pragma once
// What the synthetic data sets share: their random streams, common parameters, and the making of a table entry.

#include <cstdint>
#include <string>
#include <vector>

#include "data/sources.hpp"
#include "util/random.hpp"

namespace reluscope {

/// What a generator's stream is for; streams never overlap. Append only: a number that changes changes the data.
enum class Stream : std::uint64_t {
  points = 0,         ///< the samples' features
  noise = 1,          ///< what is added to features or targets
  sample_order = 2,   ///< the shuffle of the samples
  structure = 3,      ///< what all samples share: centres, mixing matrices, teachers
  feature_order = 4,  ///< the shuffle of the features
  labels = 5,         ///< labels flipped at random
};

inline Rng stream(const SourceContext& context, Stream use) {
  return Rng(context.seed, Purpose::generator, static_cast<std::uint64_t>(use));
}

inline constexpr double kMostFeatures = 1e7;

/// n_samples and n_features with the bounds that every generator has.
Param samples_param(std::int64_t fallback);
Param features_param(std::int64_t fallback);
/// Standard deviation of Gaussian noise on `what`.
Param noise_param(const std::string& what);

/// A random order: entry k is the place of the k-th thing made.
std::vector<Index> random_order(const SourceContext& context, Stream use, Index count);

/// `part` of `parts` equal shares of `count`; the first ones get what is left over.
Index share_of(Index count, Index parts, Index part);

/// features × n_samples of zeros and as many labels, class names "0", "1", …
RawData empty_classification(Index features, Index samples, std::int64_t classes);
/// features × n_samples and outputs × n_samples of zeros.
RawData empty_regression(Index features, Index samples, Index outputs);
/// The features, which generators keep in double.
Matrix<double>& features_of(RawData& data);

void add_feature_noise(RawData& data, const ParamValues& params, const SourceContext& context);
void add_target_noise(RawData& data, const ParamValues& params, const SourceContext& context);

/// out += matrix · vector, summed column by column: in one order on every machine.
void add_product(const Matrix<double>& matrix, const Eigen::Ref<const Eigen::VectorXd>& vector,
                 Eigen::Ref<Eigen::VectorXd> out);

/// Throws DataError "data of kind NAME: message".
[[noreturn]] void fail_generator(const std::string& name, const std::string& message);
/// Throws DataError that names both parameters unless low ≤ high; the values are taken from `params`.
void require_ordered(const ParamValues& params, const std::string& name, const char* low, const char* high);

/// The bytes of the samples and of what has a row per hidden unit, centre or class: one double per feature and target.
std::uint64_t estimate_generated(const ParamValues& params, const SourceContext& context);

SourceEntry generator(std::string name, std::vector<Param> params, std::string doc,
                      RawData (*load)(const ParamValues&, const SourceContext&),
                      std::uint64_t (*estimate)(const ParamValues&, const SourceContext&) = estimate_generated);

}  // namespace reluscope
