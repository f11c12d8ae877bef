#include "report/diagnosis_formats.hpp"

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <system_error>

#include "diagnose/rules.hpp"
#include "util/format.hpp"
#include "util/json_file.hpp"

namespace reluscope {

namespace {

using Json = nlohmann::ordered_json;

/// The file that a finding is shown at: a lone table itself, of a run directory its manifest.
std::string file_of(const JudgedRun& run) {
  const std::filesystem::path path = run.path;
  std::error_code error;
  const bool is_table = std::filesystem::is_regular_file(path, error);
  return (is_table ? path : path / "manifest.json").lexically_normal().string();
}

// ---- GitHub

std::string_view command_of(Severity severity) {
  if (severity == Severity::critical) return "error";
  return severity == Severity::warning ? "warning" : "notice";
}

/// A command's message, or one of its properties: as actions/toolkit, packages/core/src/command.ts.
std::string command_text(std::string_view text, bool is_property) {
  std::string escaped;
  for (const char letter : text) {
    if (letter == '%') {
      escaped += "%25";
    } else if (letter == '\r') {
      escaped += "%0D";
    } else if (letter == '\n') {
      escaped += "%0A";
    } else if (is_property && letter == ':') {
      escaped += "%3A";
    } else if (is_property && letter == ',') {
      escaped += "%2C";
    } else {
      escaped += letter;
    }
  }
  return printable(escaped);
}

// ---- JUnit

/// What is no UTF-8 becomes U+FFFD, as it does in the JSON.
std::string valid_utf8(std::string_view text) {
  std::string quoted;
  append_json_string(quoted, text);
  return Json::parse(quoted).get<std::string>();
}

/// Text as content or attribute. What XML 1.0 has no way to say (section 2.2) becomes U+FFFD; what is markup, or would
/// be normalised, or commands a terminal (C1, DEL) is a reference.
std::string xml_text(std::string_view text) {
  const std::string valid = valid_utf8(text);
  std::string escaped;
  const auto refer = [&escaped](unsigned code) { escaped += "&#" + std::to_string(code) + ";"; };
  for (std::string_view rest = valid; !rest.empty(); rest.remove_prefix(1)) {
    const auto byte = static_cast<unsigned char>(rest[0]);
    if (rest.starts_with("\xEF\xBF\xBE") || rest.starts_with("\xEF\xBF\xBF")) {  // U+FFFE, U+FFFF
      escaped += "\uFFFD";
      rest.remove_prefix(2);
    } else if (byte == 0xC2 && static_cast<unsigned char>(rest[1]) < 0xA0) {
      refer(static_cast<unsigned char>(rest[1]));
      rest.remove_prefix(1);
    } else if (byte < 0x20 && byte != '\t' && byte != '\n' && byte != '\r') {
      escaped += "\uFFFD";
    } else if (byte < 0x20 || byte == 0x7F || std::string_view("&<>\"'").find(rest[0]) != std::string_view::npos) {
      refer(byte);
    } else {
      escaped += rest[0];
    }
  }
  return escaped;
}

std::string attribute(std::string_view name, std::string_view value) {
  return " " + std::string(name) + "=\"" + xml_text(value) + "\"";
}

/// A rule of a run.
struct JUnitCase {
  std::string rule;
  std::vector<const Finding*> failures;  ///< at or above the severity that fails
  std::vector<const Finding*> remarks;   ///< below it
  const SkippedRule* skipped = nullptr;
};

std::vector<JUnitCase> cases_of(const Diagnosis& diagnosis, Severity fail_on) {
  std::vector<JUnitCase> cases;
  const auto case_of = [&cases](const std::string& rule) -> JUnitCase& {
    const auto found = std::find_if(cases.begin(), cases.end(), [&](const JUnitCase& one) { return one.rule == rule; });
    if (found != cases.end()) return *found;
    JUnitCase& added = cases.emplace_back();
    added.rule = rule;
    return added;
  };
  for (const std::string& rule : diagnosis.applied) case_of(rule);
  for (const Finding& finding : diagnosis.findings) {
    JUnitCase& one = case_of(finding.rule);
    (finding.severity >= fail_on ? one.failures : one.remarks).push_back(&finding);
  }
  for (const SkippedRule& skipped : diagnosis.skipped) case_of(skipped.rule).skipped = &skipped;
  return cases;
}

struct JUnitCounts {
  std::size_t tests = 0;
  std::size_t failures = 0;
  std::size_t skipped = 0;
};

std::string count_attributes(const JUnitCounts& counts) {
  return attribute("tests", std::to_string(counts.tests)) + attribute("failures", std::to_string(counts.failures)) +
         attribute("errors", "0");
}

/// "smaller_lr (optimizer.lr=0.001), clip_norm"
std::string remedies_text(const Finding& finding) {
  std::string text;
  for (std::size_t at = 0; at < finding.remedies.size(); ++at) {
    text += (at > 0 ? ", " : "") + finding.remedies[at];
    if (at >= finding.changes.size() || finding.changes[at].empty()) continue;
    std::string changes;
    for (const std::string& change : finding.changes[at]) changes += (changes.empty() ? "" : " ") + change;
    text += " (" + changes + ")";
  }
  return text;
}

/// Findings in full, a paragraph each.
std::string findings_xml(const std::vector<const Finding*>& findings) {
  std::string text;
  for (const Finding* finding : findings) {
    text += std::string(severity_name(finding->severity)) + ": " + xml_text(finding->sentence) + "\n";
    if (!finding->symptom_of.empty()) text += "  a symptom of: " + xml_text(finding->symptom_of) + "\n";
    if (!finding->remedies.empty()) text += "  what may help: " + xml_text(remedies_text(*finding)) + "\n";
  }
  return text;
}

/// One <failure>, whatever the number of layers: Jenkins shows the first of a case alone.
std::string failure_xml(const std::vector<const Finding*>& failures) {
  const Finding& worst =
      **std::max_element(failures.begin(), failures.end(),
                         [](const Finding* left, const Finding* right) { return left->severity < right->severity; });
  const std::size_t others = failures.size() - 1;
  const std::string more = others > 0 ? " (and " + std::to_string(others) + " more)" : "";
  return "      <failure" + attribute("message", worst.sentence + more) +
         attribute("type", severity_name(worst.severity)) + ">" + findings_xml(failures) + "</failure>\n";
}

std::string case_xml(const JudgedRun& run, const JUnitCase& one) {
  std::string inner;
  if (!one.failures.empty()) inner += failure_xml(one.failures);
  if (one.skipped != nullptr) inner += "      <skipped" + attribute("message", "no " + one.skipped->missing) + "/>\n";
  if (!one.remarks.empty()) inner += "      <system-out>" + findings_xml(one.remarks) + "</system-out>\n";
  // Surefire's schema wants a time.
  const std::string head =
      "    <testcase" + attribute("classname", run.path) + attribute("name", one.rule) + attribute("time", "0");
  return inner.empty() ? head + "/>\n" : head + ">\n" + inner + "    </testcase>\n";
}

/// Adds the run to `total`.
std::string suite_xml(const JudgedRun& run, Severity fail_on, JUnitCounts& total) {
  JUnitCounts counts;
  std::string inner;
  for (const JUnitCase& one : cases_of(run.diagnosis, fail_on)) {
    ++counts.tests;
    if (!one.failures.empty()) ++counts.failures;
    if (one.skipped != nullptr) ++counts.skipped;
    inner += case_xml(run, one);
  }
  total.tests += counts.tests;
  total.failures += counts.failures;
  return "  <testsuite" + attribute("name", run.path) + count_attributes(counts) +
         attribute("skipped", std::to_string(counts.skipped)) + attribute("time", "0") + ">\n" + inner +
         "  </testsuite>\n";
}

// ---- SARIF

/// A path as a URI reference (RFC 3986): a colon in it would make a scheme of what stands before.
std::string uri_of(std::string_view path) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  constexpr std::string_view kPlain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/";
  std::string uri = path.starts_with('/') ? "file://" : "";
  for (const char letter : path) {
    if (kPlain.find(letter) != std::string_view::npos) {
      uri += letter;
      continue;
    }
    const auto byte = static_cast<unsigned char>(letter);
    uri += {'%', kDigits[byte >> 4U], kDigits[byte & 0xFU]};
  }
  return uri;
}

std::string_view level_of(Severity severity) {
  if (severity == Severity::critical) return "error";
  return severity == Severity::warning ? "warning" : "note";
}

/// The number of a rule among those found; it is added where it is not there yet.
std::size_t rule_index(Json& rules, const std::string& name) {
  const auto found = std::find_if(rules.begin(), rules.end(), [&](const Json& rule) { return rule["id"] == name; });
  if (found != rules.end()) return static_cast<std::size_t>(found - rules.begin());
  Json rule = {{"id", name}};
  if (const RuleEntry* entry = find_entry(rule_table(), name)) rule["shortDescription"] = {{"text", entry->doc}};
  rules.push_back(std::move(rule));
  return rules.size() - 1;
}

Json location_of(const std::string& uri, const Finding& finding) {
  // The whole file is meant, but GitHub's code scanning wants a line.
  Json location = {{"physicalLocation", {{"artifactLocation", {{"uri", uri}}}, {"region", {{"startLine", 1}}}}}};
  if (!finding.name.empty()) location["logicalLocations"] = Json::array({{{"name", finding.name}, {"kind", "layer"}}});
  return location;
}

Json result_of(const std::string& uri, const Finding& finding, std::size_t rule) {
  return {{"ruleId", finding.rule},
          {"ruleIndex", rule},
          {"level", level_of(finding.severity)},
          {"message", {{"text", finding.sentence}}},
          {"locations", Json::array({location_of(uri, finding)})},
          {"properties",
           {{"step", finding.step ? Json(*finding.step) : Json(nullptr)},
            {"value", number_or_null(finding.value)},
            {"threshold", number_or_null(finding.threshold)},
            {"remedies", finding.remedies},
            {"changes", finding.changes},
            {"symptom_of", finding.symptom_of.empty() ? Json(nullptr) : Json(finding.symptom_of)}}}};
}

}  // namespace

std::string github_annotations(std::span<const JudgedRun> runs) {
  std::string commands;
  for (const JudgedRun& run : runs) {
    const std::string file = command_text(file_of(run), true);
    for (const Finding& finding : run.diagnosis.findings) {
      commands += "::" + std::string(command_of(finding.severity));
      commands += " title=" + command_text(finding.rule, true) + ",file=" + file;
      commands += "::" + command_text(finding.sentence, false) + "\n";
    }
  }
  return commands;
}

std::string junit_report(std::span<const JudgedRun> runs, Severity fail_on) {
  JUnitCounts total;
  std::string suites;
  for (const JudgedRun& run : runs) suites += suite_xml(run, fail_on, total);
  return "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites" + attribute("name", "reluscope") +
         count_attributes(total) + ">\n" + suites + "</testsuites>\n";
}

std::string sarif_report(std::span<const JudgedRun> runs, std::string_view version) {
  Json rules = Json::array();
  Json results = Json::array();
  for (const JudgedRun& run : runs) {
    const std::string uri = uri_of(file_of(run));
    for (const Finding& finding : run.diagnosis.findings)
      results.push_back(result_of(uri, finding, rule_index(rules, finding.rule)));
  }
  const Json driver = {{"name", "reluscope"}, {"version", version}, {"rules", rules}};
  const Json document = {
      {"$schema", "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"},
      {"version", "2.1.0"},
      {"runs", Json::array({{{"tool", {{"driver", driver}}}, {"results", results}}})}};
  return document.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace reluscope
