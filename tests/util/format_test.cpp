#include "util/format.hpp"

#include <doctest/doctest.h>

#include <clocale>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <vector>

#include "util/nearest.hpp"
#include "util/random.hpp"

using namespace reluscope;

TEST_CASE("numbers read back as the same bits") {
  Rng rng(1, Purpose::generator);
  for (int i = 0; i < 20000; ++i) {
    const std::uint64_t bits = rng.bits();
    double value = 0;
    static_assert(sizeof value == sizeof bits);
    std::memcpy(&value, &bits, sizeof value);
    if (!std::isfinite(value)) continue;
    CHECK(std::strtod(format_number(value).c_str(), nullptr) == value);
  }
}

TEST_CASE("what is not finite has a plain name and no sign on nan") {
  CHECK(format_number(std::numeric_limits<double>::quiet_NaN()) == "nan");
  CHECK(format_number(-std::numeric_limits<double>::quiet_NaN()) == "nan");
  CHECK(format_number(std::numeric_limits<double>::infinity()) == "inf");
  CHECK(format_number(-std::numeric_limits<double>::infinity()) == "-inf");
}

TEST_CASE("numbers have a decimal point in every locale") {
  const bool german = std::setlocale(LC_ALL, "de_DE.UTF-8") != nullptr;
  CHECK(format_number(0.5) == "0.5");
  CHECK(format_fixed(1.25, 2) == "1.25");
  std::setlocale(LC_ALL, "C");
  if (!german) MESSAGE("the locale de_DE.UTF-8 is not installed here");
}

TEST_CASE("CSV cells are quoted after RFC 4180") {
  const auto cell = [](std::string_view text) {
    std::string out;
    append_csv_cell(out, text);
    return out;
  };
  CHECK(cell("plain") == "plain");
  CHECK(cell("a,b") == "\"a,b\"");
  CHECK(cell("say \"x\"") == "\"say \"\"x\"\"\"");
  CHECK(cell("two\nlines") == "\"two\nlines\"");
}

TEST_CASE("JSON strings survive control characters and broken UTF-8") {
  std::string out;
  append_json_string(out, std::string_view("a\"\x01\xff", 4));
  CHECK(out == "\"a\\\"\\u0001\xEF\xBF\xBD\"");
}

TEST_CASE("printable text commands no terminal, misleads no reader, and is UTF-8 whatever it was made of") {
  CHECK(printable("\x1b[2J\x07\t\x7f") == "?[2J???");
  CHECK(printable("\u0085\u009b31m") == "??31m");
  // Each of the characters that turn the direction of writing, between two that stay.
  for (const char* mark : {"\u061C", "\u200E", "\u200F", "\u202A", "\u202B", "\u202C", "\u202D", "\u202E", "\u2066",
                           "\u2067", "\u2068", "\u2069"})
    CHECK(printable("a" + std::string(mark) + "b") == "a?b");
  // Their neighbours stay.
  const std::string kept = "\u061B\u061D\u200D\u2010\u2029\u202F\u2065\u206A\u00A0äé漢😀";
  CHECK(printable(kept) == kept);
  CHECK(printable("\xff\xc3(x\xe2\x80") == std::string(2, '?') + "(x" + std::string(2, '?'));
  CHECK(printable("\xc0\xaf\xed\xa0\x80") == "?????");  // overlong; a surrogate
}

TEST_CASE("line breaks stay in messages and nowhere else") {
  CHECK(printable("a\nb\r\n", LineBreaks::kept) == "a\nb?\n");
  CHECK(printable("a\nb") == "a?b");
}

TEST_CASE("an endless line is cut in its middle, between characters; other lines of a message stay whole") {
  for (const char* letter : {"x", "ä", "漢", "😀"})
    for (std::size_t before = 0; before < 4; ++before) {
      std::string line(before, 'x');
      while (line.size() < 5000) line += letter;
      const std::string clean = printable("first\n" + line + "\nlast", LineBreaks::kept);
      CHECK(clean.find('?') == std::string::npos);
      CHECK(clean.starts_with("first\n" + std::string(before, 'x') + letter));
      CHECK(clean.ends_with(std::string(letter) + "\nlast"));
      CHECK(clean.find(" … ") != std::string::npos);
      CHECK(clean.size() < 1000);
    }
}

TEST_CASE("the first characters of a text are whole") {
  CHECK(first_characters("añ漢😀", 0).empty());
  CHECK(first_characters("añ漢😀", 2) == "añ");
  CHECK(first_characters("añ漢😀", 3) == "añ漢");
  CHECK(first_characters("añ漢😀", 9) == "añ漢😀");
}

TEST_CASE("sizes are readable") {
  CHECK(format_bytes(0) == "0 B");
  CHECK(format_bytes(1536) == "1.5 KiB");
  CHECK(format_bytes(std::numeric_limits<std::uint64_t>::max()) == "16.0 EiB");
}

TEST_CASE("the nearest name is found where a slip is likely, and not elsewhere") {
  const std::vector<std::string> names = {"relu", "leaky_relu", "momentum", "batch_size"};
  CHECK(nearest_name("rleu", names) == "relu");
  CHECK(nearest_name("momentun", names) == "momentum");
  CHECK(nearest_name("leakyrelu", names) == "leaky_relu");
  CHECK(nearest_name("batchsize", names) == "batch_size");
  CHECK_FALSE(nearest_name("xyzzy", names).has_value());
  CHECK_FALSE(nearest_name("", names).has_value());
  CHECK(edit_distance("ab", "ba") == 1);
  CHECK(edit_distance("kitten", "sitting") == 3);
}
