#include "util/temporary_file.hpp"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

#include "support/command.hpp"
#include "util/error.hpp"
#include "util/own_directory.hpp"
#include "util/text_file.hpp"

using namespace reluscope;
using test::read_file;
using test::write_file;

namespace {

std::vector<std::string> sorted_names(const std::filesystem::path& directory) {
  std::vector<std::string> names = names_in(directory);
  std::sort(names.begin(), names.end());
  return names;
}

using Names = std::vector<std::string>;

/// Does that in a process that then ends as if it were killed: no destructor runs.
template <class Body>
void in_killed_process(Body body) {
  const pid_t child = ::fork();
  if (child == 0) {
    body();
    ::_exit(0);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(status == 0);
}

}  // namespace

TEST_CASE("what a killed process leaves behind goes with the next file; what another is writing stays") {
  const test::Workplace place;
  const std::filesystem::path target = place.path() / "file";
  in_killed_process([&] { new TemporaryFile(target); });
  CHECK(names_in(place.path()).size() == 1);
  {
    TemporaryFile living(place.path() / "other");
    CHECK(names_in(place.path()).size() == 1);  // its own
    write_file_atomically(target, "text");
    remove_leftovers(place.path());
    CHECK(names_in(place.path()).size() == 2);
    living.replace_target();
  }
  CHECK(sorted_names(place.path()) == Names{"file", "other"});
  CHECK(read_file(target) == "text");
}

TEST_CASE("only files of that kind are taken for left behind") {
  const test::Workplace place;
  const Names others = {".reluscope-1-1.tmp.csv", "a.tmp", "precious", "reluscope-1-1.tmp"};
  for (const std::string& name : others) write_file(place.path() / name, "mine");
  std::filesystem::create_directory(place.path() / ".reluscope-7-1.tmp");
  std::filesystem::create_symlink("precious", place.path() / ".reluscope-8-1.tmp");
  REQUIRE(::mkfifo((place.path() / ".reluscope-9-1.tmp").c_str(), 0600) == 0);
  write_file_atomically(place.path() / "new", "text");
  for (const std::string& name : others) CHECK(read_file(place.path() / name) == "mine");
  CHECK(std::filesystem::is_directory(place.path() / ".reluscope-7-1.tmp"));
  CHECK(std::filesystem::is_symlink(place.path() / ".reluscope-8-1.tmp"));
}

TEST_CASE("a file that is not finished leaves nothing, and the old one as it was") {
  const test::Workplace place;
  write_file(place.path() / "file", "old");
  { const TemporaryFile given_up(place.path() / "file"); }
  CHECK(sorted_names(place.path()) == Names{"file"});
  CHECK(read_file(place.path() / "file") == "old");
  CHECK_THROWS_WITH_AS(write_file_atomically(place.path() / "no" / "file", ""), doctest::Contains("no/file"), IoError);
}

TEST_CASE("a link is replaced, and nothing is written to what it leads to") {
  const test::Workplace place;
  write_file(place.path() / "precious", "mine");
  std::filesystem::create_symlink("precious", place.path() / "link");
  write_file_atomically(place.path() / "link", "text");
  CHECK(read_file(place.path() / "precious") == "mine");
  CHECK(!std::filesystem::is_symlink(place.path() / "link"));
  CHECK(read_file(place.path() / "link") == "text");
}

TEST_CASE("a file is created once, and not through a link that leads nowhere") {
  const test::Workplace place;
  CHECK(create_file_atomically(place.path() / "file", "first"));
  CHECK_FALSE(create_file_atomically(place.path() / "file", "second"));
  CHECK(read_file(place.path() / "file") == "first");
  std::filesystem::create_symlink("planted", place.path() / "link");
  CHECK_FALSE(create_file_atomically(place.path() / "link", "text"));
  CHECK(sorted_names(place.path()) == Names{"file", "link"});
}

TEST_CASE("tables of a run are opened through no link, and are regular files") {
  const test::Workplace place;
  write_file(place.path() / "precious", "0123456789");
  std::filesystem::create_symlink("precious", place.path() / "link");
  std::filesystem::create_symlink("planted", place.path() / "nowhere");
  REQUIRE(::mkfifo((place.path() / "pipe").c_str(), 0600) == 0);
  for (const char* name : {"link", "nowhere"})
    CHECK_THROWS_WITH_AS(TextSink(place.path() / name, 3, PathOf::run), doctest::Contains("symbolic link"), IoError);
  CHECK_THROWS_WITH_AS(TextSink(place.path() / "pipe", 0, PathOf::run), doctest::Contains("regular file"), IoError);
  for (const char* name : {"precious", "link", "nowhere", "pipe"})
    CHECK_THROWS_WITH_AS(TextSink(place.path() / name, PathOf::run), doctest::Contains("File exists"), IoError);
  CHECK(read_file(place.path() / "precious") == "0123456789");
  CHECK(!std::filesystem::exists(place.path() / "planted"));
  // Of a user they are.
  { TextSink(place.path() / "link", 3).write("x"); }
  CHECK(read_file(place.path() / "precious") == "012x");
  { TextSink(place.path() / "nowhere").write("text"); }
  CHECK(read_file(place.path() / "planted") == "text");
}
