// What continuous integration reads: GitHub's commands, JUnit's XML, SARIF.
#include "report/diagnosis_formats.hpp"
#include "diagnose/rules.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

using namespace reluscope;

namespace {

using Json = nlohmann::json;

/// Whatever could end a string, an element, a line or a command, with its counterpart in a path.
constexpr const char* kHostile = "50 % of \"a\" & <b> 'c' ]]>\r\n::error::x\x1b[31m\xc2\x9b\x7f\xff\xef\xbf\xbe";

Finding finding_of(std::string rule, Severity severity, std::string sentence) {
  Finding finding;
  finding.rule = std::move(rule);
  finding.severity = severity;
  finding.sentence = std::move(sentence);
  return finding;
}

/// Two layers die, one is noted, a rule finds nothing, and one was not applied.
JudgedRun sick_run(std::string path = "runs/sick") {
  JudgedRun run;
  run.path = std::move(path);
  Finding first = finding_of("dying-units", Severity::critical, "Layer 'dense1' dies.");
  first.layer = 1;
  first.name = "dense1";
  first.step = 40;
  first.value = 0.75;
  first.threshold = 0.5;
  first.remedies = {"smaller_lr", "leaky_relu"};
  first.changes = {{"optimizer.lr=0.001"}, {"a=1", "b=2"}};
  first.symptom_of = "exploding-gradients";
  Finding second = finding_of("dying-units", Severity::warning, "Layer 'dense2' dies.");
  second.value = std::numeric_limits<double>::quiet_NaN();
  second.threshold = std::numeric_limits<double>::infinity();
  run.diagnosis.findings = {first, second, finding_of("dying-units", Severity::info, "Layer 'dense3' ails."),
                            finding_of("dead-on-arrival", Severity::info, "A few were born dead.")};
  run.diagnosis.applied = {"dead-on-arrival", "dying-units", "unchanged-weights"};
  run.diagnosis.skipped = {{"zero-gradient", "layers.delta_rms"}};
  return run;
}

JudgedRun hostile_run() {
  JudgedRun run;
  run.path = "a:b,c %\"<\n\xff]]>";
  run.diagnosis.findings = {finding_of("dying-units", Severity::critical, kHostile)};
  run.diagnosis.findings[0].name = kHostile;
  run.diagnosis.findings[0].remedies = {kHostile};
  run.diagnosis.findings[0].changes = {{kHostile}};
  run.diagnosis.findings[0].symptom_of = kHostile;
  run.diagnosis.applied = {"dying-units"};
  run.diagnosis.skipped = {{"zero-gradient", kHostile}};
  return run;
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

std::size_t times(const std::string& text, const std::string& part) {
  std::size_t count = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + part.size())) ++count;
  return count;
}

std::string junit_of(const JudgedRun& run, Severity fail_on) { return junit_report({&run, 1}, fail_on); }

Json sarif_of(std::span<const JudgedRun> runs) { return Json::parse(sarif_report(runs, "1.2.3")); }

std::string uri_in(const std::string& path) {
  const JudgedRun run = sick_run(path);
  return sarif_of({&run, 1})["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"];
}

}  // namespace

TEST_CASE("GitHub: one command a finding, by its severity, at the run's manifest") {
  const std::vector<JudgedRun> runs = {sick_run(), sick_run("runs/b")};
  const std::string text = github_annotations(runs);
  CHECK(
      text.starts_with("::error title=dying-units,file=runs/sick/manifest.json::Layer 'dense1' dies.\n"
                       "::warning title=dying-units,file=runs/sick/manifest.json::Layer 'dense2' dies.\n"
                       "::notice title=dying-units,file=runs/sick/manifest.json::Layer 'dense3' ails.\n"
                       "::notice title=dead-on-arrival,file=runs/sick/manifest.json::A few were born dead.\n"
                       "::error title=dying-units,file=runs/b/manifest.json::"));
  CHECK(times(text, "\n") == 8);
}

TEST_CASE("GitHub: no sentence and no path makes a command, a property or a line of its own") {
  const JudgedRun run = hostile_run();
  CHECK(github_annotations({&run, 1}) ==
        "::error title=dying-units,file=a%3Ab%2Cc %25\"<%0A?]]>/manifest.json::"
        "50 %25 of \"a\" & <b> 'c' ]]>%0D%0A::error::x?[31m???\xef\xbf\xbe\n");
}

TEST_CASE("JUnit: a case a rule, failed by what is severe enough, and the rest is output") {
  const std::string text = junit_of(sick_run(), Severity::warning);
  CHECK(text.starts_with(
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
      "<testsuites name=\"reluscope\" tests=\"4\" failures=\"1\" errors=\"0\">\n"
      "  <testsuite name=\"runs/sick\" tests=\"4\" failures=\"1\" errors=\"0\" skipped=\"1\" time=\"0\">\n"));
  CHECK(times(text, "<testcase ") == 4);
  CHECK(has(text, "<testcase classname=\"runs/sick\" name=\"unchanged-weights\" time=\"0\"/>\n"));
  // Both layers in one element: readers take the first of a case alone.
  CHECK(times(text, "<failure ") == 1);
  CHECK(has(text,
            "<failure message=\"Layer &#39;dense1&#39; dies. (and 1 more)\" type=\"critical\">"
            "critical: Layer &#39;dense1&#39; dies.\n"
            "  a symptom of: exploding-gradients\n"
            "  what may help: smaller_lr (optimizer.lr=0.001), leaky_relu (a=1 b=2)\n"
            "warning: Layer &#39;dense2&#39; dies.\n"
            "</failure>\n"
            "      <system-out>info: Layer &#39;dense3&#39; ails.\n</system-out>\n"));
  CHECK(has(text, "<system-out>info: A few were born dead.\n</system-out>"));
  CHECK(has(text, "name=\"zero-gradient\" time=\"0\">\n      <skipped message=\"no layers.delta_rms\"/>\n"));
}

TEST_CASE("JUnit: failures follow the severity that fails") {
  CHECK(has(junit_of(sick_run(), Severity::info), "tests=\"4\" failures=\"2\""));
  const std::string critical = junit_of(sick_run(), Severity::critical);
  CHECK(has(critical, "<failure message=\"Layer &#39;dense1&#39; dies.\" type=\"critical\">"));
  CHECK(has(critical,
            "<system-out>warning: Layer &#39;dense2&#39; dies.\ninfo: Layer &#39;dense3&#39; ails.\n</system-out>"));
  JudgedRun mild = sick_run();
  mild.diagnosis.findings.erase(mild.diagnosis.findings.begin());
  CHECK(has(junit_of(mild, Severity::critical), "tests=\"4\" failures=\"0\""));
  CHECK(has(junit_of(mild, Severity::warning), "<failure message=\"Layer &#39;dense2&#39; dies.\" type=\"warning\">"));
}

TEST_CASE("JUnit: of several findings the first of the most severe speaks for the case, wherever it stands") {
  JudgedRun run = sick_run();
  std::reverse(run.diagnosis.findings.begin(), run.diagnosis.findings.end());
  run.diagnosis.findings.push_back(finding_of("dying-units", Severity::critical, "Layer 'dense4' dies."));
  const std::string text = junit_of(run, Severity::info);
  CHECK(has(text, "<failure message=\"Layer &#39;dense1&#39; dies. (and 3 more)\" type=\"critical\">info: "));
}

TEST_CASE("JUnit: suites are counted apart and together") {
  const std::vector<JudgedRun> runs = {sick_run(), sick_run("runs/b"), {"runs/well", {}}};
  const std::string text = junit_report(runs, Severity::warning);
  CHECK(has(text, "<testsuites name=\"reluscope\" tests=\"8\" failures=\"2\" errors=\"0\">"));
  CHECK(times(text, "<testsuite name=") == 3);
  CHECK(has(text,
            "<testsuite name=\"runs/well\" tests=\"0\" failures=\"0\" errors=\"0\" skipped=\"0\" time=\"0\">\n"
            "  </testsuite>"));
}

TEST_CASE("JUnit: a finding of a rule that is not listed as applied is no less a failure") {
  JudgedRun run = sick_run();
  run.diagnosis.applied.clear();
  const std::string text = junit_of(run, Severity::warning);
  CHECK(has(text, "tests=\"3\" failures=\"1\""));
  CHECK(has(text, "<failure "));
}

TEST_CASE("JUnit: markup is escaped, and what XML cannot say is replaced") {
  const std::string text = junit_of(hostile_run(), Severity::warning);
  CHECK(has(text,
            "message=\"50 % of &#34;a&#34; &#38; &#60;b&#62; &#39;c&#39; ]]&#62;&#13;&#10;::error::x\uFFFD[31m"
            "&#155;&#127;\uFFFD\uFFFD\""));
  CHECK(has(text, "<testsuite name=\"a:b,c %&#34;&#60;&#10;\uFFFD]]&#62;\""));
  CHECK(has(text, "<skipped message=\"no 50 % of &#34;a&#34;"));
  CHECK_FALSE(has(text, "]]>"));
  CHECK(std::none_of(text.begin(), text.end(), [](char letter) {
    return (static_cast<unsigned char>(letter) < 0x20 && letter != '\n') || letter == '\x7f' || letter == '\xff';
  }));
  JudgedRun plain = sick_run();
  plain.diagnosis.findings[0].sentence = "a\tb ä 漢 \xf0\x9f\x98\x80";
  CHECK(has(junit_of(plain, Severity::warning), "critical: a&#9;b ä 漢 \xf0\x9f\x98\x80\n"));
}

TEST_CASE("SARIF: rules that were found, and results that point to them") {
  const std::vector<JudgedRun> runs = {sick_run(), sick_run("runs/b")};
  const Json document = sarif_of(runs);
  CHECK(document["version"] == "2.1.0");
  CHECK(has(document["$schema"], "sarif-schema-2.1.0.json"));
  REQUIRE(document["runs"].size() == 1);
  const Json& driver = document["runs"][0]["tool"]["driver"];
  CHECK(driver["name"] == "reluscope");
  CHECK(driver["version"] == "1.2.3");
  REQUIRE(driver["rules"].size() == 2);
  CHECK(driver["rules"][0]["id"] == "dying-units");
  CHECK(driver["rules"][1]["id"] == "dead-on-arrival");
  for (const Json& rule : driver["rules"])
    CHECK(rule["shortDescription"]["text"] == find_entry(rule_table(), std::string(rule["id"]))->doc);
  const Json& results = document["runs"][0]["results"];
  REQUIRE(results.size() == 8);
  for (const Json& result : results) CHECK(driver["rules"][std::size_t(result["ruleIndex"])]["id"] == result["ruleId"]);
  CHECK(results[0]["level"] == "error");
  CHECK(results[1]["level"] == "warning");
  CHECK(results[2]["level"] == "note");
  CHECK(results[0]["message"]["text"] == "Layer 'dense1' dies.");
  CHECK(results[4]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "runs/b/manifest.json");
}

TEST_CASE("SARIF: evidence, remedies and layer; null where there is no number") {
  const JudgedRun run = sick_run();
  const Json results = sarif_of({&run, 1})["runs"][0]["results"];
  CHECK(results[0]["properties"] == Json{{"step", 40},
                                         {"value", 0.75},
                                         {"threshold", 0.5},
                                         {"remedies", {"smaller_lr", "leaky_relu"}},
                                         {"changes", Json::parse(R"([["optimizer.lr=0.001"], ["a=1", "b=2"]])")},
                                         {"symptom_of", "exploding-gradients"}});
  REQUIRE(results[0]["locations"].size() == 1);
  CHECK(results[0]["locations"][0]["logicalLocations"] == Json::parse(R"([{"name": "dense1", "kind": "layer"}])"));
  CHECK(results[1]["properties"] == Json::parse(R"({"step": null, "value": null, "threshold": null, "remedies": [],
                                                    "changes": [], "symptom_of": null})"));
  CHECK_FALSE(results[1]["locations"][0].contains("logicalLocations"));
}

TEST_CASE("SARIF: a path is a URI reference, of a table the table's own") {
  CHECK(uri_in("runs/a b:c%d#e?\n\xff") == "runs/a%20b%3Ac%25d%23e%3F%0A%FF/manifest.json");
  CHECK(uri_in("./runs//x/") == "runs/x/manifest.json");
  CHECK(uri_in(".") == "manifest.json");
  CHECK(uri_in("//nowhere/x") == "file:///nowhere/x/manifest.json");
  CHECK(uri_in("ä") == "%C3%A4/manifest.json");
  CHECK(uri_in("tests/report/diagnosis_formats_test.cpp") == "tests/report/diagnosis_formats_test.cpp");
}

TEST_CASE("SARIF: hostile text stays text") {
  const JudgedRun run = hostile_run();
  const Json result = sarif_of({&run, 1})["runs"][0]["results"][0];
  CHECK(result["message"]["text"] == "50 % of \"a\" & <b> 'c' ]]>\r\n::error::x\x1b[31m\xc2\x9b\x7f\uFFFD\xef\xbf\xbe");
}

TEST_CASE("nothing found, and no run, are documents too") {
  const std::vector<JudgedRun> well = {{"runs/well", {}}};
  const std::span<const JudgedRun> none;
  for (const std::span<const JudgedRun> runs : {std::span<const JudgedRun>(well), none}) {
    CHECK(github_annotations(runs).empty());
    CHECK(sarif_of(runs)["runs"][0]["results"] == Json::array());
    CHECK(sarif_of(runs)["runs"][0]["tool"]["driver"]["rules"] == Json::array());
    CHECK(has(junit_report(runs, Severity::info), "<testsuites name=\"reluscope\" tests=\"0\" failures=\"0\""));
  }
}
