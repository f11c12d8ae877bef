#include "data/picture.hpp"

#include <array>
#include <cerrno>
#include <cstring>

#include "data/input_file.hpp"
#include "data/picture_formats.hpp"
#include "util/error.hpp"
#include "util/format.hpp"
#include "util/input.hpp"
#include "util/memory.hpp"

namespace reluscope {
namespace {

constexpr std::string_view kPngStart = "\x89PNG\r\n\x1a\n";
constexpr std::string_view kJpegStart = "\xFF\xD8\xFF";
constexpr Index kColours = 3;

/// What people take for a picture that is read.
struct OtherFormat {
  std::string_view start;
  std::string_view name;
};
constexpr std::array<OtherFormat, 6> kOtherFormats = {
    {{"GIF8", "GIF"}, {"BM", "BMP"}, {"RIFF", "WebP"}, {"II*", "TIFF"}, {"MM", "TIFF"}, {"P6", "PPM"}}};

[[noreturn]] void refuse_format(const PictureFile& file) {
  if (file.bytes.empty()) throw DataError(file.name + ": the file is empty, a PNG or JPEG picture is needed");
  const std::string_view start = std::string_view(file.bytes).substr(0, 8);
  std::string found = "found " + in_quotes(start);
  for (const OtherFormat& other : kOtherFormats)
    if (start.starts_with(other.start)) found += ", which looks like " + std::string(other.name);
  fail_in_picture(file, 0, "neither PNG, which starts with \"\\x89PNG\", nor JPEG, \"\\xff\\xd8\\xff\": " + found);
}

enum class PictureFormat { png, jpeg };

PictureFormat format_of(const PictureFile& file) {
  if (std::string_view(file.bytes).starts_with(kPngStart)) return PictureFormat::png;
  if (std::string_view(file.bytes).starts_with(kJpegStart)) return PictureFormat::jpeg;
  refuse_format(file);
}

/// Pillow's integers for 0.299 R + 0.587 G + 0.114 B.
std::uint8_t grey_of(const std::uint8_t* colours) {
  constexpr std::uint32_t kRed = 19595;
  constexpr std::uint32_t kGreen = 38470;
  constexpr std::uint32_t kBlue = 7471;  // the three add up to 2^16
  return static_cast<std::uint8_t>((kRed * colours[0] + kGreen * colours[1] + kBlue * colours[2] + 0x8000U) >> 16U);
}

}  // namespace

std::string size_text(const PictureSize& size) {
  return std::to_string(size.height) + " × " + std::to_string(size.width) + " pixels (height × width)";
}

PictureFile read_picture_file(const std::filesystem::path& path) {
  PictureFile file{path.string(), {}};
  if (has_directory(path)) throw DataError(file.name + ": is a directory, a picture is needed");
  const Descriptor opened = open_for_reading(path);
  if (!read_to_end(opened, file.bytes, kMostPictureBytes))
    throw DataError(file.name + ": cannot be read: " + std::strerror(errno));
  if (file.bytes.size() > kMostPictureBytes)
    throw DataError(file.name + ": has more than " + format_bytes(kMostPictureBytes) + ", too many for a picture");
  return file;
}

PictureSize picture_size(const PictureFile& file, std::uint64_t most_pixels) {
  return format_of(file) == PictureFormat::png ? png_size(file, most_pixels) : jpeg_size(file, most_pixels);
}

Picture read_picture(const PictureFile& file, std::uint64_t most_pixels) {
  return format_of(file) == PictureFormat::png ? read_png(file, most_pixels) : read_jpeg(file, most_pixels);
}

Picture with_channels(Picture picture, Index channels) {
  if (picture.channels == channels) return picture;
  const auto pixels = static_cast<std::size_t>(picture.size.height * picture.size.width);
  Picture result{picture.size, channels, std::vector<std::uint8_t>(pixels * static_cast<std::size_t>(channels))};
  for (std::size_t pixel = 0; pixel < pixels; ++pixel) {
    if (channels == 1) {
      result.values[pixel] = grey_of(picture.values.data() + pixel * kColours);
    } else {
      std::memset(result.values.data() + pixel * kColours, picture.values[pixel], kColours);
    }
  }
  return result;
}

void write_planes(const Picture& picture, std::uint8_t* out) {
  const std::uint8_t* from = picture.values.data();
  const Index pixels = picture.size.height * picture.size.width;
  for (Index pixel = 0; pixel < pixels; ++pixel)
    for (Index channel = 0; channel < picture.channels; ++channel) out[channel * pixels + pixel] = *from++;
}

void fail_in_picture(const PictureFile& file, std::uint64_t offset, const std::string& message) {
  throw DataError(file.name + ": byte " + std::to_string(offset) + ": " + message);
}

void check_picture_size(const PictureFile& file, const PictureSize& size, std::uint64_t most_pixels) {
  const std::uint64_t pixels =
      saturating_product(static_cast<std::uint64_t>(size.height), static_cast<std::uint64_t>(size.width));
  if (pixels > most_pixels || size.height > kMostPixelsASide || size.width > kMostPixelsASide)
    throw DataError(file.name + ": the header declares " + size_text(size) + ", more than the " +
                    std::to_string(most_pixels) + ", and " + std::to_string(kMostPixelsASide) +
                    " a side, that a picture may have");
  // Decoded, and once more: in passes, or with other channels.
  const std::uint64_t bytes = pixels * 2 * kColours;
  if (const std::uint64_t available = available_memory_bytes(); bytes > available)
    throw DataError(file.name + ": a picture of " + size_text(size) + " needs " + format_bytes(bytes) +
                    " of memory, this machine has " + format_bytes(available));
}

}  // namespace reluscope
