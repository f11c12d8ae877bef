#pragma once
// PNG files by hand (W3C PNG, 5), and small JPEG files that Pillow wrote.

#include <zlib.h>

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace reluscope::test {

inline std::string big_endian(std::uint64_t value, int bytes = 4) {
  std::string text;
  for (int byte = bytes - 1; byte >= 0; --byte) text += static_cast<char>(value >> (8 * byte) & 255U);
  return text;
}

inline std::string png_chunk(const std::string& type, const std::string& content) {
  const std::string body = type + content;
  const auto crc = ::crc32(0, reinterpret_cast<const Bytef*>(body.data()), static_cast<uInt>(body.size()));
  return big_endian(content.size()) + body + big_endian(crc);
}

inline std::string zlib_packed(const std::string& content) {
  std::string packed(compressBound(static_cast<uLong>(content.size())), '\0');
  uLongf size = static_cast<uLongf>(packed.size());
  ::compress(reinterpret_cast<Bytef*>(packed.data()), &size, reinterpret_cast<const Bytef*>(content.data()),
             static_cast<uLong>(content.size()));
  packed.resize(size);
  return packed;
}

inline std::string text_of(const std::vector<int>& bytes) { return {bytes.begin(), bytes.end()}; }

/// As the standard numbers them.
enum class PngColours { grey = 0, rgb = 2, palette = 3, grey_alpha = 4, rgba = 6 };

struct PngParts {
  PngColours colours = PngColours::grey;
  int depth = 8;
  std::string chunks = {};  ///< before the data: PLTE, tRNS, …
  int interlaced = 0;
};

/// rows: the bytes of each row, without the filter's.
inline std::string png_of(std::uint64_t height, std::uint64_t width, const std::string& rows,
                          const PngParts& parts = {}) {
  const std::size_t row_bytes = height == 0 ? 0 : rows.size() / height;
  std::string filtered;
  for (std::size_t row = 0; row < height && row_bytes > 0; ++row)
    filtered += '\0' + rows.substr(row * row_bytes, row_bytes);
  const std::string header = big_endian(width) + big_endian(height) + static_cast<char>(parts.depth) +
                             static_cast<char>(parts.colours) + std::string(2, '\0') +
                             static_cast<char>(parts.interlaced);
  return "\x89PNG\r\n\x1a\n" + png_chunk("IHDR", header) + parts.chunks + png_chunk("IDAT", zlib_packed(filtered)) +
         png_chunk("IEND", "");
}

inline std::string from_hex(std::string_view digits) {
  const auto value = [](char digit) { return digit <= '9' ? digit - '0' : digit - 'a' + 10; };
  std::string bytes;
  for (std::size_t at = 0; at + 1 < digits.size(); at += 2)
    bytes += static_cast<char>(value(digits[at]) * 16 + value(digits[at + 1]));
  return bytes;
}

/// 4 wide and 3 high, quality 90: 1 3 25 27, 43 54 52 76, 76 86 107 251.
inline std::string grey_jpeg() {
  return from_hex(
      "ffd8ffe000104a46494600010100000100010000ffdb0043000302020302020303030304030304050805050404050a070706080c0a0c"
      "0c0b0a0b0b0d0e12100d0e110e0b0b1016101113141515150c0f171816141812141514ffc0000b080003000401011100ffc400140001"
      "00000000000000000000000000000007ffc40020100001030402030000000000000000000003020411010506070008142131ffda0008"
      "010100003f0049e9274f34eeced44f2e992e10d6e4fc3762b6417c970281d0215513032269f56aacc4fbe7ffd9");
}
/// 16 wide and 8 high, red to blue, half as many colours: starts with 1 4 231, 8 7 225.
inline std::string colour_jpeg() {
  return from_hex(
      "ffd8ffe000104a46494600010100000100010000ffdb004300080606070605080707070909080a0c140d0c0b0b0c1912130f141d1a1f"
      "1e1d1a1c1c20242e2720222c231c1c2837292c30313434341f27393d38323c2e333432ffdb0043010909090c0b0c180d0d1832211c21"
      "3232323232323232323232323232323232323232323232323232323232323232323232323232323232323232323232323232ffc00011"
      "080008001003012200021101031101ffc4001500010100000000000000000000000000000005ffc40019100001050000000000000000"
      "00000000000004062331a1ffc4001501010100000000000000000000000000000305ffc4001911000105000000000000000000000000"
      "00000405062122ffda000c03010002110311003f0090998d516161331aa2c00295b8a8d593e32ecaab47ffd9");
}
/// The same in several scans: starts with 10 0 246, 18 0 238.
inline std::string progressive_jpeg() {
  return from_hex(
      "ffd8ffe000104a46494600010100000100010000ffdb004300100b0c0e0c0a100e0d0e1211101318281a181616183123251d283a333d"
      "3c3933383740485c4e404457453738506d51575f626768673e4d71797064785c656763ffdb0043011112121815182f1a1a2f63423842"
      "6363636363636363636363636363636363636363636363636363636363636363636363636363636363636363636363636363ffc20011"
      "080008001003011100021101031101ffc40014000100000000000000000000000000000003ffc4001501010100000000000000000000"
      "000000000405ffda000c030100021003100000011619a5d2ffc400161000030000000000000000000000000000000103ffda00080101"
      "0001050250140fffc4001511010100000000000000000000000000000300ffda0008010301013f01378defffc4001511010100000000"
      "000000000000000000000300ffda0008010201013f0155956fffc40014100100000000000000000000000000000010ffda0008010100"
      "063f023fffc4001510010100000000000000000000000000000061ffda0008010100013f21820fffda000c03010002000300000010eb"
      "ffc4001511010100000000000000000000000000000061ffda0008010301013f10b2cfffc40014110100000000000000000000000000"
      "000010ffda0008010201013f103fffc40014100100000000000000000000000000000010ffda0008010100013f103effd9");
}
/// The same in cyan, magenta, yellow and black.
inline std::string print_jpeg() {
  return from_hex(
      "ffd8ffee000e41646f626500640000000000ffdb004300100b0c0e0c0a100e0d0e1211101318281a181616183123251d283a333d3c39"
      "33383740485c4e404457453738506d51575f626768673e4d71797064785c656763ffc000140800080010044311004d11005911004b11"
      "00ffc40017000003010000000000000000000000000000060704ffc4001910010002030000000000000000000000000005421663a1ff"
      "da000e0443004d0059004b00003f005b84ab3e1daf8649bb280a0425461daf89f4dd83ffd9");
}

}  // namespace reluscope::test
