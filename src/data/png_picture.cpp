// PNG (W3C Portable Network Graphics; ISO/IEC 15948), through libpng.
//
// libpng reports a fault with longjmp, past whatever is on the stack. The functions that call setjmp, those of PngData,
// have nothing there that has a destructor; what has one belongs to their callers.

#include "data/picture_formats.hpp"
#include "util/error.hpp"
#include "util/excerpt.hpp"

#ifdef RELUSCOPE_PNG
#include <png.h>

#include <csetjmp>
#include <cstring>
#include <memory>
#include <new>
#endif

namespace reluscope {

#ifdef RELUSCOPE_PNG

namespace {

/// Deflate packs at most 258 bytes into 2 bits (RFC 1951).
constexpr std::uint64_t kMostDeflated = 1032;

/// What libpng works on, without a destructor.
struct PngData {
  png_structp png = nullptr;
  png_infop info = nullptr;
  const char* next = nullptr;  ///< what is still to be read
  std::size_t left = 0;
  char fault[160] = {};

  // Each returns false for a fault, which `fault` says then.
  bool read_header();
  bool transform();
  bool read_row(png_bytep row);
  bool read_passes(png_bytepp rows);
  bool finish();
};

[[noreturn]] void keep_fault(png_structp png, png_const_charp message) {
  auto* data = static_cast<PngData*>(png_get_error_ptr(png));
  std::strncpy(data->fault, message, sizeof(data->fault) - 1);
  png_longjmp(png, 1);
}

void pass_over(png_structp /*png*/, png_const_charp /*warning*/) {}

void hand_over(png_structp png, png_bytep out, std::size_t size) {
  auto* data = static_cast<PngData*>(png_get_io_ptr(png));
  if (size > data->left) {
    data->left = 0;
    png_error(png, "the file ends too early");
  }
  std::memcpy(out, data->next, size);
  data->next += size;
  data->left -= size;
}

bool PngData::read_header() {
  if (setjmp(png_jmpbuf(png)) != 0) return false;
  png_set_read_fn(png, this, &hand_over);
  // Texts, dates and profiles change no pixel here.
  png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, nullptr, -1);
  png_read_info(png, info);
  return true;
}

/// The next row, of as many bytes as a row has after `transform`.
bool PngData::read_row(png_bytep row) {
  if (setjmp(png_jmpbuf(png)) != 0) return false;
  png_read_row(png, row, nullptr);
  return true;
}

/// All passes of an interlaced picture. rows: a pointer to each.
bool PngData::read_passes(png_bytepp rows) {
  if (setjmp(png_jmpbuf(png)) != 0) return false;
  png_read_image(png, rows);
  return true;
}

bool PngData::finish() {
  if (setjmp(png_jmpbuf(png)) != 0) return false;
  png_read_end(png, nullptr);
  return true;
}

/// To 1 or 3 channels of 8 bits, without transparency.
bool PngData::transform() {
  if (setjmp(png_jmpbuf(png)) != 0) return false;
  png_set_expand(png);
  png_set_scale_16(png);
  png_set_strip_alpha(png);
  png_set_interlace_handling(png);
  png_read_update_info(png, info);
  return true;
}

class PngReader {
 public:
  PngReader(const PictureFile& file, std::uint64_t most_pixels) : file_(file) {
    data_.next = file.bytes.data();
    data_.left = file.bytes.size();
    data_.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &data_, &keep_fault, &pass_over);
    if (data_.png == nullptr) throw std::bad_alloc();
    data_.info = png_create_info_struct(data_.png);
    try {
      if (data_.info == nullptr) throw std::bad_alloc();
      if (!data_.read_header()) fail();
      size_ = {static_cast<Index>(png_get_image_height(data_.png, data_.info)),
               static_cast<Index>(png_get_image_width(data_.png, data_.info))};
      check_picture_size(file, size_, most_pixels);
      const std::uint64_t bytes = static_cast<std::uint64_t>(size_.height) * png_get_rowbytes(data_.png, data_.info);
      if (bytes / kMostDeflated > file.bytes.size())
        fail_in_picture(file, 0,
                        "the header declares " + size_text(size_) + ", more than " + std::to_string(file.bytes.size()) +
                            " bytes can hold");
    } catch (...) {
      png_destroy_read_struct(&data_.png, &data_.info, nullptr);
      throw;
    }
  }
  PngReader(const PngReader&) = delete;
  PngReader& operator=(const PngReader&) = delete;
  ~PngReader() { png_destroy_read_struct(&data_.png, &data_.info, nullptr); }

  [[nodiscard]] const PictureSize& size() const { return size_; }

  Picture read() {
    if (!data_.transform()) fail();
    Picture picture{size_, png_get_channels(data_.png, data_.info), {}};
    const std::size_t row_bytes = png_get_rowbytes(data_.png, data_.info);
    if (row_bytes != static_cast<std::size_t>(size_.width * picture.channels))
      fail_in_picture(file_, 0, "the rows have " + std::to_string(row_bytes) + " bytes");
    if (png_get_interlace_type(data_.png, data_.info) == PNG_INTERLACE_NONE) {
      read_rows(picture, row_bytes);
    } else {
      read_passes(picture, row_bytes);
    }
    if (!data_.finish()) fail();
    return picture;
  }

 private:
  // Memory is touched by what the file really holds, not by what its header says.

  void read_rows(Picture& picture, std::size_t row_bytes) {
    picture.values.reserve(static_cast<std::size_t>(size_.height) * row_bytes);
    for (Index row = 0; row < size_.height; ++row) {
      picture.values.resize(picture.values.size() + row_bytes);
      if (!data_.read_row(picture.values.data() + picture.values.size() - row_bytes)) fail();
    }
  }

  void read_passes(Picture& picture, std::size_t row_bytes) {
    const std::size_t bytes = static_cast<std::size_t>(size_.height) * row_bytes;
    const auto values = std::make_unique_for_overwrite<std::uint8_t[]>(bytes);
    std::vector<png_bytep> rows;
    for (std::size_t start = 0; start < bytes; start += row_bytes) rows.push_back(values.get() + start);
    if (!data_.read_passes(rows.data())) fail();
    picture.values.assign(values.get(), values.get() + bytes);
  }

  [[noreturn]] void fail() const {
    fail_in_picture(file_, file_.bytes.size() - data_.left,
                    "the PNG data are damaged or cut off (" + std::string(data_.fault) + ")");
  }

  const PictureFile& file_;
  PngData data_;
  PictureSize size_;
};

}  // namespace

bool reads_png() { return true; }
PictureSize png_size(const PictureFile& file, std::uint64_t most_pixels) { return PngReader(file, most_pixels).size(); }
Picture read_png(const PictureFile& file, std::uint64_t most_pixels) { return PngReader(file, most_pixels).read(); }

#else

bool reads_png() { return false; }
PictureSize png_size(const PictureFile& file, std::uint64_t /*most_pixels*/) {
  throw DataError(file.name + ": this build reads no PNG pictures: libpng was not there" +
                  help_line("apt install libpng-dev, and build again"));
}
Picture read_png(const PictureFile& file, std::uint64_t most_pixels) {
  png_size(file, most_pixels);
  return {};
}

#endif

}  // namespace reluscope
