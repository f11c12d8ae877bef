#include "config/table_config.hpp"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "config/config_document.hpp"
#include "config/load.hpp"
#include "data/csv.hpp"
#include "data/table_guess.hpp"
#include "util/error.hpp"
#include "util/excerpt.hpp"
#include "util/format.hpp"

namespace reluscope {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMostListed = 8;

std::string counted(std::uint64_t count, const std::string& one) {
  return std::to_string(count) + " " + one + (count == 1 ? "" : "s");
}

/// What the settings say of a table, each kept as it was given.
struct Settings {
  CsvOptions options;
  ParamValues given;  ///< of the csv kind

  explicit Settings(const OwnWish& wish) {
    std::vector<std::string> overrides(wish.settings.begin(), wish.settings.end());
    if (!wish.label.empty()) overrides.push_back("data.label_column=" + wish.label);
    const std::string stub = R"({"data": {"kind": "csv", "file": )" + quoted(wish.file.string()) +
                             R"(}, "network": {"layers": [{"units": 1}]}})";
    const ExperimentSpec spec = parse_experiment(stub, "the settings", ".", overrides, TextOf::program);
    given = spec.data.source.params;
    options = csv_options(given, true);
  }
};

class ConfigWriter {
 public:
  ConfigWriter(const OwnWish& wish, Settings settings, TableProfile table, TableGuess guess)
      : wish_(wish), settings_(std::move(settings)), table_(std::move(table)), guess_(std::move(guess)) {}

  OwnConfig write() {
    choose_label();
    choose_columns();
    choose_missing();
    choose_scaling();
    OwnConfig config;
    config.name = wish_.name.empty() ? experiment_name(wish_.file) : wish_.name;
    std::vector<ConfigLine> lines = form_lines();
    lines.insert(lines.end(), data_.begin(), data_.end());
    config.text = config_document({printable(wish_.file.filename().string()) + ": " + counted(table_.rows, "row") +
                                       ", " + counted(table_.columns.size(), "column"),
                                   config.name, lines, table_.rows, features_, classes_ ? classes_->size() : 1,
                                   classes_.has_value()});
    config.choices = std::move(choices_);
    return config;
  }

 private:
  [[nodiscard]] const ColumnProfile& column(std::size_t at) const { return table_.columns[at]; }
  /// As a config names it.
  [[nodiscard]] std::string reference(std::size_t at) const { return reference_to(table_.header(), at); }
  /// For a sentence.
  [[nodiscard]] std::string name(std::size_t at) const {
    return table_.has_header && !column(at).name.empty() ? printable(column(at).name) : "column " + std::to_string(at);
  }
  [[nodiscard]] std::string name_or_number(std::size_t at) const {
    const std::string word = reference(at);
    const bool is_number = !word.empty() && word.find_first_not_of("0123456789") == std::string::npos;
    return is_number ? word : quoted(column(at).name);
  }
  [[nodiscard]] bool is_given(const char* key) const { return !settings_.given.is_null(key); }
  void say(const std::string& sentence) { choices_.push_back(sentence); }
  void add(const std::string& comment, const std::string& key, const std::string& value) {
    data_.push_back({comment, key, value});
  }
  [[noreturn]] void fail(const std::string& message, const std::string& help) const {
    throw DataError(wish_.file.string() + ": " + message + help_line(help));
  }

  void choose_label() {
    if (!guess_.label) {
      std::vector<std::string> candidates;
      std::vector<std::string> help;
      for (const std::size_t at : guess_.label_candidates) {
        candidates.push_back(name(at) + " (" +
                             (guess_.columns[at].why.empty() ? column(at).type() : guess_.columns[at].why) + ")");
        if (help.size() < kMostListed) help.push_back(setting("--label", reference(at)));
      }
      fail("which column is the label? " +
               (candidates.empty() ? "No column looks like one" : "It may be " + listed(candidates)),
           help.empty() ? "--label=COLUMN" : joined(help, ", or "));
    }
    const std::size_t label = *guess_.label;
    if (column(label).filled() == 0) fail("the label " + name(label) + " holds nothing", "--label=COLUMN");
    if (column(label).distinct == 1)
      fail("the label " + name(label) + " has the same value in every row: there is nothing to learn",
           "--label=COLUMN");
    if (settings_.given.text("task") != "regression") classes_ = classes_of(column(label));
    if (settings_.given.text("task") == "classification" && !classes_) classes_ = column(label).values;
    if (classes_ && (classes_->empty() || (classes_->size() > 20 && 2 * classes_->size() > table_.rows)))
      fail("the label " + name(label) + " has " + std::to_string(column(label).distinct) + " different values in " +
               counted(table_.rows, "row") + ": these are no classes",
           "--label=COLUMN");
    std::string what =
        classes_ ? std::to_string(classes_->size()) + " classes"
                 : "numbers from " + format_short(column(label).min) + " to " + format_short(column(label).max);
    if (classes_) {
      std::vector<std::string> counts;
      for (const auto& [text, count] : *classes_) counts.push_back(printable(text) + " " + std::to_string(count));
      what += ": " + listed(counts);
    }
    say("label: " + name(label) + " (" + guess_.why_label + "), " + what);
    add(what, "label_column", name_or_number(label));
    if (settings_.given.text("task") != "auto") add("", "task", quoted(settings_.given.text("task")));
  }

  void choose_columns() {
    std::vector<std::string> dropped;
    std::vector<std::string> why;
    std::vector<std::string> categories;
    std::vector<std::string> said;
    // What the user has said of columns comes before guesses.
    const auto speaks_of = [&](std::size_t at) {
      for (const std::string* list : {&settings_.options.drop, &settings_.options.categorical,
                                      &settings_.options.ordinal, &settings_.options.dates, &settings_.options.columns})
        if (has_word(*list, at)) return true;
      return is_given("columns");
    };
    features_ = 0;
    for (std::size_t at = 0; at < table_.columns.size(); ++at) {
      const ColumnGuess& one = guess_.columns[at];
      if (one.use == ColumnUse::label) continue;
      const bool spoken_of = speaks_of(at);
      if (spoken_of && is_left_out(at)) continue;
      if (!spoken_of && !one.is_feature()) {
        dropped.push_back(name_or_number(at));
        why.push_back(name(at) + " (" + one.why + ")");
        left_out_.push_back(at);
        continue;
      }
      const bool is_category = one.use == ColumnUse::category;
      features_ += is_category ? column(at).distinct : 1;
      if (!is_category || spoken_of) continue;
      categories.push_back(name_or_number(at));
      said.push_back(name(at) + " (" + std::to_string(column(at).distinct) + ")");
    }
    if (features_ == 0)
      fail("no column is left as a feature beside the label" + (why.empty() ? "" : "; left out: " + listed(why)),
           why.empty() ? "" : setting("data.columns", reference(left_out_.front())));
    add_list("drop", settings_.options.drop, dropped, why.empty() ? "" : "Left out: " + listed(why));
    if (!why.empty()) say("left out: " + listed(why));
    if (settings_.options.categorical == "auto") {
      add("", "categorical", "\"auto\"");
    } else {
      add_list("categorical", settings_.options.categorical, categories,
               said.empty() ? "" : "Words become a feature of 0 or 1 for each value: " + listed(said));
    }
    if (!said.empty()) say("words, a feature for each value: " + listed(said));
    for (const char* key : {"columns", "ordinal", "dates"})
      if (is_given(key)) add("", key, quoted(settings_.given.text(key)));
    if (settings_.options.max_categories != CsvOptions().max_categories)
      add("", "max_categories", std::to_string(settings_.options.max_categories));
  }

  /// A list that the user began, and what was found out.
  void add_list(const char* key, const std::string& begun, const std::vector<std::string>& more,
                const std::string& comment) {
    if (more.empty() && begun.empty()) return;
    if (more.empty()) return add(comment, key, quoted(begun));
    std::vector<std::string> all;
    if (!begun.empty())
      for (const std::string& word : split_columns(begun)) all.push_back(quoted(word));
    all.insert(all.end(), more.begin(), more.end());
    add(comment, key, "[" + joined(all) + "]");
  }

  [[nodiscard]] bool has_word(const std::string& list, std::size_t at) const {
    if (list.empty()) return false;
    const std::vector<std::string> words = split_columns(list);
    return std::any_of(words.begin(), words.end(), [&](const std::string& word) {
      return word == std::to_string(at) || (table_.has_header && word == column(at).name);
    });
  }
  [[nodiscard]] bool is_left_out(std::size_t at) const {
    return has_word(settings_.options.drop, at) || (is_given("columns") && !has_word(settings_.options.columns, at));
  }

  void choose_missing() {
    std::vector<std::string> counts;
    std::uint64_t all = 0;
    for (std::size_t at = 0; at < table_.columns.size(); ++at) {
      const bool is_out = std::find(left_out_.begin(), left_out_.end(), at) != left_out_.end() || is_left_out(at);
      const std::uint64_t missing = column(at).count(CellKind::missing) + column(at).infinite;
      if (missing == 0 || (is_out && at != *guess_.label)) continue;
      all += missing;
      counts.push_back(name(at) + " " + std::to_string(missing));
    }
    if (settings_.given.text("missing") != "error") {
      add("", "missing", quoted(settings_.given.text("missing")));
    } else if (all > 0) {
      say(counted(all, "missing cell") + ", filled with the median: " + listed(counts));
      add("Missing cells: " + listed(counts) + ". Also: drop_rows, mean, indicator", "missing", "\"median\"");
    }
  }

  void choose_scaling() {
    double low = 0.0;
    double high = 0.0;
    bool any = false;
    for (std::size_t at = 0; at < table_.columns.size(); ++at) {
      if (guess_.columns[at].use != ColumnUse::number || column(at).numbers() == 0) continue;
      low = any ? std::min(low, column(at).min) : column(at).min;
      high = any ? std::max(high, column(at).max) : column(at).max;
      any = true;
    }
    add(any ? "Numbers from " + format_short(low) + " to " + format_short(high) +
                  ": each feature is brought to mean 0 and standard deviation 1"
            : "Each feature is brought to mean 0 and standard deviation 1",
        "normalize", "\"per_feature\"");
    if (!classes_) add("The same for the label: a network starts near 0", "normalize_targets", "\"per_output\"");
    add("", "test_fraction", "0.2");
  }

  /// What says how the file is written, where it is not the default.
  [[nodiscard]] std::vector<ConfigLine> form_lines() const {
    std::vector<ConfigLine> lines = {{"", "kind", "\"csv\""},
                                     {"", "file", quoted(path_from(wish_.directory, wish_.file))}};
    if (is_given("header")) lines.push_back({"", "header", settings_.given.flag("header") ? "true" : "false"});
    for (const auto& [key, usual] :
         {std::pair{"delimiter", "auto"}, {"decimal", "."}, {"thousands", ""}, {"comment", "#"}}) {
      const std::string value = settings_.given.maybe_text(key).value_or("");
      if (value != usual) lines.push_back({"", key, value.empty() ? "null" : quoted(value)});
    }
    return lines;
  }

  const OwnWish& wish_;
  Settings settings_;
  TableProfile table_;
  TableGuess guess_;
  std::optional<std::vector<std::pair<std::string, std::uint64_t>>> classes_;
  std::vector<ConfigLine> data_;
  std::vector<std::string> choices_;
  std::vector<std::size_t> left_out_;
  std::uint64_t features_ = 0;
};

void check_form(const OwnWish& wish, const TableProfile& table, const TableGuess& guess) {
  if (table.header_is_unclear)
    throw DataError(wish.file.string() + ": every column is text: the first line may hold their names, or be data" +
                    help_line("data.header=true if it holds names, data.header=false if not"));
  if (table.ragged > 0)
    throw DataError(wish.file.string() + ":" + std::to_string(table.first_ragged) + ": " +
                    counted(table.ragged, "line") + (table.ragged == 1 ? " has" : " have") +
                    " another number of fields than the first, which has " + std::to_string(table.columns.size()) +
                    help_line("mend the file; or name what separates fields: data.delimiter=';'"));
  if (guess.notations.size() > 1)
    throw DataError(wish.file.string() +
                    ": the numbers have a comma that may be a decimal point or a separator of thousands" +
                    help_line(format_settings(guess.notations[0]) + ", or " + format_settings(guess.notations[1])));
}

}  // namespace

OwnConfig make_csv_config(const OwnWish& wish) {
  Settings settings(wish);
  TableProfile table = profile_table(wish.file, settings.options);
  const ColumnFinder finder(table.file, table.header(), table.columns.size());
  for (const auto& [key, list] : {std::pair{"data.columns", &settings.options.columns},
                                  {"data.drop", &settings.options.drop},
                                  {"data.categorical", &settings.options.categorical},
                                  {"data.ordinal", &settings.options.ordinal},
                                  {"data.dates", &settings.options.dates}})
    if (*list != "auto") static_cast<void>(finder.find(key, *list));  // refuses what is not there
  std::optional<std::size_t> label;
  if (settings.options.label_is_given) label = finder.find_only("--label", settings.options.label_column);
  TableGuess guess = guess_table(table, label, settings.options.max_categories);
  check_form(wish, table, guess);
  if (guess.notations.size() == 1) {
    // As the user would have said it; then the columns are numbers.
    std::vector<std::string> with_notation(wish.settings.begin(), wish.settings.end());
    for (const auto& [key, word] : settings_of(guess.notations.front())) with_notation.push_back(key + "=" + word);
    OwnWish again = wish;
    again.settings = with_notation;
    OwnConfig config = make_csv_config(again);
    config.choices.insert(config.choices.begin(),
                          "numbers are written with " + format_settings(guess.notations.front()));
    return config;
  }
  return ConfigWriter(wish, std::move(settings), std::move(table), std::move(guess)).write();
}

}  // namespace reluscope
