#include "config/json_places.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "config/json_text.hpp"

namespace reluscope {

namespace {

bool is_word_letter(char letter) {
  return (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') || (letter >= '0' && letter <= '9') ||
         letter == '_' || letter == '.' || letter == '-' || letter == '+' || letter == '$' ||
         (static_cast<unsigned char>(letter) & 0x80U) != 0;
}

/// Follows a valid document.
class Follower {
 public:
  Follower(std::string_view text, const std::vector<std::string>& pointers) : text_(text), tokens_(text) {
    for (const std::string& pointer : pointers) wanted_.emplace(pointer, JsonPlace());
  }

  std::map<std::string, JsonPlace> follow() {
    if (tokens_.next()) value("", {});
    std::erase_if(wanted_, [](const auto& one) { return one.second.value.end == 0; });
    return std::move(wanted_);
  }

 private:
  /// From the value's first token on; leaves its last one. Nesting was bounded when the text was parsed.
  void value(const std::string& pointer, TextSpan key) {
    const char kind = tokens_.token().kind;
    const std::size_t begin = tokens_.token().span.begin;
    if (kind == '{') {
      members(pointer);
    } else if (kind == '[') {
      elements(pointer);
    }
    if (const auto found = wanted_.find(pointer); found != wanted_.end())
      found->second = {key, {begin, tokens_.token().span.end}};
  }

  void members(const std::string& pointer) {
    while (tokens_.next() && tokens_.token().kind != '}') {
      if (tokens_.token().kind != '"') continue;  // a comma
      const TextSpan key = tokens_.token().span;
      if (!tokens_.next() || !tokens_.next()) return;  // the colon, and the value's first token
      value(pointer_to(pointer, name_in(key)), key);
    }
  }

  void elements(const std::string& pointer) {
    std::size_t index = 0;
    while (tokens_.next() && tokens_.token().kind != ']')
      if (tokens_.token().kind != ',') value(pointer_to(pointer, std::to_string(index++)), {});
  }

  [[nodiscard]] std::string name_in(TextSpan key) const {
    const std::string_view quoted = text_.substr(key.begin, key.end - key.begin);
    if (quoted.find('\\') == std::string_view::npos) return std::string(quoted.substr(1, quoted.size() - 2));
    return nlohmann::json::parse(quoted).get<std::string>();
  }

  std::string_view text_;
  JsonTokens tokens_;
  std::map<std::string, JsonPlace> wanted_;
};

}  // namespace

void JsonTokens::skip_blanks() {
  while (at_ < text_.size()) {
    const std::string_view rest = text_.substr(at_);
    if (rest.starts_with("//")) {
      at_ = std::min(text_.find('\n', at_), text_.size());
    } else if (rest.starts_with("/*")) {
      const std::size_t end = text_.find("*/", at_ + 2);
      if (end == std::string_view::npos) return;  // see next()
      at_ = end + 2;
    } else if (rest.front() == ' ' || rest.front() == '\t' || rest.front() == '\r' || rest.front() == '\n') {
      ++at_;
    } else {
      return;
    }
  }
}

bool JsonTokens::next() {
  skip_blanks();
  if (at_ >= text_.size()) return false;
  const std::size_t begin = at_;
  if (text_.substr(at_).starts_with("/*")) {
    at_ = text_.size();
    token_ = {'/', {begin, at_}};
    return true;
  }
  const char first = text_[at_++];
  char kind = '?';
  if (first == '"') {
    kind = '"';
    while (at_ < text_.size() && text_[at_] != '"' && text_[at_] != '\n') at_ += text_[at_] == '\\' ? 2U : 1U;
    at_ = std::min(at_ + 1, text_.size());
  } else if (std::string_view("{}[],:").find(first) != std::string_view::npos) {
    kind = first;
  } else if (is_word_letter(first)) {
    kind = (first >= '0' && first <= '9') || first == '-' ? '0' : 'a';
    while (at_ < text_.size() && is_word_letter(text_[at_])) ++at_;
  }
  token_ = {kind, {begin, at_}};
  return true;
}

std::map<std::string, JsonPlace> find_json_places(std::string_view text, const std::vector<std::string>& pointers) {
  return Follower(text, pointers).follow();
}

}  // namespace reluscope
