#include "data/picture.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <random>
#include <string>
#include <vector>

#include "data/data_files.hpp"
#include "data/picture_formats.hpp"
#include "support/pictures.hpp"

using namespace reluscope;
using namespace reluscope::test;

namespace {

using Values = std::vector<std::uint8_t>;

Picture read(const std::string& bytes) { return read_picture({"a picture", bytes}); }
std::string fault(const std::string& bytes, std::uint64_t most_pixels = kMostPixels) {
  return data_error([&] { read_picture({"a picture", bytes}, most_pixels); });
}

Picture random_picture(Index height, Index width, Index channels, unsigned seed) {
  std::mt19937 random(seed);
  Picture picture{{height, width}, channels, Values(static_cast<std::size_t>(height * width * channels))};
  for (std::uint8_t& value : picture.values) value = static_cast<std::uint8_t>(random());
  return picture;
}

/// What the result's pixel p takes of the source's pixel s, straight from what is promised.
double share_of(Index pixel, Index source, Index from, Index to) {
  const double scale = static_cast<double>(from) / static_cast<double>(to);
  if (to < from)
    return std::max(0.0, std::min(static_cast<double>(pixel + 1) * scale, static_cast<double>(source + 1)) -
                             std::max(static_cast<double>(pixel) * scale, static_cast<double>(source))) /
           scale;
  const double centre =
      std::clamp((static_cast<double>(pixel) + 0.5) * scale - 0.5, 0.0, static_cast<double>(from - 1));
  return std::max(0.0, 1.0 - std::abs(centre - static_cast<double>(source)));
}

double resized_value(const Picture& picture, const PictureSize& size, Index row, Index column, Index channel) {
  double sum = 0.0;
  for (Index y = 0; y < picture.size.height; ++y)
    for (Index x = 0; x < picture.size.width; ++x)
      sum += share_of(row, y, picture.size.height, size.height) * share_of(column, x, picture.size.width, size.width) *
             picture.values[static_cast<std::size_t>((y * picture.size.width + x) * picture.channels + channel)];
  return sum;
}

const std::string kGrey = png_of(2, 3, text_of({0, 50, 100, 150, 200, 255}));

}  // namespace

TEST_CASE("PNG: grey stays grey, colours are red, green, blue, row by row") {
  if (!reads_png()) return;
  const Picture grey = read(kGrey);
  CHECK(grey.size == PictureSize{2, 3});
  CHECK(grey.channels == 1);
  CHECK(grey.values == Values{0, 50, 100, 150, 200, 255});
  CHECK(picture_size({"a picture", kGrey}) == PictureSize{2, 3});
  const Picture colours = read(png_of(2, 1, text_of({1, 2, 3, 4, 5, 6}), {PngColours::rgb}));
  CHECK(colours.channels == 3);
  CHECK(colours.values == Values{1, 2, 3, 4, 5, 6});
}

TEST_CASE("PNG: palettes, few bits and many bits become 8 bits a channel") {
  if (!reads_png()) return;
  const std::string colours = png_chunk("PLTE", text_of({10, 20, 30, 40, 50, 60}));
  const Picture palette = read(png_of(1, 2, text_of({1, 0}), {PngColours::palette, 8, colours}));
  CHECK(palette.values == Values{40, 50, 60, 10, 20, 30});
  CHECK(read(png_of(1, 2, text_of({0x40}), {PngColours::palette, 1, colours})).values ==
        Values{10, 20, 30, 40, 50, 60});
  CHECK(read(png_of(1, 4, text_of({0x1B}), {PngColours::grey, 2})).values == Values{0, 85, 170, 255});
  // Of 16 bits the nearest of 8, not the upper half: 65535 / 257, 384 / 257.
  CHECK(read(png_of(1, 2, text_of({0xFF, 0xFF, 0x01, 0x80}), {PngColours::grey, 16})).values == Values{255, 1});
}

TEST_CASE("PNG: transparency is dropped, in whatever way it is said") {
  if (!reads_png()) return;
  CHECK(read(png_of(1, 1, text_of({7, 0}), {PngColours::grey_alpha})).values == Values{7});
  CHECK(read(png_of(1, 1, text_of({7, 8, 9, 0}), {PngColours::rgba})).values == Values{7, 8, 9});
  const std::string clear_palette = png_chunk("PLTE", text_of({10, 20, 30})) + png_chunk("tRNS", text_of({0}));
  CHECK(read(png_of(1, 1, text_of({0}), {PngColours::palette, 8, clear_palette})).values == Values{10, 20, 30});
  const std::string clear_grey = png_chunk("tRNS", text_of({0, 7}));
  CHECK(read(png_of(1, 2, text_of({7, 8}), {PngColours::grey, 8, clear_grey})).values == Values{7, 8});
}

TEST_CASE("PNG: an interlaced picture comes out whole, texts and profiles change nothing") {
  if (!reads_png()) return;
  // Adam7 of 2 × 2: the pixel at 0, 0; then that beside it; then the row below. Each pass has its filter bytes.
  const std::string passes = text_of({0, 1, 0, 2, 0, 3, 4});
  const std::string header = big_endian(2) + big_endian(2) + text_of({8, 0, 0, 0, 1});
  const std::string interlaced =
      "\x89PNG\r\n\x1a\n" + png_chunk("IHDR", header) + png_chunk("IDAT", zlib_packed(passes)) + png_chunk("IEND", "");
  CHECK(read(interlaced).values == Values{1, 2, 3, 4});
  const std::string talk = png_chunk("gAMA", big_endian(220000)) + png_chunk("tEXt", std::string("a\0b", 3)) +
                           png_chunk("iCCP", std::string("p\0\0damaged", 10));
  CHECK(read(png_of(1, 2, text_of({9, 10}), {PngColours::grey, 8, talk})).values == Values{9, 10});
}

TEST_CASE("JPEG: grey, colours and several scans come out as Pillow reads them") {
  if (!reads_jpeg()) return;
  CHECK(read(grey_jpeg()).values == Values{1, 3, 25, 27, 43, 54, 52, 76, 76, 86, 107, 251});
  CHECK(read(grey_jpeg()).channels == 1);
  const Picture colours = read(colour_jpeg());
  CHECK(colours.size == PictureSize{8, 16});
  CHECK(colours.channels == 3);
  CHECK(Values(colours.values.begin(), colours.values.begin() + 6) == Values{1, 4, 231, 8, 7, 225});
  const Picture progressive = read(progressive_jpeg());
  CHECK(Values(progressive.values.begin(), progressive.values.begin() + 6) == Values{10, 0, 246, 18, 0, 238});
  check_message(fault(print_jpeg()), {"a picture: ", "CMYK", "4 channels", "grey and RGB are read"});
}

TEST_CASE("a picture that is cut off anywhere is refused, with file and place") {
  std::vector<std::string> pictures;
  if (reads_png()) pictures.push_back(kGrey);
  if (reads_jpeg()) pictures.insert(pictures.end(), {grey_jpeg(), colour_jpeg(), progressive_jpeg()});
  for (const std::string& whole : pictures)
    for (std::size_t size = 0; size < whole.size(); ++size) {
      CAPTURE(size);
      const std::string message = fault(whole.substr(0, size));
      CHECK(contains(message, "a picture: "));
      CHECK((contains(message, "byte ") || contains(message, "the file is empty")));
    }
  if (reads_png()) check_message(fault(kGrey.substr(0, 40)), {"byte 40", "cut off", "the file ends too early"});
  if (reads_jpeg()) check_message(fault(grey_jpeg().substr(0, 200)), {"byte ", "cut off", "remature end"});
}

TEST_CASE("damaged data are refused") {
  if (reads_png()) {
    std::string flipped = kGrey;
    flipped[45] = static_cast<char>(flipped[45] ^ 1);
    check_message(fault(flipped), {"a picture: byte ", "damaged", "IDAT"});
    std::string header = kGrey;
    header[24] = 3;  // bits
    check_message(fault(header), {"a picture: byte ", "damaged"});
    // Fewer rows than the header says.
    const std::string rows = "\x89PNG\r\n\x1a\n" +
                             png_chunk("IHDR", big_endian(3) + big_endian(2) + text_of({8, 0, 0, 0, 0})) +
                             png_chunk("IDAT", zlib_packed(text_of({0, 1, 2, 3}))) + png_chunk("IEND", "");
    check_message(fault(rows), {"a picture: byte ", "damaged", "ot enough"});
  }
  if (reads_jpeg()) {
    std::string broken = grey_jpeg();
    broken.replace(broken.size() - 20, 2, "\xFF\xD3");  // a marker within the data
    check_message(fault(broken), {"a picture: byte ", "damaged"});
  }
}

TEST_CASE("what claims more pixels than a picture has, or than its bytes can hold, is refused before room is made") {
  if (reads_png()) {
    const auto claiming = [](std::uint64_t height, std::uint64_t width) {
      return png_of(height, width, "", {PngColours::rgb});
    };
    check_message(fault(claiming(100000, 100000)),
                  {"a picture: ", "100000 × 100000 pixels", "more than the 67108864, and 65535 a side, that"});
    check_message(fault(claiming(65536, 1)), {"65536 × 1 pixels", "65535 a side"});
    check_message(fault(claiming(8000, 8000)), {"8000 × 8000 pixels (height × width), more than", "bytes can hold"});
    check_message(fault(kGrey, 5), {"2 × 3 pixels", "more than the 5, and"});
    check_message(fault(claiming(0, 3)), {"a picture: byte ", "damaged"});
  }
  if (reads_jpeg()) {
    std::string jpeg = grey_jpeg();
    const std::size_t frame = jpeg.find("\xFF\xC0");
    REQUIRE(frame != std::string::npos);
    jpeg.replace(frame + 5, 4, "\xFF\x00\xFF\x00", 4);
    check_message(fault(jpeg), {"65280 × 65280 pixels", "more than the 67108864"});
  }
}

TEST_CASE("other formats are named, by what the file starts with and not by its name") {
  check_message(fault(""), {"a picture: the file is empty"});
  check_message(fault("GIF89a and so on"), {"byte 0", "neither PNG", "JPEG", "\"GIF89a a\"", "looks like GIF"});
  check_message(fault("path,label\n"), {"byte 0", "\"path,lab\""});
}

TEST_CASE("a build without a library names the package") {
  if (!reads_png()) check_message(fault(kGrey), {"no PNG", "apt install libpng-dev"});
  if (!reads_jpeg()) check_message(fault(grey_jpeg()), {"no JPEG", "apt install libjpeg62-turbo-dev"});
}

TEST_CASE("colours become grey by their weights, grey becomes three equal colours") {
  const Picture grey = with_channels({{1, 4}, 3, {255, 0, 0, 0, 255, 0, 0, 0, 255, 9, 9, 9}}, 1);
  CHECK(grey.channels == 1);
  CHECK(grey.values == Values{76, 150, 29, 9});
  const Picture colours = with_channels({{1, 2}, 1, {7, 200}}, 3);
  CHECK(colours.values == Values{7, 7, 7, 200, 200, 200});
  for (int value = 0; value < 256; ++value) {
    const auto byte = static_cast<std::uint8_t>(value);
    CHECK(with_channels(with_channels({{1, 1}, 1, {byte}}, 3), 1).values == Values{byte});
  }
}

TEST_CASE("the planes of a sample are its channels, one after the other") {
  std::array<std::uint8_t, 6> planes = {};
  write_planes({{1, 2}, 3, {1, 2, 3, 4, 5, 6}}, planes.data());
  CHECK(planes == std::array<std::uint8_t, 6>{1, 4, 2, 5, 3, 6});
}

TEST_CASE("resizing: an axis that shrinks takes the mean of an area, one that grows is linear between centres") {
  CHECK(resized({{1, 4}, 1, {10, 20, 30, 50}}, {1, 2}).values == Values{15, 40});
  CHECK(resized({{1, 3}, 1, {0, 90, 255}}, {1, 2}).values ==
        Values{30, 200});  // a third of the middle one: (0 + 45) / 1.5
  CHECK(resized({{1, 2}, 1, {0, 100}}, {1, 4}).values == Values{0, 25, 75, 100});
  CHECK(resized({{2, 1}, 3, {0, 2, 4, 1, 3, 5}}, {1, 1}).values == Values{1, 3, 5});  // half up
  const std::vector<PictureSize> sizes = {{1, 1}, {2, 5}, {7, 3}, {16, 16}, {9, 11}};
  for (const PictureSize& from : sizes)
    for (const PictureSize& to : sizes) {
      const Picture picture = random_picture(from.height, from.width, 3, 5);
      const Picture result = resized(picture, to);
      REQUIRE(result.size == to);
      REQUIRE(result.values.size() == static_cast<std::size_t>(to.height * to.width * 3));
      double worst = 0.0;
      for (Index row = 0; row < to.height; ++row)
        for (Index column = 0; column < to.width; ++column)
          for (Index channel = 0; channel < 3; ++channel)
            worst = std::max(
                worst, std::abs(resized_value(picture, to, row, column, channel) -
                                result.values[static_cast<std::size_t>((row * to.width + column) * 3 + channel)]));
      CHECK(worst <= 0.5 + 1e-9);
    }
}

TEST_CASE("resizing a picture of one colour changes nothing, whatever the sizes") {
  for (const Index from : {1, 3, 8})
    for (const Index to : {1, 2, 3, 5, 8, 31}) {
      const Picture plain{{from, from}, 1, Values(static_cast<std::size_t>(from * from), 201)};
      CHECK(resized(plain, {to, to}).values == Values(static_cast<std::size_t>(to * to), 201));
    }
}

TEST_CASE("files that cannot be read are named") {
  const TempDirectory directory;
  check_message(data_error([&] { read_picture_file(directory.path()); }), {"is a directory"});
  check_message(data_error([&] { read_picture_file(directory.path() / "a.png"); }), {"a.png", "No such file"});
}
