// Completion scripts, made by walking the command tree: CLI11 has none of its own.

#include <set>
#include <sstream>

#include "cli/commands.hpp"
#include "config/layout.hpp"
#include "diagnose/rules.hpp"
#include "nn/activation.hpp"
#include "trials/remedies.hpp"
#include "util/error.hpp"
#include "util/format.hpp"
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
  std::vector<std::string> words;  ///< what its arguments may be, besides files
};

/// Dotted keys of all values below a node. Options of a choice add theirs.
void add_keys(const LayoutNode& node, const std::string& place, std::set<std::string>& keys) {
  const auto below = [&](const Field& field) {
    add_keys(field.node, place.empty() ? field.name : place + "." + field.name, keys);
  };
  switch (node.kind) {
    case LayoutNode::Kind::leaf:
      keys.insert(place + "=");
      break;
    case LayoutNode::Kind::object:
      for (const Field& field : node.fields) below(field);
      break;
    case LayoutNode::Kind::list:
      add_keys(node.items.front(), place + ".*", keys);
      break;
    case LayoutNode::Kind::choice:
      // A choice goes by its name: train.optimizer=adam.
      keys.insert(place + (place.ends_with("*") ? "." + node.discriminator : "") + "=");
      for (const Option& option : node.options)
        for (const Field& field : option.fields) below(field);
      break;
  }
}

std::vector<std::string> config_keys() {
  std::set<std::string> keys;
  add_keys(experiment_layout(), "", keys);
  return {keys.begin(), keys.end()};
}

template <class E>
std::vector<std::string> names_of(std::span<const E> table) {
  std::vector<std::string> names;
  for (const E& entry : table) names.push_back(entry.name);
  return names;
}

/// What a subcommand takes that is no file.
std::vector<std::string> words_of(const CLI::App& command) {
  if (command.get_option_no_throw("KEY=VALUE") != nullptr) return config_keys();
  if (command.get_name() == "curves") return names_of(activation_table());
  if (command.get_name() != "explain") return {};
  std::vector<std::string> words = names_of(rule_table());
  for (std::string& remedy : names_of(remedy_table())) words.push_back(std::move(remedy));
  return words;
}

std::vector<Verb> walk(const CLI::App& app) {
  std::vector<Verb> verbs;
  for (const CLI::App* subcommand : app.get_subcommands({})) {
    Verb verb{subcommand->get_name(), subcommand->get_description(), {}, words_of(*subcommand)};
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
         "  local word=\"${COMP_WORDS[COMP_CWORD]}\" words= more=\n"
         "  if [[ $COMP_CWORD -eq 1 ]]; then\n    words=\"--help --version";
  for (const Verb& verb : verbs) out << ' ' << verb.name;
  out << "\"\n  else\n    case \"${COMP_WORDS[1]}\" in\n";
  for (const Verb& verb : verbs) {
    out << "      " << verb.name << ") words=\"";
    for (std::size_t at = 0; at < verb.flags.size(); ++at) out << (at == 0 ? "" : " ") << verb.flags[at].name;
    out << "\" more=\"" << joined(verb.words, " ") << "\" ;;\n";
  }
  out << "    esac\n  fi\n"
         "  if [[ $word == -* || $COMP_CWORD -eq 1 ]]; then\n"
         "    mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$word\")\n"
         "  else\n"
         "    mapfile -t COMPREPLY < <(compgen -W \"$more\" -- \"$word\"; compgen -f -- \"$word\")\n"
         "    # A value follows a key.\n"
         "    [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *= ]] && compopt -o nospace 2>/dev/null\n"
         "  fi\n  return 0\n}\n"
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
         "  local -a values\n  case $words[2] in\n";
  for (const Verb& verb : verbs) {
    out << "    " << verb.name << ")\n";
    if (!verb.words.empty()) {
      out << "      values=(";
      for (const std::string& word : verb.words) out << ' ' << quoted(word);
      out << " )\n";
    }
    out << "      shift words; (( CURRENT-- ))\n      _arguments";
    for (const Flag& flag : verb.flags)
      out << " \\\n        "
          << quoted(flag.name + "[" + zsh_text(flag.description) + "]" + (flag.takes_value ? ":value:_files" : ""));
    // A value follows a key: no blank behind it.
    out << " \\\n        " << (verb.words.empty() ? "'*:file:_files'" : "'*: :{compadd -S \"\" -a values; _files}'")
        << " ;;\n";
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
    if (!verb.words.empty())
      out << "complete -c reluscope -n '__fish_seen_subcommand_from " << verb.name << "' -a "
          << quoted(joined(verb.words, " ")) << '\n';
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
