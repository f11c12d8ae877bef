// Text for people: broken at words, coloured for those who want it.
#include "report/terminal.hpp"

#include <doctest/doctest.h>

#include "report/findings_text.hpp"
#include "support/text.hpp"

using namespace reluscope;
using namespace reluscope::test;

namespace {

Finding finding(const std::string& rule, Severity severity, const std::string& sentence) {
  Finding one;
  one.rule = rule;
  one.severity = severity;
  one.sentence = sentence;
  return one;
}

}  // namespace

TEST_CASE("text is broken at blanks alone, and no line is too long that can be shorter") {
  CHECK(wrap("one two three four", 9) == "one two\nthree\nfour");
  CHECK(wrap("one two three four", 9, "  ") == "one two\n  three\n  four");
  CHECK(wrap("", 9).empty());
  CHECK(wrap("exactly 9", 9) == "exactly 9");
  CHECK(wrap("a-word-that-is-longer than", 9) == "a-word-that-is-longer\nthan");
  CHECK(wrap("one\ntwo three", 9) == "one\ntwo three");
  CHECK(wrap("ä→× ä→×", 7) == "ä→× ä→×");  // code points, not bytes
}

TEST_CASE("findings: the cause, what to do, and its symptoms in one line; each line fits") {
  Diagnosis diagnosis;
  Finding cause = finding("unscaled-inputs", Severity::warning,
                          std::string("Inputs are large, ") + std::string(100, 'x') + " and that is how it is.");
  cause.remedies = {"standardize"};
  cause.changes = {{"data.normalize=per_feature"}};
  diagnosis.findings = {cause};
  for (int layer = 1; layer <= 5; ++layer) {
    Finding symptom = finding("dying-units", Severity::critical, "They died.");
    symptom.name = "dense" + std::to_string(layer);
    symptom.symptom_of = "unscaled-inputs";
    diagnosis.findings.push_back(symptom);
  }
  diagnosis.findings.push_back(finding("constant-features", Severity::info, "By the way."));
  const std::string text = findings_text(diagnosis, {.width = 60, .color = false, .infos = false});
  CHECK(says(text, "warning: unscaled-inputs: Inputs are large,"));
  CHECK(
      says(text, "Next: data.normalize=per_feature (each input feature with mean 0 and standard deviation 1), or let"));
  CHECK(says(text, "also: dying-units (dense1, dense2, dense3, 2 more)"));
  CHECK_FALSE(says(text, "They died."));
  CHECK_FALSE(says(text, "By the way."));
  CHECK_FALSE(contains(text, "\x1b"));
  std::size_t long_lines = 0;
  for (const std::string& line : lines_of(text))
    if (code_points(line) > 60) ++long_lines;
  CHECK(long_lines == 1);  // the one of a single word
  const std::string all = findings_text(diagnosis, {.width = 60, .color = true, .infos = true});
  CHECK(contains(all, "\x1b[33;1mwarning\x1b[0m: "));
  CHECK(says(all, "constant-features: By the way."));
}

TEST_CASE("a rule with findings of two severities says what to do once, behind the last of them") {
  Diagnosis diagnosis;
  for (const Severity severity : {Severity::critical, Severity::warning}) {
    Finding one = finding("dead-on-arrival", severity, "Dead.");
    one.remedies = {"positive_bias"};
    diagnosis.findings.push_back(one);
  }
  const std::string text = findings_text(diagnosis, {.width = 80, .color = false, .infos = false});
  CHECK(text.find("Next:") == text.rfind("Next:"));
  CHECK(text.find("Next:") > text.find("warning: dead-on-arrival"));
}
