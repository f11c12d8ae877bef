#pragma once
// The first screen of a run's page: what happened, when, why, and what to do; and what else stands around the charts.

#include <string>

#include "report/report_run.hpp"

namespace reluscope {

/// "digits · 64-64-64-10 relu · sgd 0.05 · seed 7 · 900 steps", as far as the manifest says it.
std::string facts_of(const ReportRun& run);

/// Facts, verdict, findings with what to try, final figures, and the dead units behind one click; `beside`: a chart
/// (HTML), or nothing.
std::string first_screen_html(const ReportRun& run, const std::string& beside);

/// The last census, layer by layer.
std::string census_html(const ReportRun& run);

/// What the words mean that findings and tables link to. Once a page.
std::string glossary_html();

/// How the run was made, and its config.
std::string origin_html(const ReportRun& run);

// Of an evaluation in summary.json; empty where there is none.
std::string accuracy_of(const nlohmann::ordered_json& evaluation);
std::string loss_of(const nlohmann::ordered_json& evaluation);

}  // namespace reluscope
