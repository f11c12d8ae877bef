#include "report/learning_figures.hpp"

#include <algorithm>
#include <cmath>

#include "util/format.hpp"
#include "util/statistics.hpp"

namespace reluscope {

namespace {

/// A point of the smoothed line is the mean over so many of them, a fortieth of all.
constexpr std::size_t kSmoothParts = 40;
/// A loss that spans more than this is drawn on a logarithmic axis; one that grows by more is cut off.
constexpr double kDecades = 100.0;
constexpr double kDiverged = 1e6;

/// The mean over a window around each point, of what is finite.
std::vector<double> smoothed(const std::vector<double>& values, std::size_t window) {
  std::vector<double> means;
  for (std::size_t at = 0; at < values.size(); ++at) {
    const std::size_t first = at < window / 2 ? 0 : at - window / 2;
    const std::size_t end = std::min(values.size(), at + window / 2 + 1);
    double sum = 0.0;
    double count = 0.0;
    for (std::size_t other = first; other < end; ++other)
      if (std::isfinite(values[other])) {
        sum += values[other];
        count += 1.0;
      }
    means.push_back(count > 0.0 && std::isfinite(values[at]) ? sum / count : kNaN);
  }
  return means;
}

template <class Get>
void add_batches(const RunTables& tables, double scale, Get get, Figure& figure) {
  Series raw;
  raw.color = category_color(8);
  raw.name = "batches";
  for (const StepRecord& row : tables.steps.rows) {
    const std::optional<double> value = get(row);
    if (!value || !is_measured(row, &StepRecord::step)) continue;
    raw.x.push_back(static_cast<double>(row.step));
    raw.y.push_back(scale * *value);
  }
  if (raw.x.size() < 2) return;
  if (const std::size_t window = raw.x.size() / kSmoothParts; window > 1) {
    Series smooth = raw;
    smooth.name = "batches, smoothed";
    smooth.y = smoothed(raw.y, window);
    raw.faint = true;
    raw.name.clear();  // what lies behind needs no entry of its own
    figure.chart.series.push_back(std::move(raw));
    figure.chart.series.push_back(std::move(smooth));
    return;
  }
  figure.chart.series.push_back(std::move(raw));
}

template <class Get>
void add_evaluations(const RunTables& tables, double scale, const std::string& name, std::size_t color, Get get,
                     Figure& figure) {
  Series series;
  series.name = name;
  series.color = category_color(color);
  series.points = tables.evaluation.rows.size() <= 60;
  for (const EvaluationRecord& row : tables.evaluation.rows) {
    const std::optional<double> value = get(row);
    if (!value || !is_measured(row, &EvaluationRecord::step)) continue;
    series.x.push_back(static_cast<double>(row.step));
    series.y.push_back(scale * *value);
  }
  if (!series.x.empty()) figure.chart.series.push_back(std::move(series));
}

/// A logarithmic axis where the losses span decades; what a run that diverged ends with is beyond it.
void scale_loss(Figure& figure) {
  double least = std::numeric_limits<double>::infinity();
  double greatest = 0.0;
  double first = kNaN;
  bool positive = true;
  for (const Series& series : figure.chart.series)
    for (const double value : series.y) {
      if (!std::isfinite(value)) continue;
      if (std::isnan(first)) first = value;
      positive = positive && value > 0.0;
      least = std::min(least, value);
      greatest = std::max(greatest, value);
    }
  if (!positive || !(greatest > kDecades * least)) return;
  figure.chart.log_y = true;
  if (!(greatest > kDiverged * first)) return;
  figure.chart.y_min = least / 2.0;
  figure.chart.y_max = kDiverged * first;
  figure.chart.note += " Cut off at " + format_short(kDiverged * first) + ": the run diverged, and came to " +
                       format_short(greatest) + ".";
}

void add(Figure figure, std::vector<Figure>& figures) {
  if (!has_points(figure)) return;
  finish(figure);
  figures.push_back(std::move(figure));
}

}  // namespace

std::vector<Figure> learning_figures(const RunTables& tables) {
  std::vector<Figure> figures;
  Figure loss =
      make_figure("loss", "Loss",
                  "Of the batches while training, and of the training and the test set after each epoch. Healthy: "
                  "it falls, and the two sets stay together.",
                  "loss");
  add_batches(
      tables, 1.0, [](const StepRecord& row) { return measured(row, &StepRecord::loss); }, loss);
  add_evaluations(
      tables, 1.0, "training set", 0,
      [](const EvaluationRecord& row) { return measured(row, &EvaluationRecord::train_loss); }, loss);
  add_evaluations(
      tables, 1.0, "test set", 1, [](const EvaluationRecord& row) { return row.test_loss; }, loss);
  scale_loss(loss);
  add(std::move(loss), figures);
  Figure accuracy =
      make_figure("accuracy", "Accuracy",
                  "Share classified correctly: of the batches, and of both sets after each epoch. Healthy: it "
                  "rises, and the test set follows.",
                  "accuracy, %");
  add_batches(
      tables, 100.0, [](const StepRecord& row) { return row.accuracy; }, accuracy);
  add_evaluations(
      tables, 100.0, "training set", 0, [](const EvaluationRecord& row) { return row.train_accuracy; }, accuracy);
  add_evaluations(
      tables, 100.0, "test set", 1, [](const EvaluationRecord& row) { return row.test_accuracy; }, accuracy);
  add(std::move(accuracy), figures);
  return figures;
}

}  // namespace reluscope
