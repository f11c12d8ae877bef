#include "config/json_syntax.hpp"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "config/json_places.hpp"
#include "config/json_text.hpp"
#include "util/nearest.hpp"

namespace reluscope {

namespace {

using MaybeIssue = std::optional<ConfigIssue>;

/// What other languages write, and JSON.
constexpr std::array<std::pair<std::string_view, std::string_view>, 7> kWords = {{{"True", "true"},
                                                                                  {"TRUE", "true"},
                                                                                  {"False", "false"},
                                                                                  {"FALSE", "false"},
                                                                                  {"None", "null"},
                                                                                  {"NULL", "null"},
                                                                                  {"undefined", "null"}}};

/// Bare, without a sign.
constexpr std::array<std::string_view, 3> kNoNumbers = {"nan", "infinity", "inf"};

bool opens(const JsonToken& token) { return token.kind == '{' || token.kind == '['; }
bool closes(const JsonToken& token) { return token.kind == '}' || token.kind == ']'; }
bool is_word(const JsonToken& token) { return token.kind == '0' || token.kind == 'a'; }
bool is_value_end(const JsonToken& token) { return token.kind == '"' || is_word(token) || closes(token); }
bool is_value_start(const JsonToken& token) { return token.kind == '"' || is_word(token) || opens(token); }

/// A number as JSON has it: .5, 5., +5 and 007 in other words; nothing where it is none of these.
std::string as_json_number(std::string number) {
  if (number.starts_with('+')) number.erase(0, 1);
  const std::size_t start = number.starts_with('-') ? 1 : 0;
  while (number.size() > start + 1 && number[start] == '0' && number[start + 1] >= '0' && number[start + 1] <= '9')
    number.erase(start, 1);
  if (number.size() > start && number[start] == '.') number.insert(start, "0");
  if (number.ends_with('.')) number.pop_back();
  return nlohmann::json::accept(number) ? number : "";
}

/// The tokens up to the one that the parser stopped at, and what is wrong with them.
class Explainer {
 public:
  Explainer(std::string_view text, std::size_t error_byte, const std::string& message)
      : text_(text), error_byte_(error_byte), message_(message) {
    JsonTokens tokens(text);
    while (tokens.next() && !offender_) {
      const JsonToken& token = tokens.token();
      if (token.span.end >= error_byte) {
        offender_ = token;
      } else {
        if (opens(token)) open_.push_back(token);
        if (closes(token) && !open_.empty()) open_.pop_back();
        before_.push_back(token);
        if (before_.size() > 3) before_.erase(before_.begin());
      }
    }
    // In the middle of a word the parser knows already that it is none of JSON's. And where it stopped behind a text
    // in which nothing is left open, the last token made it go on: a single slash, which could begin a comment.
    const bool is_foreign =
        !before_.empty() && is_word(before_.back()) && !nlohmann::json::accept(word(before_.back()));
    if (is_foreign || (!offender_ && open_.empty() && !before_.empty())) {
      offender_ = before_.back();
      before_.pop_back();
    }
  }

  [[nodiscard]] ConfigIssue explain() const {
    for (const auto step : {&Explainer::in_string, &Explainer::in_comment, &Explainer::at_end, &Explainer::at_start,
                            &Explainer::foreign_mark, &Explainer::between_key_and_value, &Explainer::foreign_word,
                            &Explainer::at_comma, &Explainer::at_closing, &Explainer::behind_all})
      if (MaybeIssue issue = (this->*step)()) return *issue;
    const std::size_t byte = error_byte_ == 0 ? 0 : error_byte_ - 1;
    return issue({byte, byte + 1}, "broken JSON (" + message_ + ")", "JSON, with comments if you like");
  }

 private:
  [[nodiscard]] std::string word(const JsonToken& token) const {
    return std::string(text_.substr(token.span.begin, token.span.end - token.span.begin));
  }
  [[nodiscard]] bool says(const char* part) const { return message_.find(part) != std::string::npos; }
  [[nodiscard]] char kind_before(std::size_t back = 1) const {
    return before_.size() < back ? '\0' : before_[before_.size() - back].kind;
  }

  [[nodiscard]] ConfigIssue issue(TextSpan span, std::string found, std::string expected, std::string help = "") const {
    ConfigIssue made{"", std::move(found), std::move(expected), std::move(help)};
    made.place = place_in(text_, span.begin, span.end - span.begin);
    return made;
  }
  [[nodiscard]] TextSpan behind(const JsonToken& token) const { return {token.span.end, token.span.end + 1}; }

  /// A key waits for its colon: the token before the offender is one.
  [[nodiscard]] bool is_behind_key() const {
    return kind_before() == '"' && !open_.empty() && open_.back().kind == '{' &&
           (kind_before(2) == '{' || kind_before(2) == ',');
  }
  [[nodiscard]] bool is_key_due() const {
    return !open_.empty() && open_.back().kind == '{' && (kind_before() == '{' || kind_before() == ',');
  }
  [[nodiscard]] bool is_value_due() const {
    return kind_before() == ':' ||
           (!open_.empty() && open_.back().kind == '[' && (kind_before() == '[' || kind_before() == ','));
  }

  [[nodiscard]] MaybeIssue in_string() const {
    if (says("missing closing quote") || says("control character U+000A"))
      for (const JsonToken* token : {offender_ ? &*offender_ : nullptr, before_.empty() ? nullptr : &before_.back()})
        if (token != nullptr && token->kind == '"')
          return issue({token->span.begin, token->span.begin + 1}, "a string that is never closed",
                       "a double quote at its end");
    // Paths of Windows, mostly.
    const std::size_t stroke = text_.substr(0, error_byte_).rfind('\\');
    if ((says("forbidden character after backslash") || says("must be followed by 4 hex digits")) &&
        stroke != std::string_view::npos)
      return issue({stroke, stroke + 1}, "a single backslash in a string", "two of them, or a / in a path", "\\\\");
    return std::nullopt;
  }

  [[nodiscard]] MaybeIssue in_comment() const {
    for (const JsonToken* token : {offender_ ? &*offender_ : nullptr, before_.empty() ? nullptr : &before_.back()})
      if (token != nullptr && token->kind == '/')
        return issue({token->span.begin, token->span.begin + 2}, "a comment that is never closed", "*/ at its end");
    return std::nullopt;
  }

  [[nodiscard]] MaybeIssue at_end() const {
    if (offender_) return std::nullopt;
    if (open_.empty()) return issue({0, 1}, "nothing in it", "a config; 'reluscope init' writes one");
    const JsonToken& opener = open_.back();
    return issue(opener.span, std::string("a ") + opener.kind + " that is never closed",
                 std::string("a ") + (opener.kind == '{' ? '}' : ']') + " before the file ends");
  }

  /// What begins with neither bracket may be YAML, or a line of it.
  [[nodiscard]] MaybeIssue at_start() const {
    if (!open_.empty() || word(*offender_) == "#") return std::nullopt;
    const bool is_first = before_.empty() && !opens(*offender_);
    const bool is_line = before_.size() == 1 && kind_before() == '"' && offender_->kind == ':';
    if (!is_first && !is_line) return std::nullopt;
    const JsonToken& token = is_line ? before_.back() : *offender_;
    return issue(token.span, shortened(word(token)) + " outside of any braces",
                 "a config in JSON: all of it between { and }");
  }

  [[nodiscard]] MaybeIssue foreign_mark() const {
    const JsonToken& token = *offender_;
    const std::string mark = word(token);
    if (token.kind == 'a' && !is_utf8(mark))
      return issue({token.span.begin, token.span.begin + 1}, "a byte that is no UTF-8", "text in UTF-8");
    if (mark == "'") return issue(token.span, "a single quote", "double quotes: JSON has no others");
    if (mark == "`") return issue(token.span, "a backquote", "double quotes: JSON has no others");
    for (const std::string_view quote : {"“", "”", "„", "‘", "’", "«", "»"})
      if (mark.starts_with(quote))
        return issue({token.span.begin, token.span.begin + quote.size()}, "a typographic quote " + std::string(quote),
                     "a straight double quote");
    if (mark == "#") return issue(token.span, "a #", "// before a comment", "//");
    if (mark == ";") return issue(token.span, "a semicolon", "a comma, or none before a closing bracket");
    if (mark == "=") return issue(token.span, "an equals sign", "a colon between a key and its value", ":");
    return std::nullopt;
  }

  [[nodiscard]] MaybeIssue between_key_and_value() const {
    const JsonToken& token = *offender_;
    if (is_behind_key() && is_value_start(token))
      return issue(behind(before_.back()), "no colon here", "one between a key and its value", ":");
    if (is_behind_key() && (token.kind == ',' || closes(token)))
      return issue(before_.back().span, "a key without a value", "a colon and a value behind it");
    if (kind_before() == ':' && (token.kind == ',' || closes(token)))
      return issue(token.span, "no value behind the colon", "one for each key");
    return std::nullopt;
  }

  [[nodiscard]] MaybeIssue foreign_word() const {
    const JsonToken& token = *offender_;
    if (!is_word(token) || (!is_key_due() && !is_value_due())) return std::nullopt;
    const std::string given = word(token);
    const std::string shown = shortened(given);
    if (is_key_due()) return issue(token.span, shown + " without quotes", "it in double quotes", "\"" + shown + "\"");
    for (const auto& [foreign, own] : kWords)
      if (given == foreign) return issue(token.span, shown, std::string(own) + ", as JSON writes it", std::string(own));
    const bool is_signed = given.starts_with('+') || given.starts_with('-');
    const std::string bare = bare_name(given.substr(is_signed ? 1 : 0));
    if (std::find(kNoNumbers.begin(), kNoNumbers.end(), bare) != kNoNumbers.end())
      return issue(token.span, shown, "a finite number: JSON has neither NaN nor infinity");
    const char first = given[is_signed && given.size() > 1 ? 1 : 0];
    if (is_signed || first == '.' || (first >= '0' && first <= '9'))
      return issue(token.span, shown, "a number as JSON writes it: 0.5, -3, 1e-4", as_json_number(given));
    const std::vector<std::string> own_words = {"true", "false", "null"};
    if (const auto near = nearest_name(given, own_words); near && given.size() > 1)
      return issue(token.span, shown + " without quotes", "text in double quotes, or true, false or null",
                   "did you mean " + *near + "?");
    return issue(token.span, shown + " without quotes", "it in double quotes", "\"" + shown + "\"");
  }

  [[nodiscard]] MaybeIssue at_comma() const {
    const JsonToken& token = *offender_;
    if (open_.empty() || before_.empty()) return std::nullopt;
    if (is_value_start(token) && is_value_end(before_.back()))
      return issue(behind(before_.back()), "no comma here", "one before what follows", ",");
    if (closes(token) && kind_before() == ',')
      return issue(before_.back().span, "a comma with nothing behind it", "none before a closing bracket");
    if (token.kind == ',' && (kind_before() == ',' || opens(before_.back())))
      return issue(token.span, "a comma with nothing before it", "one between two elements and no more");
    return std::nullopt;
  }

  /// The wrong one of the two brackets.
  [[nodiscard]] MaybeIssue at_closing() const {
    if (open_.empty() || !closes(*offender_)) return std::nullopt;
    const JsonToken& opener = open_.back();
    const std::string right(1, opener.kind == '{' ? '}' : ']');
    if (word(*offender_) == right) return std::nullopt;
    return issue(offender_->span, "a " + word(*offender_),
                 "a " + right + " for the " + opener.kind + " at " + place_in(text_, opener.span.begin).numbers());
  }

  [[nodiscard]] MaybeIssue behind_all() const {
    if (!open_.empty() || before_.empty()) return std::nullopt;
    if (closes(*offender_)) return issue(offender_->span, "a " + word(*offender_) + " too many", "none here");
    return issue(offender_->span, "something behind the config's last bracket", "nothing but comments");
  }

  std::string_view text_;
  std::size_t error_byte_;
  const std::string& message_;
  std::vector<JsonToken> open_;        ///< brackets that wait to be closed
  std::vector<JsonToken> before_;      ///< the last three tokens before the offender
  std::optional<JsonToken> offender_;  ///< nothing: the text ended, empty or with a bracket open
};

}  // namespace

ConfigIssue explain_syntax(std::string_view text, std::size_t error_byte, const std::string& message) {
  return Explainer(text, error_byte, message).explain();
}

}  // namespace reluscope
