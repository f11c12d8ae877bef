// JPEG (ITU-T T.81, JFIF), through libjpeg-turbo or another libjpeg.
//
// libjpeg is made to report a fault with longjmp, past whatever is on the stack. The functions that call setjmp, those
// of JpegData, have nothing there that has a destructor; what has one belongs to their callers.

#include "data/picture_formats.hpp"
#include "util/error.hpp"
#include "util/excerpt.hpp"

#ifdef RELUSCOPE_JPEG
#include <algorithm>
#include <csetjmp>
#include <cstdio>  // jpeglib.h needs it
#include <cstring>

#include <jpeglib.h>

#include <jerror.h>
#endif

namespace reluscope {

#ifdef RELUSCOPE_JPEG

namespace {

/// A progressive picture has some ten scans; one of thousands would take minutes, each of them over all pixels.
constexpr int kMostScans = 500;

/// What libjpeg works on, without a destructor.
struct JpegData {
  jpeg_decompress_struct codec = {};
  jpeg_error_mgr errors = {};
  jpeg_progress_mgr progress = {};
  std::jmp_buf back;
  char fault[JMSG_LENGTH_MAX] = {};

  bool read_header(const unsigned char* bytes, std::size_t size);
  bool start(J_COLOR_SPACE colors);
  bool read_row(unsigned char* row);
  bool finish();
};

[[noreturn]] void keep_fault(j_common_ptr codec) {
  auto* data = static_cast<JpegData*>(codec->client_data);
  codec->err->format_message(codec, data->fault);
  std::longjmp(data->back, 1);
}

/// libjpeg warns of damaged data, and of their end, and goes on with grey: those are faults. What changes no pixel is
/// passed over.
void judge_message(j_common_ptr codec, int level) {
  if (level >= 0) return;
  switch (codec->err->msg_code) {
    case JWRN_EXTRANEOUS_DATA:  // before a marker
    case JWRN_JFIF_MAJOR:
    case JWRN_ADOBE_XFORM:
    case JWRN_TOO_MUCH_DATA:
      return;
    default:
      keep_fault(codec);
  }
}

void say_nothing(j_common_ptr /*codec*/) {}

void watch_scans(j_common_ptr codec) {
  if (reinterpret_cast<j_decompress_ptr>(codec)->input_scan_number <= kMostScans) return;
  auto* data = static_cast<JpegData*>(codec->client_data);
  std::snprintf(data->fault, sizeof(data->fault), "more than %d scans", kMostScans);
  std::longjmp(data->back, 1);
}

bool JpegData::read_header(const unsigned char* bytes, std::size_t size) {
  codec.err = jpeg_std_error(&errors);
  errors.error_exit = &keep_fault;
  errors.emit_message = &judge_message;
  errors.output_message = &say_nothing;
  codec.client_data = this;
  if (setjmp(back) != 0) return false;
  jpeg_create_decompress(&codec);
  progress.progress_monitor = &watch_scans;
  codec.progress = &progress;
  jpeg_mem_src(&codec, bytes, static_cast<unsigned long>(size));
  jpeg_read_header(&codec, TRUE);
  return true;
}

bool JpegData::start(J_COLOR_SPACE colors) {
  if (setjmp(back) != 0) return false;
  codec.out_color_space = colors;
  codec.dct_method = JDCT_ISLOW;  // the same numbers on every CPU
  jpeg_start_decompress(&codec);
  return true;
}

bool JpegData::read_row(unsigned char* row) {
  if (setjmp(back) != 0) return false;
  jpeg_read_scanlines(&codec, &row, 1);
  return true;
}

bool JpegData::finish() {
  if (setjmp(back) != 0) return false;
  jpeg_finish_decompress(&codec);
  return true;
}

class JpegReader {
 public:
  JpegReader(const PictureFile& file, std::uint64_t most_pixels) : file_(file) {
    try {
      if (!data_.read_header(reinterpret_cast<const unsigned char*>(file.bytes.data()), file.bytes.size())) fail();
      size_ = {static_cast<Index>(data_.codec.image_height), static_cast<Index>(data_.codec.image_width)};
      check_picture_size(file, size_, most_pixels);
    } catch (...) {
      jpeg_destroy_decompress(&data_.codec);
      throw;
    }
  }
  JpegReader(const JpegReader&) = delete;
  JpegReader& operator=(const JpegReader&) = delete;
  ~JpegReader() { jpeg_destroy_decompress(&data_.codec); }

  [[nodiscard]] const PictureSize& size() const { return size_; }

  Picture read() {
    const J_COLOR_SPACE kept = data_.codec.jpeg_color_space;
    if (kept != JCS_GRAYSCALE && kept != JCS_YCbCr && kept != JCS_RGB)
      throw DataError(file_.name + ": its colours are those of print (CMYK), found " +
                      std::to_string(data_.codec.num_components) + " channels; grey and RGB are read");
    if (!data_.start(kept == JCS_GRAYSCALE ? JCS_GRAYSCALE : JCS_RGB)) fail();
    Picture picture{size_, data_.codec.output_components, {}};
    const std::size_t row_bytes = static_cast<std::size_t>(size_.width * picture.channels);
    // Row by row, so that only what the file really holds takes memory.
    picture.values.reserve(static_cast<std::size_t>(size_.height) * row_bytes);
    for (Index row = 0; row < size_.height; ++row) {
      picture.values.resize(picture.values.size() + row_bytes);
      if (!data_.read_row(picture.values.data() + picture.values.size() - row_bytes)) fail();
    }
    if (!data_.finish()) fail();
    return picture;
  }

 private:
  [[noreturn]] void fail() const {
    const std::size_t left = data_.codec.src == nullptr ? 0 : data_.codec.src->bytes_in_buffer;
    fail_in_picture(file_, file_.bytes.size() - std::min(left, file_.bytes.size()),
                    "the JPEG data are damaged or cut off (" + std::string(data_.fault) + ")");
  }

  const PictureFile& file_;
  JpegData data_;
  PictureSize size_;
};

}  // namespace

bool reads_jpeg() { return true; }
PictureSize jpeg_size(const PictureFile& file, std::uint64_t most_pixels) {
  return JpegReader(file, most_pixels).size();
}
Picture read_jpeg(const PictureFile& file, std::uint64_t most_pixels) { return JpegReader(file, most_pixels).read(); }

#else

bool reads_jpeg() { return false; }
PictureSize jpeg_size(const PictureFile& file, std::uint64_t /*most_pixels*/) {
  throw DataError(file.name + ": this build reads no JPEG pictures: libjpeg was not there" +
                  help_line("apt install libjpeg62-turbo-dev, and build again"));
}
Picture read_jpeg(const PictureFile& file, std::uint64_t most_pixels) {
  jpeg_size(file, most_pixels);
  return {};
}

#endif

}  // namespace reluscope
