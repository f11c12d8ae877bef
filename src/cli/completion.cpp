// Completion scripts, made by walking the command tree: CLI11 has none of its own.

#include <sstream>

#include "cli/commands.hpp"
#include "util/error.hpp"
#include "util/text_file.hpp"

namespace reluscope {

namespace {

struct Flag {
  std::string name;  ///< with its dashes
  std::string description;
  bool takes_value;
};

struct Verb {
  std::string name;
  std::string description;
  std::vector<Flag> flags;
};

std::vector<Verb> walk(const CLI::App& app) {
  std::vector<Verb> verbs;
  for (const CLI::App* subcommand : app.get_subcommands({})) {
    Verb verb{subcommand->get_name(), subcommand->get_description(), {}};
    for (const CLI::Option* option : subcommand->get_options()) {
      const bool takes_value = option->get_items_expected_max() > 0;
      for (const std::string& name : option->get_lnames())
        verb.flags.push_back({"--" + name, option->get_description(), takes_value});
      for (const std::string& name : option->get_snames())
        verb.flags.push_back({"-" + name, option->get_description(), takes_value});
    }
    verbs.push_back(std::move(verb));
  }
  return verbs;
}

std::string quoted(const std::string& text) {
  std::string safe = "'";
  for (const char character : text) safe += character == '\'' ? std::string("'\\''") : std::string(1, character);
  return safe + "'";
}

std::string bash_script(const std::vector<Verb>& verbs) {
  std::ostringstream out;
  out << "# bash completion for reluscope\n_reluscope() {\n"
         "  local word=\"${COMP_WORDS[COMP_CWORD]}\"\n  local words=\n"
         "  if [[ $COMP_CWORD -eq 1 ]]; then\n    words=\"--help --version";
  for (const Verb& verb : verbs) out << ' ' << verb.name;
  out << "\"\n  else\n    case \"${COMP_WORDS[1]}\" in\n";
  for (const Verb& verb : verbs) {
    out << "      " << verb.name << ") words=\"";
    for (std::size_t at = 0; at < verb.flags.size(); ++at) out << (at == 0 ? "" : " ") << verb.flags[at].name;
    out << "\" ;;\n";
  }
  out << "    esac\n  fi\n"
         "  if [[ $word == -* || $COMP_CWORD -eq 1 ]]; then\n"
         "    mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$word\")\n"
         "  else\n    mapfile -t COMPREPLY < <(compgen -f -- \"$word\")\n  fi\n}\n"
         "complete -o filenames -F _reluscope reluscope\n";
  return out.str();
}

std::string zsh_text(const std::string& text) {
  std::string safe;
  for (const char character : text) {
    if (character == '[' || character == ']' || character == ':' || character == '\\') safe += '\\';
    safe += character;
  }
  return safe;
}

std::string zsh_script(const std::vector<Verb>& verbs) {
  std::ostringstream out;
  out << "#compdef reluscope\n_reluscope() {\n  local -a verbs=(\n";
  for (const Verb& verb : verbs) out << "    " << quoted(verb.name + ":" + zsh_text(verb.description)) << '\n';
  out << "  )\n  if (( CURRENT == 2 )); then\n    _describe 'command' verbs\n    return\n  fi\n"
         "  case $words[2] in\n";
  for (const Verb& verb : verbs) {
    out << "    " << verb.name << ")\n      shift words; (( CURRENT-- ))\n      _arguments";
    for (const Flag& flag : verb.flags)
      out << " \\\n        "
          << quoted(flag.name + "[" + zsh_text(flag.description) + "]" + (flag.takes_value ? ":value:_files" : ""));
    out << " \\\n        '*:file:_files' ;;\n";
  }
  out << "  esac\n}\n_reluscope \"$@\"\n";
  return out.str();
}

std::string fish_script(const std::vector<Verb>& verbs) {
  std::ostringstream out;
  out << "# fish completion for reluscope\n";
  for (const Verb& verb : verbs)
    out << "complete -c reluscope -n __fish_use_subcommand -f -a " << verb.name << " -d " << quoted(verb.description)
        << '\n';
  for (const Verb& verb : verbs) {
    for (const Flag& flag : verb.flags) {
      const bool is_long = flag.name.starts_with("--");
      out << "complete -c reluscope -n '__fish_seen_subcommand_from " << verb.name << "' " << (is_long ? "-l " : "-s ")
          << flag.name.substr(is_long ? 2 : 1) << (flag.takes_value ? " -r" : "") << " -d " << quoted(flag.description)
          << '\n';
    }
  }
  return out.str();
}

}  // namespace

void add_completion(CommandLine& line) {
  auto shell = std::make_shared<std::string>();
  CLI::App* command = line.add("completion", "Print a shell completion script",
                               "\nExamples:\n  source <(reluscope completion bash)\n"
                               "  reluscope completion fish > ~/.config/fish/completions/reluscope.fish");
  command->add_option("SHELL", *shell, "bash, zsh or fish")->required()->check(CLI::IsMember({"bash", "zsh", "fish"}));
  command->callback([&line, shell] {
    line.action = [&line, shell] {
      const std::vector<Verb> verbs = walk(line.app);
      write_document("-", *shell == "bash"  ? bash_script(verbs)
                          : *shell == "zsh" ? zsh_script(verbs)
                                            : fish_script(verbs));
      return kDone;
    };
  });
}

}  // namespace reluscope
