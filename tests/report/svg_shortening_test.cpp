#include "report/svg_shortening.hpp"

#include <doctest/doctest.h>

#include "support/text.hpp"

using namespace reluscope;
using test::contains;

TEST_CASE("groups that hold nothing go, be they in others that then hold nothing; those with something stay") {
  const std::string svg = shorten_svg(
      "<svg >\n<g stroke=\"red\">\n\t<g fill=\"none\">\n</g>\n</g>\n<g a=\"b\"><text>1.00</text></g>\n</svg>");
  CHECK_FALSE(contains(svg, "red"));
  CHECK(contains(svg, "<g a=\"b\"><text>1.00</text></g>"));  // what a tick says is no coordinate
}

TEST_CASE("coordinates are to a tenth, and nothing else is touched") {
  const std::string svg = shorten_svg(
      "<svg ><path stroke='rgb(1, 22, 3)' stroke-dasharray='2,4' d='M100.10,222.00 \n\tL-0.04,1e3 Z '/>"
      "<polygon points = '1.26,2.00 3.14,4.96 '/></svg>");
  CHECK(contains(svg, "stroke='rgb(1, 22, 3)' stroke-dasharray='2,4' d='M100.1,222 L0,1e3 Z '"));
  CHECK(contains(svg, "points='1.3,2 3.1,5 '"));
}

TEST_CASE("what holds anyway is said once, on the element svg") {
  const std::string svg = shorten_svg(
      "<svg viewBox=\"0 0 1 1\"><g fill=\"none\" stroke=\"currentColor\" stroke-width=\"1.00\" stroke-linecap=\"butt\" "
      "stroke-linejoin=\"miter\"><path stroke-width=\"1.60\" d='M1,1'/></g></svg>");
  CHECK(svg ==
        "<svg fill=\"none\" font-family=\"sans-serif\" font-size=\"13\" viewBox=\"0 0 1 1\">"
        "<g stroke=\"currentColor\"><path stroke-width=\"1.60\" d='M1,1'/></g></svg>");
}
