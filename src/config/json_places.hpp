#pragma once
// Where things stand in JSON text with comments: only for messages, so the text is gone through once there is one.

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "util/excerpt.hpp"

namespace reluscope {

struct TextSpan {
  std::size_t begin = 0;
  std::size_t end = 0;  ///< behind the last byte
};

/// A value of a document, and its key where it has one.
struct JsonPlace {
  TextSpan key;
  TextSpan value;
};

/// The places of the values that these JSON Pointers name, of those that there are; of a key that stands twice the
/// last. The text is valid JSON with comments.
std::map<std::string, JsonPlace> find_json_places(std::string_view text, const std::vector<std::string>& pointers);

/// One word, string, number or punctuation mark; comments are none.
struct JsonToken {
  /// '"', '{', '}', '[', ']', ',', ':', '0' for a number, 'a' for a word, '/' for a comment that is never closed, '?'
  /// for anything else.
  char kind = 0;
  TextSpan span;
};

/// Goes through the tokens of text that need not be valid.
class JsonTokens {
 public:
  /// A byte order mark is no token.
  explicit JsonTokens(std::string_view text) : text_(text), at_(text.starts_with(kUtf8Mark) ? 3 : 0) {}
  /// False at the end.
  bool next();
  [[nodiscard]] const JsonToken& token() const { return token_; }

 private:
  void skip_blanks();
  std::string_view text_;
  std::size_t at_ = 0;
  JsonToken token_;
};

}  // namespace reluscope
