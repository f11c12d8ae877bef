#include <algorithm>
#include <numeric>
#include <utility>
#include <vector>

#include "data/generator_support.hpp"
#include "data/generators.hpp"
#include "data/input_file.hpp"
#include "data/targets.hpp"
#include "util/memory.hpp"
#include "util/portable_math.hpp"

namespace reluscope {
namespace {

constexpr std::int64_t kMostLabels = 1000;
constexpr double kLongest = 1e5;
/// Below it most draws have no label, and to draw until one has takes for ever.
constexpr double kFewestLabels = 0.01;

/// Knuth's product of uniform numbers (The Art of Computer Programming, volume 2, section 3.4.1), a piece of the mean
/// at a time: Poisson numbers add up.
Index draw_poisson(Rng& rng, double mean) {
  constexpr double kPiece = 16.0;
  Index count = 0;
  for (double left = mean; left > 0.0; left -= kPiece) {
    const double limit = portable_exp(-std::min(left, kPiece));
    for (double product = rng.uniform(); product > limit; product *= rng.uniform()) ++count;
  }
  return count;
}

/// Sums of the weights up to each place, divided by the sum of all.
std::vector<double> cumulated(const std::vector<double>& weights) {
  std::vector<double> sums(weights.size());
  std::partial_sum(weights.begin(), weights.end(), sums.begin());
  const double all = sums.back();
  for (double& sum : sums) sum /= all;
  return sums;
}

/// Each place with the share that it has in `sums`.
std::size_t draw_place(Rng& rng, const std::vector<double>& sums) {
  const auto found = std::upper_bound(sums.begin(), sums.end(), rng.uniform());
  return std::min(static_cast<std::size_t>(found - sums.begin()), sums.size() - 1);
}

/// So many different places, one after the other with the shares of their weights among those that are left: the
/// smallest of the arrival times −log(u)/w (Efraimidis & Spirakis 2006).
std::vector<Index> draw_some(Rng& rng, const std::vector<double>& weights, Index count) {
  std::vector<std::pair<double, Index>> arrivals;
  for (std::size_t place = 0; place < weights.size(); ++place)
    arrivals.emplace_back(-portable_log(1.0 - rng.uniform()) / weights[place], static_cast<Index>(place));
  std::sort(arrivals.begin(), arrivals.end());
  std::vector<Index> chosen;
  for (Index at = 0; at < count; ++at) chosen.push_back(arrivals[static_cast<std::size_t>(at)].second);
  return chosen;
}

/// Documents: each has a few topics, the labels, and is a bag of words, each of them drawn from what its topics use.
RawData load_multilabel(const ParamValues& params, const SourceContext& context) {
  const Index words = params.integer("n_features");
  const Index topics = params.integer("n_classes");
  const bool may_be_empty = params.flag("allow_unlabeled");
  const double mean_labels = params.number("n_labels");
  if (mean_labels > static_cast<double>(topics))
    fail_generator("multilabel",
                   "n_labels = " + number_text(mean_labels) + " is more than n_classes = " + std::to_string(topics));
  if (!may_be_empty && mean_labels < kFewestLabels)
    fail_generator("multilabel", "n_labels = " + number_text(mean_labels) + " is below " + number_text(kFewestLabels) +
                                     ", too few for allow_unlabeled = false");

  Rng structure = stream(context, Stream::structure);
  std::vector<double> frequency(static_cast<std::size_t>(topics));
  for (double& one : frequency) one = structure.uniform();
  Matrix<double> use(words, topics);  // of each word in a topic
  for (double& one : use.reshaped()) one = structure.uniform();
  for (Index topic = 0; topic < topics; ++topic) use.col(topic) /= use.col(topic).sum();

  RawData data = empty_regression(words, params.integer("n_samples"), topics);
  Matrix<double>& features = features_of(data);
  Rng labels = stream(context, Stream::labels);
  Rng points = stream(context, Stream::points);
  std::vector<double> mixture(static_cast<std::size_t>(words));
  for (Index sample = 0; sample < features.cols(); ++sample) {
    Index wanted = topics + 1;
    while (wanted > topics || (wanted == 0 && !may_be_empty)) wanted = draw_poisson(labels, mean_labels);
    auto target = data.train.targets.col(sample);
    for (const Index topic : draw_some(labels, frequency, wanted)) target[topic] = 1.0;
    Index length = 0;
    while (length == 0) length = draw_poisson(points, params.number("length"));
    Eigen::VectorXd shares = Eigen::VectorXd::Ones(words);  // of a document without topics
    if (wanted > 0) {
      shares.setZero();
      add_product(use, target, shares);
    }
    std::copy(shares.begin(), shares.end(), mixture.begin());
    const std::vector<double> word_sums = cumulated(mixture);
    for (Index word = 0; word < length; ++word)
      features(static_cast<Index>(draw_place(points, word_sums)), sample) += 1.0;
  }
  return data;
}

/// Beside the samples, what each topic uses.
std::uint64_t estimate_multilabel(const ParamValues& params, const SourceContext& /*context*/) {
  const auto value = [&](const char* name) { return static_cast<std::uint64_t>(params.integer(name)); };
  const std::uint64_t columns = saturating_sum(value("n_features"), saturating_sum(value("n_classes"), 1));
  const std::uint64_t numbers = saturating_sum(saturating_product(value("n_samples"), columns),
                                               saturating_product(value("n_features"), value("n_classes") + 3));
  return saturating_product(numbers, sizeof(double));
}

}  // namespace

std::vector<SourceEntry> label_generators() {
  return {generator(
      "multilabel",
      {samples_param(100), features_param(20),
       integer("n_classes", 5, "labels, each 0 or 1").at_least(1).at_most(kMostLabels),
       number("n_labels", 2.0, "labels that a sample has: the mean of a Poisson number, drawn again above n_classes")
           .at_least(0)
           .at_most(static_cast<double>(kMostLabels)),
       number("length", 50.0, "words a sample has: the mean of a Poisson number").above(0).at_most(kLongest),
       boolean("allow_unlabeled", true, "whether a sample may have no label at all")},
      "word counts of documents that have several topics (scikit-learn, "
      "make_multilabel_classification)",
      load_multilabel, estimate_multilabel)};
}

}  // namespace reluscope
