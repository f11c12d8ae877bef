// What is read out of a directory that may come from a stranger.
#include "util/input.hpp"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <filesystem>
#include <string>

#include "support/command.hpp"
#include "support/text.hpp"
#include "util/error.hpp"
#include "util/json_file.hpp"
#include "util/text_file.hpp"

using namespace reluscope;
using reluscope::test::contains;
using reluscope::test::Workplace;
using reluscope::test::write_file;

namespace {

template <class Body>
std::string refusal(Body body) {
  try {
    body();
  } catch (const DataError& error) { return error.what(); }
  return "";
}

std::string refusal_of_json(const std::string& text) {
  return refusal([&] { parse_json_object(text, "m.json"); });
}

}  // namespace

TEST_CASE(
    "a file of ours is a regular one, or a link to one; a pipe, a device and a directory are named for what they are") {
  const Workplace place;
  const auto path = [&](const char* name) { return place.path() / name; };
  write_file(path("file"), "text");
  std::filesystem::create_symlink("file", path("link"));
  CHECK(has_own_file(path("file")));
  CHECK(has_own_file(path("link")));
  CHECK(read_whole_file(path("link")) == "text");
  CHECK_FALSE(has_own_file(path("missing")));
  CHECK_FALSE(has_own_file(path("file/below")));

  REQUIRE(::mkfifo(path("pipe").c_str(), 0600) == 0);
  std::filesystem::create_directory(path("directory"));
  std::filesystem::create_symlink("/dev/zero", path("zero"));
  std::filesystem::create_symlink("nowhere", path("dangling"));
  for (const auto& [name, what] : {std::pair<const char*, const char*>{"pipe", "a named pipe"},
                                   {"directory", "a directory"},
                                   {"zero", "a device"},
                                   {"dangling", "No such file"}}) {
    CAPTURE(name);
    CHECK(contains(refusal([&, &file = name] { has_own_file(path(file)); }), what));
    CHECK(contains(refusal([&, &file = name] { read_whole_file(path(file)); }), what));
    CHECK(contains(refusal([&, &file = name] { read_json_object(path(file)); }), what));
  }
}

TEST_CASE("bytes at a place are read without moving any other reader, and as many as there are") {
  const Workplace place;
  write_file(place.path() / "file", "0123456789");
  const Descriptor file = open_for_reading(place.path() / "file");
  CHECK(size_of(file) == 10);
  char bytes[4] = {};
  CHECK(read_at(file.number(), 8, bytes, 4) == 2);
  CHECK(std::string(bytes, 2) == "89");
  std::string all;
  CHECK(read_to_end(file, all));
  CHECK(all == "0123456789");
}

TEST_CASE("a document is read strictly: what the library would pass over is refused") {
  CHECK(parse_json_object(R"({"b": {"x": 1}, "a": [{"x": 1}, {"x": 2}]})", "m.json").size() == 2);
  CHECK(contains(refusal_of_json(R"({"a": 1, "b": {"c": 1, "c": 2}})"), "m.json: found the key 'c' twice"));
  CHECK(contains(refusal_of_json(std::string("{}\0junk", 7)), "a NUL at byte 2"));
  CHECK(contains(refusal_of_json("{} x"), "expected a JSON object"));
  CHECK(contains(refusal_of_json(std::string(70, '[') + std::string(70, ']')), "nesting deeper than 64"));
  std::string keys;
  for (int key = 0; key < 256; ++key) keys += (key > 0 ? ", \"" : "\"") + std::to_string(key) + "\": 0";
  CHECK(refusal_of_json("{" + keys + "}").empty());
  CHECK(contains(refusal_of_json("{" + keys + R"(, "more": 0})"), "more than 256 keys"));
}
