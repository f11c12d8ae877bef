#pragma once
// Findings for people: cause first, its symptoms in one line, and what to do next.

#include <string>

#include "diagnose/diagnosis.hpp"

namespace reluscope {

struct FindingsStyle {
  std::size_t width = 80;  ///< columns; broken at words
  bool color = false;      ///< the severity is coloured
  bool infos = false;      ///< information is listed too
  bool next_steps = true;  ///< what to do is said too
};

/// A paragraph for each cause, with its symptoms and what to try; nothing where nothing is to be shown. Of one rule at
/// many layers the first ones are shown, unless `infos`.
std::string findings_text(const Diagnosis& diagnosis, const FindingsStyle& style);
/// A table with a row for each finding.
std::string findings_table(const Diagnosis& diagnosis);

/// What a finding says to try first, as KEY=VALUE where the config is known: "train.optimizer.lr=0.01 (a tenth of the
/// learning rate)"; empty where there is nothing.
std::string next_step(const Finding& finding);

}  // namespace reluscope
