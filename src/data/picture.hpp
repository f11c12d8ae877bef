#pragma once
// A picture from a PNG or JPEG file, and what makes a sample of it.

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "nn/matrix.hpp"

namespace reluscope {

/// In pixels.
struct PictureSize {
  Index height = 0;
  Index width = 0;
  bool operator==(const PictureSize&) const = default;
};
/// "28 × 30 pixels (height × width)"
std::string size_text(const PictureSize& size);

struct Picture {
  PictureSize size;
  Index channels = 0;                ///< 1: grey; 3: red, green, blue
  std::vector<std::uint8_t> values;  ///< height × width × channels: row by row, the channels of a pixel side by side
};

/// A file's bytes, and its name for messages.
struct PictureFile {
  std::string name;
  std::string bytes;
};

/// What a picture may have at most. A file of some kilobytes can claim more pixels than any memory holds.
inline constexpr std::uint64_t kMostPixels = std::uint64_t{1} << 26U;
inline constexpr Index kMostPixelsASide = 65535;
/// What the file of a picture may have at most.
inline constexpr std::uint64_t kMostPictureBytes = std::uint64_t{256} << 20U;

/// The whole file. Throws DataError where it cannot be read or is larger than kMostPictureBytes.
PictureFile read_picture_file(const std::filesystem::path& path);

// By its first bytes, whatever its name ends with. Both throw DataError, which names the file and the place: for what
// is neither PNG nor JPEG, for more than `most_pixels`, for data that are damaged or cut off, and where the build lacks
// the library.

/// From the header alone.
PictureSize picture_size(const PictureFile& file, std::uint64_t most_pixels = kMostPixels);
/// Grey stays grey, palettes become colours, 16 bits a channel are scaled to 8; transparency is dropped. What a file
/// says of gamma, colour profiles and orientation is passed over.
Picture read_picture(const PictureFile& file, std::uint64_t most_pixels = kMostPixels);

/// With 1 or 3 channels. Grey in colour is the same number three times; colour in grey is
/// L = 0.299 R + 0.587 G + 0.114 B (ITU-R BT.601), rounded as Pillow rounds it.
Picture with_channels(Picture picture, Index channels);

/// Brought to another size, each axis by itself: the mean over the area that a pixel covers where it shrinks, else
/// linear between the centres of pixels. Exact, rounded once, half up.
Picture resized(Picture picture, const PictureSize& size);

/// Writes the values channel by channel, each row by row: channels × height × width bytes.
void write_planes(const Picture& picture, std::uint8_t* out);

/// What the readers of the formats share: "NAME: byte OFFSET: message".
[[noreturn]] void fail_in_picture(const PictureFile& file, std::uint64_t offset, const std::string& message);
/// Throws DataError for more than `most_pixels`, or kMostPixelsASide, and for more than there is memory for.
void check_picture_size(const PictureFile& file, const PictureSize& size, std::uint64_t most_pixels);

}  // namespace reluscope
