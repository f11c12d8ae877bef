#include "cases.hpp"

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "config/load.hpp"
#include "util/random.hpp"

namespace reluscope::bench {

namespace {

constexpr Index kImages = 60000;

/// Ten templates with four fifths of zeros, and noise on them: as sparse as MNIST.
Dataset stand_in_for_mnist(Index count = kImages) {
  Dataset data;
  Rng rng(0, Purpose::generator);
  Matrix<float> templates(784, 10);
  for (Index at = 0; at < templates.size(); ++at)
    templates.data()[at] = rng.uniform() < 0.2 ? static_cast<float>(rng.uniform(64, 255)) : 0.0F;
  Matrix<std::uint8_t> images(784, count);
  for (Index sample = 0; sample < count; ++sample) {
    const auto label = static_cast<std::int32_t>(rng.below(10));
    data.train.labels.push_back(label);
    for (Index pixel = 0; pixel < 784; pixel += 8) {
      std::uint64_t noise = rng.bits();
      for (Index at = pixel; at < pixel + 8; ++at, noise >>= 8)
        images(at, sample) = static_cast<std::uint8_t>(templates(at, label) * static_cast<float>(noise & 255) / 256.0F);
    }
  }
  data.train.features = std::move(images);
  data.train.prefer_huge_pages();
  for (int label = 0; label < 10; ++label) data.class_names.push_back(std::to_string(label));
  data.shift = Eigen::VectorXd::Zero(784);
  data.scale = Eigen::VectorXd::Constant(784, 1.0 / 255.0);
  return data;
}

Dataset sum_of_magnitudes(Index features, Index count) {
  Dataset data;
  data.task = Task::regression;
  Rng rng(0, Purpose::generator);
  Matrix<float> points(features, count);
  for (Index at = 0; at < points.size(); ++at) points.data()[at] = static_cast<float>(rng.uniform(-1, 1));
  data.train.targets = points.cwiseAbs().colwise().sum().cast<double>();
  data.train.features = std::move(points);
  data.shift = Eigen::VectorXd::Zero(features);
  data.scale = Eigen::VectorXd::Ones(features);
  return data;
}

/// Whether the images are where a config of MNIST looks for them; other data are as their config says.
bool has_files(const DataSpec& spec) {
  return spec.source.name != "idx" || std::filesystem::exists(spec.base_directory / spec.source.params.text("images"));
}

}  // namespace

std::string net_text(const Options& options) {
  if (!options.config.empty()) return std::filesystem::path(options.config).stem();
  std::string text;
  for (const Index width : options.net) text += (text.empty() ? "" : ",") + std::to_string(width);
  return text;
}

ExperimentSpec make_experiment(const Options& options, std::int64_t steps, std::int64_t record_every) {
  using Json = nlohmann::ordered_json;
  if (!options.config.empty()) {
    std::vector<std::string> overrides = options.overrides;
    overrides.push_back("train.steps=" + std::to_string(steps));
    overrides.push_back("train.batch_size=" + std::to_string(options.batch));
    overrides.push_back("record.every=" + std::to_string(record_every));
    overrides.push_back("record.census=off");
    if (!options.data.empty())
      overrides.push_back("data.directory=" + std::filesystem::absolute(options.data).string());
    return load_experiment(options.config, overrides);
  }
  const bool images = options.net.front() == 784;
  Json config;
  config["name"] = "bench";
  if (!images) {
    config["data"] = {{"kind", "abs"}, {"n_features", options.net.front()}};
  } else if (options.data.empty()) {
    config["data"] = {{"kind", "blobs"}};  // not loaded: make_data() has the stand-in
  } else {
    config["data"] = {{"kind", "idx"},
                      {"directory", options.data},
                      {"images", "train-images-idx3-ubyte.gz"},
                      {"labels", "train-labels-idx1-ubyte.gz"},
                      {"test_fraction", 0},
                      {"normalize", "unit"}};
  }
  for (std::size_t layer = 1; layer < options.net.size(); ++layer) {
    Json row = {{"units", options.net[layer]}, {"init", {{"weights", "he_normal"}}}};
    if (layer + 1 < options.net.size()) row["activation"] = options.activation;
    config["network"]["layers"].push_back(row);
  }
  config["loss"] = images ? "cross_entropy" : "mse";
  config["train"] = {{"steps", steps},
                     {"batch_size", options.batch},
                     {"optimizer", {{"name", "sgd"}, {"lr", 0.01}, {"momentum", 0.9}}}};
  config["record"] = {{"every", record_every}, {"census", "off"}};
  return parse_experiment(config.dump(), "bench", ".");
}

Dataset make_data(const Options& options) {
  if (!options.config.empty()) {
    const DataSpec spec = make_experiment(options, 1, 1).data;
    if (has_files(spec)) return load_dataset(spec, 0);
    Dataset data = stand_in_for_mnist(static_cast<Index>(spec.limit.value_or(kImages)));
    data.image = Shape(1, 28, 28);
    return data;
  }
  if (options.net.front() != 784) return sum_of_magnitudes(options.net.front(), options.points);
  if (options.data.empty()) return stand_in_for_mnist();
  return load_dataset(make_experiment(options, 1, 1).data, 0);
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

}  // namespace reluscope::bench
