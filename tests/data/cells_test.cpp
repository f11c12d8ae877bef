#include "data/cells.hpp"

#include <doctest/doctest.h>

#include <cmath>

using namespace reluscope;

namespace {

std::optional<double> read(std::string_view text, char decimal, char thousands) {
  return parse_number(text, NumberFormat{decimal, thousands});
}

}  // namespace

TEST_CASE("numbers in another notation are read where it is said, and nowhere else") {
  CHECK(parse_number("2,5") == std::nullopt);
  CHECK(read("2,5", ',', 0) == 2.5);
  CHECK(read("-2,5e-3", ',', 0) == -2.5e-3);
  CHECK(read("25", ',', 0) == 25.0);
  CHECK(read("2.5", ',', 0) == std::nullopt);
  CHECK(read("1.234.567,5", ',', '.') == 1234567.5);
  CHECK(read("+1.234", ',', '.') == 1234.0);
  CHECK(read("1.23", ',', '.') == std::nullopt);
  CHECK(read("1.2345", ',', '.') == std::nullopt);
  CHECK(read("1234.567", ',', '.') == std::nullopt);
  CHECK(read(".234", ',', '.') == std::nullopt);
  CHECK(read("1,234.5", '.', ',') == 1234.5);
  CHECK(read("1 234,5", ',', ' ') == 1234.5);
  CHECK(read("1'234.5", '.', '\'') == 1234.5);
  CHECK(read("", ',', 0) == std::nullopt);
  CHECK(read("-", ',', '.') == std::nullopt);
  CHECK(read("a,b", ',', 0) == std::nullopt);
}

TEST_CASE("of a number in another notation it is known in which") {
  const auto formats = [](std::string_view text) {
    std::vector<std::string> settings;
    for (const NumberFormat& format : likely_formats(other_formats(text))) settings.push_back(format_settings(format));
    return settings;
  };
  using Settings = std::vector<std::string>;
  CHECK(formats("2,5") == Settings{"data.decimal=','"});
  CHECK(formats("1,234") == Settings{"data.decimal=','", "data.thousands=','"});
  CHECK(formats("1,234,567") == Settings{"data.thousands=','"});
  CHECK(formats("1.234,5") == Settings{"data.decimal=',' data.thousands='.'"});
  CHECK(formats("1'234.5") == Settings{"data.thousands=apostrophe"});
  CHECK(formats("1 234,5") == Settings{"data.decimal=',' data.thousands=blank"});
  for (const char* none : {"12", "1.5", "abc", "2020-01-31", "1,2,3", "", "12 %", "555-1234"}) {
    CAPTURE(none);
    CHECK(other_formats(none) == 0);
  }
}

TEST_CASE("dates are days since 1970, in three orders that have one meaning") {
  CHECK(parse_date("1970-01-01") == 0.0);
  CHECK(parse_date("2020-02-29") == 18321.0);
  CHECK(parse_date("2020/02/29") == 18321.0);
  CHECK(parse_date("29.02.2020") == 18321.0);
  CHECK(parse_date(" 1969-12-31 ") == -1.0);
  CHECK(parse_date("1970-01-01T12:00") == 0.5);
  CHECK(parse_date("1970-01-02 06:00:00") == 1.25);
  CHECK(parse_date("1970-01-01T00:00:01.5Z") == 1.5 / 86400.0);
  CHECK(parse_date("1970-01-01T12:00:00+06:00") == 0.25);
  CHECK(parse_date("1970-01-01 12:00 -0600") == 0.75);
  for (const char* none : {"2021-02-29", "2020-13-01", "01/02/2020", "2020-1-1", "2020", "12:00", "2020-01-01T25:00",
                           "2020-01-01x", "2020-01-01T12:00+1", "2020.01.01", ""}) {
    CAPTURE(none);
    CHECK(parse_date(none) == std::nullopt);
  }
}

TEST_CASE("a cell is missing, a number, a truth value, a date, or text") {
  const auto kind = [](std::string_view text) { return kind_of(text, NumberFormat{}); };
  for (const char* gap : {"", " ", "NA", "n/a", "NaN", "null", "None", "?", "-", ".", "#N/A", "<NA>", "NaT"})
    CHECK(kind(gap) == CellKind::missing);
  for (const char* number : {"1", " -2.5 ", "1e3", "inf", "+4"}) CHECK(kind(number) == CellKind::number);
  for (const char* truth : {"True", "false", "TRUE"}) CHECK(kind(truth) == CellKind::boolean);
  CHECK(kind("2020-01-31") == CellKind::date);
  CHECK(kind("2,5") == CellKind::other_number);
  for (const char* text : {"yes", "tRuE", "nano", "3 cats", "--"}) CHECK(kind(text) == CellKind::text);
}
