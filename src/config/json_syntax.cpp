#include "config/json_syntax.hpp"

#include <array>
#include <optional>
#include <utility>
#include <vector>

#include "config/json_places.hpp"

namespace reluscope {

namespace {

bool opens(const JsonToken& token) { return token.kind == '{' || token.kind == '['; }
bool closes(const JsonToken& token) { return token.kind == '}' || token.kind == ']'; }
bool is_value_end(const JsonToken& token) {
  return token.kind == '"' || token.kind == '0' || token.kind == 'a' || closes(token);
}
bool is_value_start(const JsonToken& token) {
  return token.kind == '"' || token.kind == '0' || token.kind == 'a' || opens(token);
}

/// The tokens up to the one that the parser stopped at.
struct Reading {
  std::vector<JsonToken> open;  ///< brackets that wait to be closed
  std::optional<JsonToken> before_that;
  std::optional<JsonToken> before;    ///< the token before
  std::optional<JsonToken> offender;  ///< nothing: the text ended
};

Reading read_up_to(std::string_view text, std::size_t error_byte) {
  Reading reading;
  JsonTokens tokens(text);
  while (tokens.next()) {
    const JsonToken& token = tokens.token();
    if (token.span.end >= error_byte) {
      reading.offender = token;
      return reading;
    }
    if (opens(token)) reading.open.push_back(token);
    if (closes(token) && !reading.open.empty()) reading.open.pop_back();
    reading.before_that = std::exchange(reading.before, token);
  }
  return reading;
}

bool is_foreign_word(std::string_view text, const JsonToken& token) {
  const std::string_view word = text.substr(token.span.begin, token.span.end - token.span.begin);
  return token.kind == 'a' && word != "true" && word != "false" && word != "null";
}

/// What other languages write, and JSON.
constexpr std::array<std::pair<std::string_view, std::string_view>, 9> kWords = {{{"True", "true"},
                                                                                  {"TRUE", "true"},
                                                                                  {"False", "false"},
                                                                                  {"FALSE", "false"},
                                                                                  {"None", "null"},
                                                                                  {"NULL", "null"},
                                                                                  {"undefined", "null"},
                                                                                  {"NaN", "null"},
                                                                                  {"nan", "null"}}};

ConfigIssue issue_at(std::string_view text, TextSpan span, std::string found, std::string expected, std::string help) {
  ConfigIssue issue{"", std::move(found), std::move(expected), std::move(help)};
  issue.place = place_in(text, span.begin, span.end - span.begin);
  return issue;
}

}  // namespace

ConfigIssue explain_syntax(std::string_view text, std::size_t error_byte, const std::string& message) {
  Reading reading = read_up_to(text, error_byte);
  const auto word_of = [&](const JsonToken& token) {
    return std::string(text.substr(token.span.begin, token.span.end - token.span.begin));
  };
  const bool is_open_string = message.find("missing closing quote") != std::string::npos ||
                              message.find("control character U+000A") != std::string::npos;
  for (const std::optional<JsonToken>* token : {&reading.offender, &reading.before})
    if (is_open_string && *token && (*token)->kind == '"')
      return issue_at(text, {(*token)->span.begin, (*token)->span.begin + 1}, "a string that is never closed",
                      "a double quote at its end", "");
  // In the middle of a word the parser knows already that it is none of JSON's.
  if (reading.before && is_foreign_word(text, *reading.before)) {
    reading.offender = reading.before;
    reading.before = reading.before_that;
  }
  if (!reading.offender && !reading.open.empty()) {
    const JsonToken& opener = reading.open.back();
    const char closing = opener.kind == '{' ? '}' : ']';
    return issue_at(text, opener.span, std::string("a ") + opener.kind + " that is never closed",
                    std::string("a ") + closing + " before the file ends", "");
  }
  if (reading.offender && reading.before) {
    const JsonToken& token = *reading.offender;
    const JsonToken& before = *reading.before;
    const char quote = text[token.span.begin];
    if (token.kind == '?' && quote == '\'')
      return issue_at(text, token.span, "a single quote", "double quotes: JSON has no others", "");
    if (token.kind == 'a') {
      for (const auto& [foreign, own] : kWords)
        if (word_of(token) == foreign)
          return issue_at(text, token.span, word_of(token), std::string(own) + ", as JSON writes it", "");
      if (before.kind == '{' || before.kind == ',' || before.kind == ':')
        return issue_at(text, token.span, word_of(token) + " without quotes", "it in double quotes",
                        "\"" + word_of(token) + "\"");
    }
    if (is_value_start(token) && is_value_end(before) && !reading.open.empty())
      return issue_at(text, {before.span.end, before.span.end + 1}, "no comma here", "one before what follows", ",");
    if (closes(token) && before.kind == ',')
      return issue_at(text, before.span, "a comma with nothing behind it", "none before a closing bracket", "");
    if (token.kind == '?' && quote == '=')
      return issue_at(text, token.span, "an equals sign", "a colon between a key and its value", ":");
  }
  const std::size_t byte = error_byte == 0 ? 0 : error_byte - 1;
  return issue_at(text, {byte, byte + 1}, "broken JSON (" + message + ")", "JSON, with comments if you like", "");
}

}  // namespace reluscope
