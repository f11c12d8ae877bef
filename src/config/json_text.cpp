#include "config/json_text.hpp"

#include <algorithm>
#include <fstream>
#include <iostream>
#include <set>

#include "config/config_error.hpp"
#include "util/format.hpp"

namespace reluscope {

namespace {

using Json = nlohmann::json;

constexpr std::size_t kMostBytes = 16U << 20;
constexpr std::size_t kDeepest = 64;

struct Position {
  std::size_t line = 1;
  std::size_t column = 1;
};

Position position_of(std::string_view text, std::size_t byte) {
  Position at;
  for (std::size_t index = 0; index < std::min(byte, text.size()); ++index) {
    ++at.column;
    if (text[index] == '\n') at = {at.line + 1, 1};
  }
  return at;
}

[[noreturn]] void fail(const std::string& origin, const std::string& found, const std::string& expected) {
  throw ConfigError(origin, {{"", found, expected, ""}});
}

std::string at_text(const Position& at) {
  return " at line " + std::to_string(at.line) + ", column " + std::to_string(at.column);
}

/// Follows the parser and notes keys that an object has twice: the parser itself keeps the last one in silence.
class DuplicateWatch {
 public:
  explicit DuplicateWatch(const std::string& origin) : origin_(origin) {}

  bool operator()(int /*depth*/, Json::parse_event_t event, Json& parsed) {
    switch (event) {
      case Json::parse_event_t::object_start:
      case Json::parse_event_t::array_start:
        if (frames_.size() >= kDeepest)
          fail(origin_, "nesting deeper than " + std::to_string(kDeepest) + " levels", "a config");
        frames_.push_back({event == Json::parse_event_t::array_start, 0, {}, {}});
        break;
      case Json::parse_event_t::object_end:
      case Json::parse_event_t::array_end:
        frames_.pop_back();
        count_element();
        break;
      case Json::parse_event_t::value:
        count_element();
        break;
      case Json::parse_event_t::key: {
        Frame& frame = frames_.back();
        frame.key = parsed.get<std::string>();
        if (!frame.keys.insert(frame.key).second)
          issues.push_back({pointer(), "the same key twice", "each key once in an object", ""});
        break;
      }
    }
    return true;
  }

  std::vector<ConfigIssue> issues;

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
    for (const Frame& frame : frames_) text = pointer_to(text, frame.is_array ? std::to_string(frame.index) : frame.key);
    return text;
  }

  const std::string& origin_;
  std::vector<Frame> frames_;
};

/// "[json.exception.parse_error.101] parse error at line 1, column 2: syntax error …" without what we say ourselves.
std::string bare_message(const std::string& what) {
  const std::size_t colon = what.find(": ");
  return colon == std::string::npos ? what : what.substr(colon + 2);
}

}  // namespace

Json parse_json_text(std::string_view text, const std::string& origin) {
  if (text.size() > kMostBytes)
    fail(origin, format_bytes(text.size()) + " of text", "at most " + format_bytes(kMostBytes));
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  DuplicateWatch watch(origin);
  Json document;
  try {
    document = Json::parse(text.begin(), text.end(), std::ref(watch), true, true);
  } catch (const Json::parse_error& error) {
    const Position at = position_of(text, error.byte == 0 ? 0 : error.byte - 1);
    fail(origin, "broken JSON" + at_text(at) + " (" + bare_message(error.what()) + ")", "JSON, with comments if you like");
  } catch (const Json::out_of_range& error) {
    // "number overflow parsing '1e999'": the library does not say where.
    const std::string what = error.what();
    const std::size_t open = what.find('\'');
    const std::string token = open == std::string::npos ? "" : what.substr(open + 1, what.rfind('\'') - open - 1);
    const std::size_t byte = token.empty() ? std::string_view::npos : text.find(token);
    fail(origin, "the number " + token + (byte == std::string_view::npos ? "" : at_text(position_of(text, byte))),
         "a number that fits float64");
  }
  if (!watch.issues.empty()) throw ConfigError(origin, std::move(watch.issues));
  return document;
}

std::string read_config_file(const std::filesystem::path& file) {
  const std::string name = file == "-" ? "standard input" : file.string();
  std::error_code error;
  if (file != "-" && std::filesystem::is_directory(file, error)) fail(name, "a directory", "a config file");
  std::ifstream opened;
  if (file != "-") {
    opened.open(file, std::ios::binary);
    if (!opened) fail(name, "no readable file", "a config file; 'reluscope init' writes one");
  }
  std::istream& in = file == "-" ? std::cin : opened;
  std::string text;
  std::array<char, 1 << 14> chunk;
  while (in.read(chunk.data(), chunk.size()) || in.gcount() > 0) {
    text.append(chunk.data(), static_cast<std::size_t>(in.gcount()));
    if (text.size() > kMostBytes) fail(name, "more than " + format_bytes(kMostBytes), "a config file");
  }
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

std::string describe(const Json& value) {
  constexpr std::size_t kLongest = 60;
  if (value.is_object()) return "an object";
  if (value.is_array()) return "a list";
  std::string text = value.dump(-1, ' ', true, Json::error_handler_t::replace);
  if (text.size() > kLongest) text = text.substr(0, kLongest - 3) + "...";
  return text;
}

}  // namespace reluscope
