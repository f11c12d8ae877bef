#include <algorithm>
#include <charconv>
#include <cmath>
#include <memory>

#include "cli/commands.hpp"
#include "nn/activation.hpp"
#include "report/curves_plot.hpp"
#include "trace/table_writer.hpp"
#include "util/error.hpp"
#include "util/format.hpp"
#include "util/nearest.hpp"

namespace reluscope {

namespace {

struct CurveRecord {
  std::string activation;
  double z = 0.0;
  double a = 0.0;
  double derivative = 0.0;

  static constexpr auto columns() {
    return std::tuple{
        Column{"activation", &CurveRecord::activation, "as given on the command line"},
        Column{"z", &CurveRecord::z, "pre-activation"},
        Column{"a", &CurveRecord::a, "φ(z)"},
        Column{"derivative", &CurveRecord::derivative, "φ'(z)"},
    };
  }
};

struct CurveOptions {
  std::vector<std::string> activations;
  double from = -5.0;
  double to = 5.0;
  std::int64_t points = 201;
  std::string plot;
  TraceFormat format = TraceFormat::csv;
};

double parse_number(std::string_view text, const std::string& where) {
  double value = 0.0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size())
    throw UsageError(where + ": found '" + std::string(text) + "', expected a number");
  return value;
}

/// An activation, and its name in words of ours: what was given may spell its numbers in other ways.
struct NamedChoice {
  Choice choice;
  std::string name;
};

void set_param(const ActivationEntry& entry, NamedChoice& named, const std::string& given, std::string_view setting) {
  Choice& choice = named.choice;
  const std::size_t equals = setting.find('=');
  const std::string key(setting.substr(0, equals));
  const auto param = std::find_if(entry.params.begin(), entry.params.end(),
                                  [&key](const Param& candidate) { return candidate.name == key; });
  if (equals == std::string_view::npos || param == entry.params.end()) {
    std::string known;
    for (const Param& candidate : entry.params) known += (known.empty() ? "" : ", ") + candidate.name;
    throw UsageError("'" + given + "': '" + std::string(setting) + "' sets no parameter of " + entry.name +
                     (known.empty() ? ", which has none" : "; it has: " + known));
  }
  const std::string value(setting.substr(equals + 1));
  named.name += (named.name == entry.name ? ":" : ",") + key + "=";
  if (param->kind == ParamKind::text) {
    if (std::find(param->allowed.begin(), param->allowed.end(), value) == param->allowed.end())
      throw UsageError("'" + given + "': " + key + " cannot be '" + value + "'");
    choice.params.set(key, value);
    named.name += value;
  } else if (param->kind == ParamKind::number) {
    const double number = parse_number(value, "'" + given + "'");
    const bool low = param->min_exclusive ? !(number > param->min) : !(number >= param->min);
    const bool high = param->max_exclusive ? !(number < param->max) : !(number <= param->max);
    if (low || high) throw UsageError("'" + given + "': " + key + " = " + value + " is out of range");
    choice.params.set(key, number);
    named.name += format_number(number);
  } else {
    throw UsageError("'" + given + "': " + key + " does not change the curve");
  }
}

/// "elu" or "elu:alpha=0.5".
NamedChoice parse_activation(const std::string& given) {
  const std::size_t colon = given.find(':');
  const std::string name = given.substr(0, colon);
  const ActivationEntry* entry = find_entry(activation_table(), name);
  if (entry == nullptr) {
    std::vector<std::string> names;
    for (const ActivationEntry& row : activation_table()) names.push_back(row.name);
    const auto near = nearest_name(name, names);
    throw UsageError("there is no activation '" + name + "'" + (near ? "; did you mean '" + *near + "'?" : ""));
  }
  if (entry->coupled)
    throw UsageError(entry->name + " has no curve: each of its outputs depends on all pre-activations of the layer");
  NamedChoice named{default_choice(activation_table(), name), entry->name};
  std::string_view rest = colon == std::string::npos ? std::string_view() : std::string_view(given).substr(colon + 1);
  while (!rest.empty()) {
    const std::size_t comma = rest.find(',');
    set_param(*entry, named, given, rest.substr(0, comma));
    rest = comma == std::string_view::npos ? std::string_view() : rest.substr(comma + 1);
  }
  return named;
}

int write_curves(const CurveOptions& options) {
  if (!(options.from < options.to)) throw UsageError("--from must be smaller than --to");
  if (!std::isfinite(options.to - options.from))
    throw UsageError("--from " + format_number(options.from) + " --to " + format_number(options.to) +
                     ": further apart than any float64, give bounds that are nearer to each other");
  if (!options.plot.empty()) check_picture_ending(options.plot);
  std::vector<std::string> wanted = options.activations;
  if (wanted.empty())
    for (const ActivationEntry& entry : activation_table())
      if (!entry.coupled) wanted.push_back(entry.name);
  std::vector<NamedChoice> choices;
  choices.reserve(wanted.size());
  for (const std::string& given : wanted) choices.push_back(parse_activation(given));

  const auto count = static_cast<std::size_t>(options.points);
  std::vector<double> z(count);
  std::vector<double> a(count);
  std::vector<double> derivative(count);
  for (std::size_t at = 0; at < count; ++at)
    z[at] = options.from + (options.to - options.from) * static_cast<double>(at) / static_cast<double>(count - 1);
  if (!options.plot.empty()) {
    const auto curve = [&](const NamedChoice& named) {
      evaluate_activation(named.choice, z, a, derivative);
      return Curve{named.name, z, a, derivative};
    };
    std::vector<Curve> curves;
    for (const NamedChoice& named : choices) curves.push_back(curve(named));
    write_document(options.plot, curves_picture(curves, curve(parse_activation("relu")), options.plot));
    return kDone;
  }
  TableWriter<CurveRecord> table(TextSink("-"), options.format);
  for (std::size_t which = 0; which < wanted.size(); ++which) {
    evaluate_activation(choices[which].choice, z, a, derivative);
    for (std::size_t at = 0; at < count; ++at) {
      const CurveRecord row{wanted[which], z[at], a[at], derivative[at]};
      table.write({&row, 1});
    }
  }
  table.flush();
  return kDone;
}

}  // namespace

void add_curves(CommandLine& line) {
  auto options = std::make_shared<CurveOptions>();
  CLI::App* command = line.add("curves", "Write activation functions and their derivatives as CSV",
                               "\nExamples:\n  reluscope curves relu leaky_relu elu > curves.csv\n"
                               "  reluscope curves relu leaky_relu:negative_slope=0.2 --from -2 --to 2\n"
                               "  reluscope curves --plot curves.svg");
  command->add_option("ACTIVATION", options->activations,
                      "Names, each with parameters if wanted (elu:alpha=0.5); default: all");
  command->add_option("--from", options->from, "First pre-activation")->capture_default_str();
  command->add_option("--to", options->to, "Last pre-activation")->capture_default_str();
  command->add_option("--points", options->points, "Rows per activation")
      ->check(CLI::Range(std::int64_t{2}, std::int64_t{10'000'000}))
      ->capture_default_str();
  command
      ->add_option("--plot", options->plot,
                   "Draw them instead, each against ReLU: .svg, .png or .pdf; - is standard output, as SVG")
      ->type_name("FILE");
  add_format_option(*command, options->format, "Format of the rows [csv]");
  command->callback([&line, options] { line.action = [options] { return write_curves(*options); }; });
}

}  // namespace reluscope
