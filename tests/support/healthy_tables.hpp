#pragma once
// The tables of a run in which nothing is wrong, to be made sick in one place.

#include <cmath>
#include <cstdint>
#include <string>

#include "diagnose/diagnosis.hpp"

namespace reluscope::test {

/// Two hidden layers of relu and an output, 1000 units each; a recorded row at every step, three censuses. Every column
/// that a rule reads has a value, and no two columns have the same one.
struct HealthyTables : RunTables {
  static constexpr std::int64_t kUnits = 1000;
  static constexpr std::int64_t kLayers = 3;

  explicit HealthyTables(std::int64_t rows = 100) {
    steps.present = layers.present = census.present = units.present = true;
    loss = LossFacts{"cross_entropy", true};
    train = PartFacts{0.05, 2.3, 2.25, 0.01};
    features.present = true;
    for (std::int64_t feature = 0; feature < 3; ++feature) {
      FeatureRecord row;
      row.feature = feature;
      row.source = "x" + std::to_string(feature);
      row.mean = 0.004;
      row.std = 1.005;
      row.min = -2.5;
      row.max = 2.7;
      row.distinct = FeatureRecord::kMostDistinct;
      features.rows.push_back(row);
    }
    test = PartFacts{0.15, 2.31, 2.16, 0.02};
    for (std::int64_t step = 0; step < rows; ++step) {
      const std::int64_t epoch = 4 * step / rows;
      StepRecord row;
      row.step = step;
      row.epoch = epoch;
      row.loss = 2.0 * std::exp(-0.1 * static_cast<double>(step)) + 0.05;
      row.accuracy = 0.95;
      row.grad_norm = 1.0;
      row.grad_noise = 200.0;
      row.grad_trace = 200.0;
      row.grad_signal = 1.0;
      row.lr = 0.01;
      row.param_norm = 12.0;
      row.update_ratio = 2e-3;
      steps.rows.push_back(row);
      for (std::int64_t layer = 1; layer <= kLayers; ++layer) layers.rows.push_back(layer_row(step, epoch, layer));
    }
    for (const std::int64_t step : {std::int64_t{0}, rows / 2, rows})
      for (std::int64_t layer = 1; layer <= kLayers; ++layer) {
        CensusRecord row;
        row.step = step;
        row.epoch = 4 * step / rows;
        row.layer = layer;
        row.name = name_of(layer);
        row.units = kUnits;
        row.saturated = row.dormant = 0;
        row.effective_rank = 40.0;
        census.rows.push_back(row);
      }
  }

  [[nodiscard]] LayerRecord& row(std::int64_t step, std::int64_t layer) {
    return layers.rows[static_cast<std::size_t>(step * kLayers + layer - 1)];
  }
  [[nodiscard]] CensusRecord& census_row(std::int64_t at, std::int64_t layer) {
    return census.rows[static_cast<std::size_t>(at * kLayers + layer - 1)];
  }
  [[nodiscard]] std::int64_t recorded() const { return static_cast<std::int64_t>(steps.rows.size()); }

  /// Changes the layer's recorded rows in [from, to); all of them where no end is given.
  template <class Change>
  void each_row(std::int64_t layer, Change change, std::int64_t from = 0, std::int64_t to = -1) {
    for (std::int64_t step = from; step < (to < 0 ? recorded() : to); ++step) change(row(step, layer));
  }
  template <class Change>
  void each_step(Change change, std::int64_t from = 0, std::int64_t to = -1) {
    for (std::int64_t step = from; step < (to < 0 ? recorded() : to); ++step)
      change(steps.rows[static_cast<std::size_t>(step)]);
  }
  template <class Change>
  void each_census(std::int64_t layer, Change change) {
    for (std::int64_t at = 0; at < 3; ++at) change(census_row(at, layer));
  }
  /// What theory says of one layer.
  TheoryRecord& add_theory(std::int64_t layer) {
    theory.present = true;
    TheoryRecord record;
    record.layer = layer;
    record.name = name_of(layer);
    theory.rows.push_back(record);
    return theory.rows.back();
  }

 private:
  static std::string name_of(std::int64_t layer) { return "dense" + std::to_string(layer); }

  static LayerRecord layer_row(std::int64_t step, std::int64_t epoch, std::int64_t layer) {
    const bool output = layer == kLayers;
    LayerRecord row;
    row.step = step;
    row.epoch = epoch;
    row.layer = layer;
    row.name = name_of(layer);
    row.activation = output ? "identity" : "relu";
    row.units = kUnits;
    row.batch_dead = 3;
    row.batch_dead_fraction = 0.003;
    row.zero_fraction = output ? 0.0 : 0.5;
    row.z_mean = 0.0;
    row.z_std = 1.0;
    row.z_max = 4.0;
    row.a_mean = 0.4;
    row.a_rms = 1.0;
    row.a_max = 3.5;
    row.grad_norm_w = 0.25;
    row.grad_norm_b = 0.02;
    row.grad_max = 0.125;
    row.grad_mean = 1e-3;
    row.grad_zero_fraction = 0.1;
    row.delta_rms = 1.0;
    row.weight_norm = 11.0;
    row.update_ratio = 1.5e-3;
    row.dead_min = row.dead_max = 0;
    row.batch_rare = 5;
    row.batch_faint = 6;
    row.tiny_fraction = 0.3;
    row.nonpositive_fraction = 0.45;
    return row;
  }
};

}  // namespace reluscope::test
