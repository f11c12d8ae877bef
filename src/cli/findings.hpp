#pragma once
// What `run` and `diagnose` share: findings for people, and the exit code that they ask for.

#include <CLI/CLI.hpp>
#include <ostream>
#include <span>
#include <string>

#include "diagnose/diagnosis.hpp"

namespace reluscope {

/// findings_text() (report/findings_text.hpp) for this stream, as wide as the terminal.
void print_findings(const Diagnosis& diagnosis, std::ostream& out, bool infos = false);
/// --fail-on warning|critical, into `fail_on`.
void add_fail_on_option(CLI::App& command, std::string& fail_on);
/// 3 if a finding is at least as severe as `fail_on` (which may be empty), otherwise 0.
int exit_code_for(const Diagnosis& diagnosis, const std::string& fail_on);
/// The same of several runs.
int exit_code_for(std::span<const Diagnosis* const> diagnoses, const std::string& fail_on);
/// --ignore RULE, any number of times; and the diagnosis without what these rules found. Throws UsageError for a rule
/// that does not exist.
void add_ignore_option(CLI::App& command, std::vector<std::string>& rules);
void ignore_rules(Diagnosis& diagnosis, const std::vector<std::string>& rules);

}  // namespace reluscope
