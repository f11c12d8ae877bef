#include "util/excerpt.hpp"

#include <doctest/doctest.h>

using namespace reluscope;

TEST_CASE("a place in a text has its line, its column in characters, and a caret below it") {
  const std::string text = "one\nzwölf, three\r\nfour";
  const TextPlace place = place_in(text, text.find("three"), 5);
  CHECK(place.line == 2);
  CHECK(place.before == "zwölf, ");
  CHECK(place.marked == "three");
  CHECK(place.numbers() == "2:8");
  CHECK(excerpt(place) == "\n  2 | zwölf, three\n    |        ^^^^^");
  CHECK(place_in(text, 0, 3).numbers() == "1:1");
  CHECK(place_in(text, text.size()).numbers() == "3:5");
  CHECK(excerpt(place_in(text, text.size())) == "\n  3 | four\n    |     ^");
}

TEST_CASE("what goes over the end of its line is not marked") {
  CHECK(excerpt(place_in("ab\ncd", 1, 100)) == "\n  1 | ab\n    |  ^");
}

TEST_CASE("of a long line what is around the place is kept and shown, and no character is cut") {
  std::string line;
  for (int column = 0; column < 300; ++column) line += "ä";
  const TextPlace place = place_in("first\n" + line, 6 + 400, 2);
  CHECK(place.numbers() == "2:201");
  CHECK(place.before.size() + place.after.size() < 300);
  const std::string shown = excerpt(place);
  CHECK(shown.find("…ä") != std::string::npos);
  CHECK(shown.find("ä…") != std::string::npos);
  // Thirty characters before it, and what says that there are more.
  CHECK(shown.substr(shown.rfind('\n')) == "\n    | " + std::string(31, ' ') + "^");
  CHECK(excerpt(place_in(line, 0, 2)).starts_with("\n  1 | ä"));
  CHECK(excerpt(place_in(line, 0, 600)).ends_with(std::string(42, '^')));
}

TEST_CASE("control characters do not reach the terminal, and tabs do not move the caret") {
  CHECK(excerpt(place_in("a\tb\x1b[2J", 2, 1)) == "\n  1 | a b?[2J\n    |   ^");
}

TEST_CASE("a byte order mark is no part of the first line") {
  CHECK(excerpt(place_in("\xEF\xBB\xBF"
                         "ab",
                         4, 1)) == "\n  1 | ab\n    |  ^");
  CHECK(place_in("\xEF\xBB\xBF"
                 "ab",
                 0)
            .column == 1);
}

TEST_CASE("a help line is there where there is help") {
  CHECK(help_line("data.drop=id") == "\n  help: data.drop=id");
  CHECK(help_line("").empty());
}
