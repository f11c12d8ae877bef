#include <fcntl.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <exception>
#include <iostream>
#include <memory>
#include <new>
#include <optional>
#include <utility>

#include "cli/commands.hpp"
#include "cli/help.hpp"
#include "cli/standard_output.hpp"
#include "config/overrides.hpp"
#include "nn/gemm.hpp"
#include "report/terminal.hpp"
#include "trace/checkpoint.hpp"
#include "trace/column.hpp"
#include "trials/metrics.hpp"
#include "util/error.hpp"
#include "util/excerpt.hpp"
#include "util/format.hpp"
#include "util/nearest.hpp"
#include "util/signals.hpp"
#include "util/text_file.hpp"
#include "util/thread_pool.hpp"

namespace reluscope {

namespace {

constexpr const char* kFooter = R"(
Exit codes:
  0  done
  1  the run failed
  2  bad usage, config or data
  3  findings at or above --fail-on
  130, 143  interrupted (SIGINT, SIGTERM): the traces are complete up to the last step, run --resume goes on

Start with:
  reluscope try mine.csv                 train a network on your own table
  reluscope init                         write a commented config
  reluscope run experiment.jsonc         train it, with every layer watched
  reluscope compare experiment.jsonc     find out which activation, and why)";

/// The version; with --verbose what the bits of results depend on as well.
std::string version_text(int argc, const char* const* argv) {
  const std::string version = RELUSCOPE_VERSION;
  if (std::none_of(argv + 1, argv + argc, [](const char* word) { return std::string_view(word) == "--verbose"; }))
    return version;
  return "reluscope " + version +
         "\ncompiler      " RELUSCOPE_COMPILER "\nflags         " RELUSCOPE_FLAGS "\nproducts      " +
         full_name(gemm_backend<float>()) + " (float32), " + full_name(gemm_backend<double>()) +
         " (float64)\nschema        " + std::to_string(kSchemaVersion) + " (tables), " +
         std::to_string(kCheckpointVersion) + " (checkpoints)";
}

/// "no subcommand 'rnu'; did you mean 'run'?": CLI11 says only that one is required.
std::string unknown_subcommand(const CLI::App& app, const std::string& given) {
  std::vector<std::string> names;
  for (const CLI::App* subcommand : app.get_subcommands({})) names.push_back(subcommand->get_name());
  std::string message = "there is no subcommand '" + given + "'";
  const auto near = nearest_name(given, names);
  return near ? message + "; did you mean '" + *near + "'?" : message + "; 'reluscope --help' lists them";
}

/// An empty word is no path, name or number, but a variable that a script has not set; and behind an option it would be
/// taken for the default.
void refuse_empty_words(CLI::App& app) {
  for (CLI::App* subcommand : app.get_subcommands({}))
    for (CLI::Option* option : subcommand->get_options())
      option->check([](const std::string& given) {
        return std::string(given.empty() ? "found an empty word, expected a value" : "");
      });
}

/// The text of a message: whatever its call site has put into it, it can be shown.
class PrintableMessage final : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm& /*time*/, spdlog::memory_buf_t& to) override {
    const std::string text = printable({message.payload.data(), message.payload.size()}, LineBreaks::kept);
    to.append(text.data(), text.data() + text.size());
  }
  [[nodiscard]] std::unique_ptr<custom_flag_formatter> clone() const override {
    return std::make_unique<PrintableMessage>();
  }
};

/// Messages go to stderr as "reluscope: …"; errors in red where colour is welcome (spdlog does not know NO_COLOR).
void set_up_logging() {
  const auto mode = wants_color(STDERR_FILENO) ? spdlog::color_mode::always : spdlog::color_mode::never;
  const auto logger =
      std::make_shared<spdlog::logger>("reluscope", std::make_shared<spdlog::sinks::stderr_color_sink_st>(mode));
  auto formatter = std::make_unique<spdlog::pattern_formatter>();
  formatter->add_flag<PrintableMessage>('*').set_pattern("%^%n:%$ %*");
  logger->set_formatter(std::move(formatter));
  spdlog::set_default_logger(logger);
}

/// A standard stream that is closed would be the next file to be opened, and what is printed would end up in it.
void open_standard_streams() {
  for (int descriptor = STDIN_FILENO; descriptor <= STDERR_FILENO; ++descriptor)
    if (::fcntl(descriptor, F_GETFD) < 0) static_cast<void>(::open("/dev/null", O_RDWR));  // takes the lowest free one
}

/// No option: a negative number is none either.
bool is_value(const std::string& word) {
  return !word.starts_with('-') || (word.size() > 1 && word.find_first_not_of("-+.0123456789eE") == std::string::npos);
}

/// "did you mean train.optimizer.lr=0.1?" for --lr 0.1, where the command takes KEY=VALUE.
std::string meant_setting(const CLI::App& command, int argc, const char* const* argv) {
  if (command.get_option_no_throw("KEY=VALUE") == nullptr) return "";
  for (int at = 2; at < argc; ++at) {
    const std::string word = argv[at];
    if (!word.starts_with("--") || word.size() < 3) continue;
    const std::size_t equals = word.find('=');
    const std::string name = word.substr(0, equals);
    if (command.get_option_no_throw(name) != nullptr) continue;
    const std::optional<std::string> place = place_of_key(name.substr(2));
    if (!place) continue;
    const bool has_value = equals == std::string::npos && at + 1 < argc && is_value(argv[at + 1]);
    const std::string value = equals != std::string::npos ? word.substr(equals + 1)
                              : has_value                 ? argv[at + 1]
                                                          : "VALUE";
    return help_line(shell_word(*place + "=" + value));
  }
  return "";
}

int parse(CommandLine& line, int argc, const char* const* argv) {
  try {
    line.app.parse(argc, argv);
  } catch (const CLI::Success& wish) {
    line.app.exit(wish, std::cout, std::cerr);  // --help, --version
    return kDone;
  } catch (const CLI::ParseError& fault) {
    const auto chosen = line.app.get_subcommands();
    const std::string command = chosen.empty() ? "reluscope" : "reluscope " + chosen.front()->get_name();
    if (chosen.empty() && argc > 1 && argv[1][0] != '-') throw UsageError(unknown_subcommand(line.app, argv[1]));
    const bool is_word_too_many = dynamic_cast<const CLI::ExtrasError*>(&fault) != nullptr;
    const std::string meant = chosen.empty() || !is_word_too_many ? "" : meant_setting(*chosen.front(), argc, argv);
    throw UsageError(std::string(fault.what()) + (meant.empty() ? "\nTry '" + command + " --help'." : meant));
  }
  if (!line.action) {
    std::cerr << line.app.help();
    return kBadUsage;
  }
  if (line.common.quiet) spdlog::set_level(spdlog::level::err);
  return line.action();
}

}  // namespace

CLI::App* CommandLine::add(const std::string& name, const std::string& description, const std::string& examples) {
  CLI::App* subcommand = app.add_subcommand(name, description);
  subcommand->footer(examples);
  subcommand->add_flag("-q,--quiet", common.quiet, "Nothing on stderr but errors");
  return subcommand;
}

void add_format_option(CLI::App& command, TraceFormat& format, const std::string& description) {
  command
      .add_option_function<std::string>(
          "--format",
          [&format](const std::string& name) { format = name == "csv" ? TraceFormat::csv : TraceFormat::jsonl; },
          description)
      ->check(CLI::IsMember({"csv", "jsonl"}))
      ->type_name("FORMAT");
}

void add_jobs_option(CLI::App& command, int& jobs) {
  command.add_option("-j,--threads,--jobs", jobs, "CPUs to use [all]; results do not depend on it")
      ->check(CLI::Range(1, 1024))
      ->type_name("N");
}

void add_by_option(CLI::App& command, std::string& by, const std::string& description) {
  const std::vector<std::string> metrics = deciding_metrics();
  command.add_option("--by", by, description)
      ->check(CLI::IsMember(metrics))
      ->type_name(CLI::detail::join(metrics, "|"));
}

void write_page(const HtmlReport& report, const std::string& file) {
  write_document(file, report.page);
  if (!report.without_charts.empty()) spdlog::warn("the report has no charts: {}", report.without_charts);
  if (file != "-") spdlog::info("the report is in {}", file);
}

int job_count(int jobs) { return jobs > 0 ? jobs : default_thread_count(); }

int run_command_line(int argc, const char* const* argv) {
  ignore_write_signals();
  open_standard_streams();
  set_up_logging();
  StandardOutput output;
  try {
    CommandLine line;
    line.app.name("reluscope");
    line.app.description("Finds out when a unit of a neural network died, and how gradients travelled meanwhile.");
    line.app.footer(kFooter);
    line.app.formatter(help_formatter());
    line.app.set_version_flag(
        "--version", [argc, argv] { return version_text(argc, argv); },
        "Print the version and exit; with --verbose also compiler, flags, and what computes products");
    line.app.add_flag("--verbose")->group("");
    line.app.require_subcommand(0, 1);
    add_run(line);
    add_try(line);
    add_validate(line);
    add_schema(line);
    add_init(line);
    add_explain(line);
    add_theory(line);
    add_diagnose(line);
    add_compare(line);
    add_sweep(line);
    add_merge(line);
    add_prescribe(line);
    add_census(line);
    add_prune(line);
    add_report(line);
    add_watch(line);
    add_capture(line);
    add_export(line);
    add_inspect(line);
    add_curves(line);
    add_completion(line);
    group_subcommands(line.app);
    refuse_empty_words(line.app);
    const int code = parse(line, argc, argv);
    try {
      output.check();
    } catch (const BrokenPipe&) {  // what was found out stands, whoever listened
    }
    return code;
  } catch (const UserError& fault) {
    spdlog::error("{}", fault.what());
    return fault.exit_code();
  } catch (const BrokenPipe&) { return kDone; } catch (const std::bad_alloc&) {
    // Without the logger: it would want memory.
    constexpr std::string_view kMessage = "reluscope: out of memory\n";
    static_cast<void>(!::write(STDERR_FILENO, kMessage.data(), kMessage.size()));
    return kRunFailed;
  } catch (const std::exception& fault) {
    spdlog::error("{}", fault.what());
    return kRunFailed;
  }
}

}  // namespace reluscope
