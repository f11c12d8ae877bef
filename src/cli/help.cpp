#include "cli/help.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <stdexcept>

#include "report/terminal.hpp"

namespace reluscope {

namespace {

/// Wider lines are hard to read.
constexpr std::size_t kWidestHelp = 110;
/// Where descriptions begin.
constexpr std::size_t kOptionColumn = 26;
constexpr std::size_t kCommandColumn = 14;

std::size_t help_width() { return std::min(kWidestHelp, terminal_width(STDOUT_FILENO)); }

/// "  NAME   description, wrapped", with the description below a name that reaches into its column.
std::string entry(const std::string& name, const std::string& description, std::size_t column) {
  const std::string indent(column, ' ');
  // Alternatives may be many: "NAME:{one,two,…}".
  std::string open = name;
  if (code_points(open) + 2 > help_width())
    for (std::size_t at = open.find(','); at != std::string::npos; at = open.find(',', at + 2))
      open.insert(at + 1, " ");
  std::string text = wrap("  " + open, help_width(), "      ");
  const std::string below = wrap(indent + description, help_width(), indent);
  if (code_points(text) + 2 > column) return text + "\n" + below + "\n";
  return text + below.substr(code_points(text)) + "\n";
}

/// A line that is too long goes on two columns further in; an example of a command can still be copied.
std::string wrap_line(const std::string& line) {
  if (code_points(line) <= help_width()) return line;
  const std::size_t blanks = std::min(line.find_first_not_of(' '), line.size());
  const std::string indent(blanks + 2, ' ');
  if (!line.starts_with("  reluscope ") && !line.starts_with("  python3 ")) return wrap(line, help_width(), indent);
  std::string command = wrap(line, help_width() - 2, indent);
  for (std::size_t at = command.find('\n'); at != std::string::npos; at = command.find('\n', at + 3))
    command.insert(at, " \\");
  return command;
}

/// Lines of running text are one paragraph, whatever their length in the source; examples and lists are lines.
std::string wrap_lines(const std::string& text) {
  std::string wrapped;
  std::string paragraph;
  const auto end_paragraph = [&] {
    if (!paragraph.empty()) wrapped += wrap(paragraph, help_width()) + "\n";
    paragraph.clear();
  };
  for (std::size_t first = 0; first < text.size();) {
    const std::size_t end = std::min(text.find('\n', first), text.size());
    const std::string line = text.substr(first, end - first);
    first = end + 1;
    if (!line.empty() && line.front() != ' ') {
      paragraph += (paragraph.empty() ? "" : " ") + line;
      if (line.back() != ':') continue;
      end_paragraph();
      continue;
    }
    end_paragraph();
    wrapped += wrap_line(line) + "\n";
  }
  end_paragraph();
  return wrapped;
}

class HelpFormatter final : public CLI::Formatter {
 public:
  std::string make_option(const CLI::Option* option, bool is_positional) const override {
    return entry(make_option_name(option, is_positional) + make_option_opts(option), make_option_desc(option),
                 kOptionColumn);
  }
  std::string make_subcommand(const CLI::App* command) const override {
    return entry(command->get_name(), command->get_description(), kCommandColumn);
  }
  std::string make_description(const CLI::App* app) const override {
    const std::string text = app->get_description();
    return text.empty() ? text : wrap(text, help_width()) + "\n";
  }
  std::string make_footer(const CLI::App* app) const override {
    const std::string text = app->get_footer();
    return text.empty() ? text : wrap_lines(text) + "\n";
  }
};

/// What a person wants to do, and with which subcommands.
struct Heading {
  const char* name;
  std::array<const char*, 7> commands;
};
constexpr std::array kHeadings = {
    Heading{"Run", {"try", "init", "validate", "run", "watch", "schema", "capture"}},
    Heading{"Understand", {"diagnose", "explain", "report", "census", "inspect", "theory", "curves"}},
    Heading{"Decide", {"compare", "prescribe", "prune", "sweep", "merge"}},
    Heading{"Share", {"export", "completion"}},
};

}  // namespace

std::shared_ptr<CLI::Formatter> help_formatter() { return std::make_shared<HelpFormatter>(); }

void group_subcommands(CLI::App& app) {
  for (CLI::App* subcommand : app.get_subcommands({})) {
    const auto heading = std::find_if(kHeadings.begin(), kHeadings.end(), [&](const Heading& one) {
      return std::any_of(one.commands.begin(), one.commands.end(),
                         [&](const char* command) { return command != nullptr && subcommand->get_name() == command; });
    });
    if (heading == kHeadings.end()) throw std::logic_error(subcommand->get_name() + " stands under no heading");
    subcommand->group(heading->name);
  }
}

}  // namespace reluscope
