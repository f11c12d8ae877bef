// The engine, on a layout of its own: what it does must not depend on what reluscope happens to configure.
#include "config/resolve.hpp"

#include <doctest/doctest.h>

#include <algorithm>

using namespace reluscope;

namespace {

using Raw = nlohmann::json;

Field leaf(Param param) {
  Field field{param.name, param.doc, {}};
  field.node.param = std::move(param);
  return field;
}

/// A kitchen: an object with a leaf of every kind, a list, and a choice with both shorthands.
LayoutNode kitchen() {
  Field spice{"spice", "", {}};
  spice.node.kind = LayoutNode::Kind::choice;
  spice.node.discriminator = "name";
  spice.node.fallback = "salt";
  spice.node.string_shorthand = true;
  spice.node.number_shorthand = "pepper";
  spice.node.options = {{"salt", {"sodium"}, "", {leaf(number("grams", 1.0, "").at_least(0).below(10))}},
                        {"pepper", {}, "", {leaf(number("value", 2.0, ""))}},
                        {"saffron", {}, "", {leaf(required("threads", ParamKind::integer, "").at_least(1))}}};
  Field guests{"guests", "", {}};
  guests.node.kind = LayoutNode::Kind::list;
  LayoutNode guest;
  guest.kind = LayoutNode::Kind::object;
  guest.fields = {leaf(text("who", "anyone", "")), leaf(boolean("vegan", false, ""))};
  guests.node.items = {guest};
  Param heat = integer("heat", 5, "").at_least(1).one_of({"low", "high"});
  LayoutNode root;
  root.kind = LayoutNode::Kind::object;
  root.fields = {leaf(heat),
                 leaf(numbers("times", {1.0, 2.0}, "").of_length(2).above(0)),
                 leaf(unset("table", ParamKind::numbers, "").of_length(3).of_integers().at_least(1).at_most(9)),
                 leaf(unset("note", ParamKind::text, "")),
                 spice,
                 guests};
  return root;
}

ConfigIssues issues_of(const char* text) {
  ConfigIssues issues;
  resolve(kitchen(), Raw::parse(text), issues);
  return issues;
}

std::string resolved(const char* text) {
  ConfigIssues issues;
  const auto result = resolve(kitchen(), Raw::parse(text), issues);
  REQUIRE(issues.empty());
  return result.dump();
}

}  // namespace

TEST_CASE("defaults fill what is missing, in the order of the layout") {
  CHECK(resolved(R"({"guests": [{}]})") ==
        R"({"heat":5,"times":[1.0,2.0],"table":null,"note":null,"spice":{"name":"salt","grams":1.0},)"
        R"("guests":[{"who":"anyone","vegan":false}]})");
}

TEST_CASE("a list of integers stays one, and null stays null") {
  CHECK(resolved(R"({"guests": [{}], "table": [1, 2, 9]})").find(R"("table":[1,2,9])") != std::string::npos);
  CHECK(resolved(R"({"guests": [{}], "table": null})").find(R"("table":null)") != std::string::npos);
  CHECK(issues_of(R"({"guests": [{}], "table": [1]})")[0].expected == "a list of 3 integers from 1 to 9, or null");
}

TEST_CASE("aliases, words in place of integers and both shorthands end in one form") {
  const std::string tail = R"(,"guests":[{"who":"anyone","vegan":false}]})";
  const auto spice = [&](const std::string& given) {
    const std::string text = resolved((R"({"heat": "low", "guests": [{}], "spice": )" + given + "}").c_str());
    CHECK(text.starts_with(R"({"heat":"low")"));
    CHECK(text.ends_with(tail));
    const std::size_t start = text.find(R"("spice":)") + 8;
    return text.substr(start, text.size() - tail.size() - start);
  };
  CHECK(spice(R"("sodium")") == R"({"name":"salt","grams":1.0})");
  CHECK(spice(R"({"name": "sodium", "grams": 3})") == R"({"name":"salt","grams":3.0})");
  CHECK(spice(R"({"grams": 3})") == R"({"name":"salt","grams":3.0})");
  CHECK(spice("0.5") == R"({"name":"pepper","value":0.5})");
}

TEST_CASE("each kind of fault has its place") {
  const struct {
    const char* text;
    const char* pointer;
  } cases[] = {{R"([])", ""},
               {R"({})", "/guests"},
               {R"({"guests": []})", "/guests"},
               {R"({"guests": [{}], "heat": 0})", "/heat"},
               {R"({"guests": [{}], "heat": 1.5})", "/heat"},
               {R"({"guests": [{}], "heat": 18446744073709551615})", "/heat"},
               {R"({"guests": [{}], "heat": true})", "/heat"},
               {R"({"guests": [{}], "heat": null})", "/heat"},
               {R"({"guests": [{}], "times": [1]})", "/times"},
               {R"({"guests": [{}], "times": [1, 0]})", "/times"},
               {R"({"guests": [{}], "table": [1, 2]})", "/table"},
               {R"({"guests": [{}], "table": [1, 2, 2.5]})", "/table"},
               {R"({"guests": [{}], "table": [1, 2, 2.0]})", "/table"},
               {R"({"guests": [{}], "table": [1, 2, 10]})", "/table"},
               {R"({"guests": [{}, {"vegan": 1}]})", "/guests/1/vegan"},
               {R"({"guests": [{}], "spice": "saffron"})", "/spice/threads"},
               {R"({"guests": [{}], "spice": "curry"})", "/spice"},
               {R"({"guests": [{}], "spice": {"name": 3}})", "/spice/name"},
               {R"({"guests": [{}], "spice": {"grams": 10}})", "/spice/grams"},
               {R"({"guests": [{}], "spice": null})", "/spice"},
               {R"({"guests": [{}], "a/b~c": 1})", "/a~1b~0c"}};
  for (const auto& one : cases) {
    CAPTURE(one.text);
    const ConfigIssues issues = issues_of(one.text);
    REQUIRE(issues.size() == 1);
    CHECK(issues[0].pointer == one.pointer);
    CHECK_FALSE(issues[0].found.empty());
    CHECK_FALSE(issues[0].expected.empty());
  }
}

TEST_CASE("a hint says what was probably meant") {
  CHECK(issues_of(R"({"guests": [{}], "haet": 3})")[0].hint == "did you mean \"heat\"?");
  CHECK(issues_of(R"({"guests": [{}], "heat": "hihg"})")[0].hint == "did you mean \"high\"?");
  CHECK(issues_of(R"({"guests": [{}], "spice": "slat"})")[0].hint == "did you mean \"salt\"?");
  CHECK(issues_of(R"({"guests": [{}], "vegan": true})")[0].hint == "it is known at /guests/0/vegan");
  CHECK(issues_of(R"({"guests": [{}], "heat": 1e3})")[0].hint == "write 1000");
  CHECK(issues_of(R"({"guests": [{}], "spice": {"grams": "3"}})")[0].hint == "write it without the quotes");
  CHECK(issues_of(R"({"guests": [{}], "note": 1.5})")[0].hint == "write \"1.5\"");
  CHECK(issues_of(R"({"guests": [{}], "completely": "different"})")[0].hint.empty());
}

TEST_CASE("ranges read as sentences") {
  CHECK(expectation(integer("n", 1, "").at_least(1).at_most(9)) == "an integer from 1 to 9");
  CHECK(expectation(number("x", 0, "").at_least(0).below(1)) == "a number ≥ 0 and < 1");
  CHECK(expectation(number("x", 1, "").above(0).or_null()) == "a number > 0, or null");
  CHECK(expectation(number("x", 1, "").at_most(0.5)) == "a number ≤ 0.5");
  CHECK(expectation(text("x", "a", "").one_of({"a", "b"})) == "one of: a, b");
}

TEST_CASE("a bound is said digit by digit, and that of the type where it is what was crossed") {
  constexpr double kLargeBound = 9007199254740992.0;  // 2^53
  CHECK(expectation(integer("n", 1, "").at_least(1).at_most(kLargeBound)) == "an integer from 1 to 9007199254740992");
  for (const char* large : {"9223372036854775808", "18446744073709551615", "18446744073709551616", "1e19"}) {
    CAPTURE(large);
    const ConfigIssues issues = issues_of((R"({"guests": [{}], "heat": )" + std::string(large) + "}").c_str());
    REQUIRE(issues.size() == 1);
    CHECK(issues[0].expected == "an integer from 1 to 9223372036854775807, or one of: low, high");
  }
  CHECK(issues_of(R"({"guests": [{}], "heat": 9223372036854775807})").empty());
  CHECK(issues_of(R"({"guests": [{}], "heat": -9223372036854775809})")[0].expected ==
        "an integer ≥ 1, or one of: low, high");
  CHECK(issues_of(R"({"guests": [{}], "heat": 1e18})")[0].hint == "write 1000000000000000000");
}

TEST_CASE("the pattern of the schema and is_name agree") {
  CHECK(std::string(kNamePattern) == "^[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}$");
  for (const char* good : {"a", "_", "-", "0", "a.b", "A-b_c.9", "a.."}) CHECK(is_name(good));
  for (const char* bad : {"", ".", "..", ".a", "a b", "a/b", "a\n", "ä", "a~", "\x7f"}) CHECK_FALSE(is_name(bad));
  CHECK(is_name(std::string(100, 'x')));
  CHECK_FALSE(is_name(std::string(101, 'x')));
}
