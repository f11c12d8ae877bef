#include "config/json_text.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <set>

#include "config/config_error.hpp"
#include "config/json_syntax.hpp"
#include "util/format.hpp"
#include "util/input.hpp"
#include "util/json_file.hpp"

namespace reluscope {

namespace {

using Raw = nlohmann::json;

constexpr std::size_t kMostBytes = 16U << 20;

bool continues_character(char byte) { return (static_cast<unsigned char>(byte) & 0xC0U) == 0x80U; }

[[noreturn]] void fail(const std::string& origin, const std::string& found, const std::string& expected) {
  throw ConfigError(origin, {{"", found, expected, ""}});
}

[[noreturn]] void fail_at(const std::string& origin, std::string_view text, std::size_t byte, std::size_t length,
                          const std::string& found, const std::string& expected) {
  ConfigIssue issue{"", found, expected, ""};
  issue.place = place_in(text, byte, length);
  throw ConfigError(origin, {std::move(issue)});
}

/// Follows the parser and notes keys that an object has twice: the parser itself keeps the last one in silence.
class DuplicateWatch {
 public:
  explicit DuplicateWatch(const std::string& origin) : origin_(origin) {}

  bool operator()(int /*depth*/, Raw::parse_event_t event, Raw& parsed) {
    switch (event) {
      case Raw::parse_event_t::object_start:
      case Raw::parse_event_t::array_start:
        if (frames_.size() >= kDeepestJson)
          fail(origin_, "nesting deeper than " + std::to_string(kDeepestJson) + " levels", "fewer");
        frames_.push_back({event == Raw::parse_event_t::array_start, 0, {}, {}});
        break;
      case Raw::parse_event_t::object_end:
      case Raw::parse_event_t::array_end:
        frames_.pop_back();
        count_element();
        break;
      case Raw::parse_event_t::value:
        count_element();
        break;
      case Raw::parse_event_t::key: {
        Frame& frame = frames_.back();
        frame.key = parsed.get<std::string>();
        if (!frame.keys.insert(frame.key).second)
          issues.add([&] { return ConfigIssue{pointer(), "the same key twice", "each key once in an object", ""}; });
        break;
      }
    }
    return true;
  }

  ConfigIssues issues;

 private:
  struct Frame {
    bool is_array = false;
    std::size_t index = 0;
    std::string key;
    std::set<std::string> keys;
  };

  void count_element() {
    if (!frames_.empty() && frames_.back().is_array) ++frames_.back().index;
  }

  [[nodiscard]] std::string pointer() const {
    std::string text;
    for (const Frame& frame : frames_)
      text = pointer_to(text, frame.is_array ? std::to_string(frame.index) : frame.key);
    return text;
  }

  const std::string& origin_;
  std::vector<Frame> frames_;
};

/// "[json.exception.parse_error.101] parse error at line 1, column 2: syntax error …; last read: '…'; expected …"
/// without what we say ourselves, and without the token last read where that is long or not text.
std::string bare_message(const std::string& what) {
  constexpr std::size_t kLongestToken = 40;
  const std::string lead = "; last read: '";
  const std::size_t colon = what.find(": ");
  std::string text = colon == std::string::npos ? what : what.substr(colon + 2);
  const std::size_t start = text.find(lead);
  if (start == std::string::npos) return text;
  std::size_t end = text.rfind("'; expected ");
  if (end == std::string::npos || end < start) end = text.size() - 1;
  const std::string token = text.substr(start + lead.size(), end - start - lead.size());
  if (token.size() > kLongestToken || !is_utf8(token)) text.erase(start, end + 1 - start);
  return text;
}

/// The byte at which the number `token` stands, outside strings and comments; npos if nowhere.
std::size_t find_number(std::string_view text, std::string_view token) {
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '"') {
      for (++at; at < text.size() && text[at] != '"'; ++at)
        if (text[at] == '\\') ++at;
    } else if (text.substr(at).starts_with("//")) {
      at = std::min(text.find('\n', at), text.size());
    } else if (text.substr(at).starts_with("/*")) {
      at = std::min(text.find("*/", at + 2), text.size());
    } else if (text.substr(at).starts_with(token)) {
      return at;
    }
  }
  return std::string_view::npos;
}

}  // namespace

Raw parse_json_text(std::string_view text, const std::string& origin) {
  if (text.size() > kMostBytes)
    fail(origin, format_bytes(text.size()) + " of text", "at most " + format_bytes(kMostBytes));
  if (text.starts_with(kUtf8Mark)) text.remove_prefix(kUtf8Mark.size());
  // The library would take it for the end.
  if (const std::size_t nul = text.find('\0'); nul != std::string_view::npos)
    fail_at(origin, text, nul, 1, "a NUL", "JSON, with comments if you like");
  DuplicateWatch watch(origin);
  Raw document;
  try {
    document = Raw::parse(text.begin(), text.end(), std::ref(watch), true, true);
  } catch (const Raw::parse_error& error) {
    throw ConfigError(origin, {explain_syntax(text, error.byte, bare_message(error.what()))});
  } catch (const Raw::out_of_range& error) {
    // "number overflow parsing '1e999'": the library does not say where.
    const std::string what = error.what();
    const std::size_t open = what.find('\'');
    const std::string token = open == std::string::npos ? "" : what.substr(open + 1, what.rfind('\'') - open - 1);
    fail_at(origin, text, find_number(text, token), token.size(), "the number " + shortened(token),
            "a number that fits float64");
  }
  if (!watch.issues.empty()) {
    find_places(watch.issues, text);
    throw ConfigError(origin, std::move(watch.issues));
  }
  return document;
}

std::string read_config_file(const std::filesystem::path& file) {
  const std::string name = file == "-" ? "standard input" : file.string();
  std::error_code error;
  if (file != "-" && std::filesystem::is_directory(file, error)) fail(name, "a directory", "a config file");
  const auto unreadable = [&] {
    fail(name.empty() ? "''" : name, "no readable file (" + std::string(std::strerror(errno)) + ")",
         "a config file; 'reluscope init' writes one");
  };
  const Descriptor opened = file == "-" ? Descriptor(::dup(STDIN_FILENO)) : open_for_reading(file);
  std::string text;
  if (!read_to_end(opened, text, kMostBytes)) unreadable();
  if (text.size() > kMostBytes) fail(name, "more than " + format_bytes(kMostBytes), "a config file");
  return text;
}

std::string pointer_to(const std::string& parent, std::string_view token) {
  std::string pointer = parent + "/";
  for (const char character : token) {
    if (character == '~') {
      pointer += "~0";
    } else if (character == '/') {
      pointer += "~1";
    } else {
      pointer += static_cast<unsigned char>(character) < 0x20 ? '?' : character;
    }
  }
  return pointer;
}

std::string describe(const Raw& value) {
  constexpr std::size_t kLongestList = 8;
  if (value.is_object()) return "an object";
  const auto is_simple = [](const Raw& element) { return !element.is_structured(); };
  if (value.is_array() && (value.size() > kLongestList || !std::all_of(value.begin(), value.end(), is_simple)))
    return "a list of " + std::to_string(value.size());
  return shortened(value.dump(-1, ' ', false, Raw::error_handler_t::replace));
}

std::string shortened(const std::string& text) {
  constexpr std::size_t kLongest = 60;
  if (text.size() <= kLongest) return text;
  std::size_t end = kLongest - 3;
  while (end > 0 && continues_character(text[end])) --end;
  return text.substr(0, end) + "...";
}

bool is_utf8(const std::string& text) {
  try {
    static_cast<void>(Raw(text).dump());
    return true;
  } catch (const Raw::type_error&) { return false; }
}

}  // namespace reluscope
