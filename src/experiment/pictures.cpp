#include "experiment/pictures.hpp"

#include <algorithm>
#include <utility>
#include <vector>

namespace reluscope {

template <class T>
void Pictures<T>::take_portraits(const Network<T>& before, std::int64_t since, std::int64_t step,
                                 std::span<const Death> deaths) {
  std::vector<std::pair<std::size_t, const Death*>> order;  // by its place among the dead of its layer
  std::vector<std::size_t> seen(training_.summary.layers.size());
  for (const Death& death : deaths)
    if (!training_.summary.layers[death.layer].is_output) order.emplace_back(seen[death.layer]++, &death);
  std::stable_sort(order.begin(), order.end(),
                   [](const auto& left, const auto& right) { return left.first < right.first; });
  const auto most = static_cast<std::size_t>(std::min(kMostAtOnce, kMost - taken_));
  std::vector<Death> chosen;
  for (std::size_t at = 0; at < std::min(most, order.size()); ++at) chosen.push_back(*order[at].second);
  taken_ += std::ssize(chosen);
  const std::vector<Portrait> portraits = portray(before, training_.network, training_.dataset, chosen, training_.pool);
  for (std::size_t at = 0; at < chosen.size(); ++at) {
    const auto unit = static_cast<std::int64_t>(chosen[at].unit);
    write(chosen[at].layer, unit, since, "before", portraits[at].before);
    write(chosen[at].layer, unit, step, "after", portraits[at].after);
  }
}

template <class T>
void Pictures<T>::take_layers() {
  const std::vector<Histogram> histograms = layer_histograms(training_.network, training_.dataset, training_.pool);
  for (std::size_t at = 0; at < histograms.size(); ++at)
    write(at, std::nullopt, training_.summary.steps, "end", histograms[at]);
}

template <class T>
void Pictures<T>::write(std::size_t at, std::optional<std::int64_t> unit, std::int64_t step, const char* moment,
                        const Histogram& histogram) {
  std::vector<HistogramRecord> rows;
  for (std::size_t bin = 0; bin < histogram.counts.size(); ++bin) {
    if (histogram.counts[bin] == 0) continue;
    HistogramRecord& row = rows.emplace_back();
    row.layer = static_cast<std::int64_t>(at) + 1;
    row.name = training_.summary.layers[at].name;
    row.unit = unit;
    row.step = step;
    row.moment = moment;
    row.low = histogram.edge(bin);
    row.high = histogram.edge(bin + 1);
    row.count = histogram.counts[bin];
  }
  sink_.histograms(rows);
}

template class Pictures<float>;
template class Pictures<double>;

}  // namespace reluscope
