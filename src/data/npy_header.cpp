#include "data/npy_header.hpp"

#include <array>
#include <charconv>
#include <string>
#include <string_view>

#include "util/error.hpp"
#include "util/excerpt.hpp"

namespace reluscope {
namespace {

constexpr std::string_view kMagic = "\x93NUMPY";
// NumPy itself refuses more than 10,000 bytes; an array of numbers needs about a hundred.
constexpr std::uint32_t kLongestHeader = 65536;
constexpr std::size_t kMostDimensions = 64;  // as NumPy 2

struct TypeCode {
  std::string_view code;
  ElementType type;
};
constexpr std::array<TypeCode, 11> kTypeCodes = {{{"u1", ElementType::u8},
                                                  {"b1", ElementType::u8},
                                                  {"i1", ElementType::i8},
                                                  {"u2", ElementType::u16},
                                                  {"i2", ElementType::i16},
                                                  {"u4", ElementType::u32},
                                                  {"i4", ElementType::i32},
                                                  {"u8", ElementType::u64},
                                                  {"i8", ElementType::i64},
                                                  {"f4", ElementType::f32},
                                                  {"f8", ElementType::f64}}};

/// Walks over the dictionary {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }.
class DictionaryParser {
 public:
  DictionaryParser(const InputFile& file, std::uint64_t start, std::string_view text)
      : file_(file), start_(start), text_(text) {}

  NpyHeader parse() {
    expect('{');
    while (!accept('}')) {
      const std::string_view key = string();
      expect(':');
      if (key == "descr") {
        once(has_type_, key);
        description(string());
      } else if (key == "fortran_order") {
        once(has_order_, key);
        header_.fortran_order = boolean();
      } else if (key == "shape") {
        once(has_shape_, key);
        shape();
      } else {
        fail("unknown key " + in_quotes(key));
      }
      if (!accept(',')) {
        expect('}');
        break;
      }
    }
    skip_blanks();
    if (place_ != text_.size()) fail("text after the closing brace");
    if (!has_type_ || !has_order_ || !has_shape_) fail("the keys descr, fortran_order and shape have to be there");
    return header_;
  }

 private:
  [[noreturn]] void fail(const std::string& message) const {
    file_.fail_at(start_ + place_, "malformed NPY header: " + message);
  }

  void once(bool& given, std::string_view key) const {
    if (given) fail("the key " + in_quotes(key) + " is given twice");
    given = true;
  }

  void skip_blanks() {
    while (place_ < text_.size() && (text_[place_] == ' ' || text_[place_] == '\n' || text_[place_] == '\t')) ++place_;
  }

  bool accept(char wanted) {
    skip_blanks();
    if (place_ == text_.size() || text_[place_] != wanted) return false;
    ++place_;
    return true;
  }

  void expect(char wanted) {
    if (accept(wanted)) return;
    fail(std::string("'") + wanted + "' is needed, found " +
         (place_ < text_.size() ? in_quotes(text_.substr(place_, 1)) : std::string("the end of the header")));
  }

  std::string_view string() {
    skip_blanks();
    const char quote = place_ < text_.size() ? text_[place_] : '\0';
    if (quote == '[') fail("a structured array was found; save its fields as one array of plain numbers");
    if (quote != '\'' && quote != '"') fail("a quoted text is needed");
    const std::size_t end = text_.find(quote, ++place_);
    if (end == std::string_view::npos) fail("a quoted text is never closed");
    const std::string_view content = text_.substr(place_, end - place_);
    place_ = end + 1;
    return content;
  }

  bool boolean() {
    skip_blanks();
    for (const std::string_view word : {"True", "False"}) {
      if (!text_.substr(place_).starts_with(word)) continue;
      place_ += word.size();
      return word == "True";
    }
    fail("True or False is needed");
  }

  void shape() {
    expect('(');
    while (!accept(')')) {
      skip_blanks();
      std::uint64_t extent = 0;
      const auto [stop, error] = std::from_chars(text_.data() + place_, text_.data() + text_.size(), extent);
      if (error == std::errc::result_out_of_range) fail("a dimension is too large");
      if (error != std::errc{}) fail("a dimension, a whole number from 0 on, is needed");
      place_ = static_cast<std::size_t>(stop - text_.data());
      header_.shape.push_back(extent);
      if (header_.shape.size() > kMostDimensions) fail("more than 64 dimensions");
      if (!accept(',')) {
        expect(')');
        break;
      }
    }
  }

  void description(std::string_view descr) {
    const std::string found = "the element type " + in_quotes(descr);
    if (descr.find('O') != std::string_view::npos)
      file_.fail_at(start_, found + " means Python objects, which are refused; save array.astype('float32') instead");
    const char order = descr.empty() ? '\0' : descr.front();
    if (order == '<' || order == '>' || order == '|' || order == '=') {
      header_.order = order == '>' ? std::endian::big : order == '=' ? std::endian::native : std::endian::little;
      for (const TypeCode& known : kTypeCodes) {
        if (known.code != descr.substr(1)) continue;
        header_.type = known.type;
        return;
      }
    }
    file_.fail_at(start_, found + " is not supported; use an integer or float type such as array.astype('float32')");
  }

  const InputFile& file_;
  std::uint64_t start_;
  std::string_view text_;
  std::size_t place_ = 0;
  NpyHeader header_;
  bool has_type_ = false;
  bool has_order_ = false;
  bool has_shape_ = false;
};

std::uint32_t read_length(InputFile& file, std::size_t bytes) {
  std::array<unsigned char, 4> raw = {};
  file.read_exactly(raw.data(), bytes, "the header's length");
  std::uint32_t length = 0;
  for (std::size_t byte = raw.size(); byte-- > 0;) length = length << 8U | raw[byte];
  return length;
}

}  // namespace

NpyHeader read_npy_header(InputFile& file) {
  std::array<char, 8> start;
  file.read_exactly(start.data(), start.size(), "the magic string");
  if (std::string_view(start.data(), 2) == "PK")
    throw DataError(file.name() + ": is a zip archive of arrays, NPZ, not an NPY file" + help_line("data.kind=npz"));
  if (std::string_view(start.data(), kMagic.size()) != kMagic)
    file.fail_at(0, "not an NPY file: it has to start with \"\\x93NUMPY\", found " +
                        in_quotes(std::string_view(start.data(), kMagic.size())));
  const int version = static_cast<unsigned char>(start[6]);
  const int minor = static_cast<unsigned char>(start[7]);
  if (version < 1 || version > 3 || minor != 0)
    file.fail_at(6, "NPY version " + std::to_string(version) + "." + std::to_string(minor) +
                        " is unknown; 1.0, 2.0 and 3.0 are known");
  const std::uint32_t length = read_length(file, version == 1 ? 2 : 4);
  if (length > kLongestHeader)
    file.fail_at(8, "the header is said to have " + std::to_string(length) + " bytes, more than " +
                        std::to_string(kLongestHeader) + " make no sense");
  const std::uint64_t text_start = file.offset();
  std::string text(length, '\0');
  file.read_exactly(text.data(), text.size(), "the header");
  return DictionaryParser(file, text_start, text).parse();
}

}  // namespace reluscope
