// Pictures brought to another size, in whole numbers: the same bytes on every machine.

#include <algorithm>
#include <cstddef>
#include <utility>

#include "data/picture.hpp"

namespace reluscope {
namespace {

/// What one pixel of the result takes from an axis: a weight for each of the pixels from `first` on.
struct Share {
  Index first = 0;
  std::vector<std::uint64_t> weights;
};

struct Axis {
  std::vector<Share> shares;  ///< of each pixel of the result
  std::uint64_t total = 1;    ///< what the weights of each add up to
};

/// In units of 1/to of a pixel, pixel p of the result covers [p · from, (p + 1) · from), and pixel s of the source
/// [s · to, (s + 1) · to): its weight is how much of it is covered.
Axis area_axis(Index from, Index to) {
  Axis axis{{}, static_cast<std::uint64_t>(from)};
  for (Index pixel = 0; pixel < to; ++pixel) {
    const Index begin = pixel * from;
    const Index end = begin + from;
    Share share{begin / to, {}};
    for (Index source = share.first; source * to < end; ++source)
      share.weights.push_back(
          static_cast<std::uint64_t>(std::min(end, (source + 1) * to) - std::max(begin, source * to)));
    axis.shares.push_back(std::move(share));
  }
  return axis;
}

/// The centre of pixel p lies at ((2 p + 1) · from − to) / (2 · to) between the centres of the source's pixels. Beyond
/// the outermost ones it is theirs.
Axis linear_axis(Index from, Index to) {
  const Index unit = 2 * to;
  Axis axis{{}, static_cast<std::uint64_t>(unit)};
  for (Index pixel = 0; pixel < to; ++pixel) {
    const Index place = std::clamp<Index>((2 * pixel + 1) * from - to, 0, (from - 1) * unit);
    const Index rest = place % unit;
    Share share{place / unit, {static_cast<std::uint64_t>(unit - rest)}};
    if (rest > 0) share.weights.push_back(static_cast<std::uint64_t>(rest));
    axis.shares.push_back(std::move(share));
  }
  return axis;
}

Axis axis_of(Index from, Index to) { return to < from ? area_axis(from, to) : linear_axis(from, to); }

}  // namespace

Picture resized(Picture picture, const PictureSize& size) {
  if (picture.size == size) return picture;
  const Axis rows = axis_of(picture.size.height, size.height);
  const Axis columns = axis_of(picture.size.width, size.width);
  const auto channels = static_cast<std::size_t>(picture.channels);
  const auto row_values = static_cast<std::size_t>(picture.size.width) * channels;
  const std::uint64_t total = rows.total * columns.total;
  Picture result{size, picture.channels, {}};
  result.values.reserve(static_cast<std::size_t>(size.height * size.width) * channels);
  // With at most 2^26 pixels in and 2^12 an axis out, the sums stay below 2^47.
  std::vector<std::uint64_t> mixed(row_values);
  for (const Share& row : rows.shares) {
    std::fill(mixed.begin(), mixed.end(), 0);
    for (std::size_t at = 0; at < row.weights.size(); ++at) {
      const std::uint8_t* source = picture.values.data() + (static_cast<std::size_t>(row.first) + at) * row_values;
      for (std::size_t value = 0; value < row_values; ++value) mixed[value] += row.weights[at] * source[value];
    }
    for (const Share& column : columns.shares)
      for (std::size_t channel = 0; channel < channels; ++channel) {
        std::uint64_t sum = total / 2;
        for (std::size_t at = 0; at < column.weights.size(); ++at)
          sum += column.weights[at] * mixed[(static_cast<std::size_t>(column.first) + at) * channels + channel];
        result.values.push_back(static_cast<std::uint8_t>(sum / total));
      }
  }
  return result;
}

}  // namespace reluscope
