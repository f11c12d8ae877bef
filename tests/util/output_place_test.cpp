#include "util/output_place.hpp"

#include <doctest/doctest.h>

#include <array>

#include "support/command.hpp"
#include "util/error.hpp"

using namespace reluscope;
using test::write_file;

TEST_CASE("a file is the same by another spelling, by links, and before it is there") {
  const test::Workplace place;
  const std::filesystem::path home = place.path();
  std::filesystem::create_directory(home / "directory");
  std::filesystem::create_directory_symlink("directory", home / "way");
  write_file(home / "directory" / "file", "text");
  write_file(home / "other", "text");
  std::filesystem::create_hard_link(home / "directory" / "file", home / "hard");
  std::filesystem::create_symlink("way/file", home / "link");
  std::filesystem::create_symlink("link", home / "link-to-link");
  const std::filesystem::path file = home / "directory" / "file";
  for (const char* name : {"directory/file", "./directory/../way/file", "hard", "link", "link-to-link"})
    CHECK(is_same_file(file, home / name));
  CHECK_FALSE(is_same_file(file, home / "other"));
  CHECK_FALSE(is_same_file(file, home / "directory" / "new"));

  std::filesystem::create_symlink("way/new", home / "link-to-new");
  std::filesystem::create_symlink("loop", home / "loop");
  for (const char* name : {"directory/new", "way/new", "directory/./new", "link-to-new"})
    CHECK(is_same_file(home / "directory" / "new", home / name));
  CHECK_FALSE(is_same_file(home / "directory" / "new", home / "new"));
  CHECK_FALSE(is_same_file(home / "directory" / "new", home / "loop"));
  // In a directory that is yet to be made, as a run's is.
  std::filesystem::create_symlink("run/steps.csv", home / "link-to-steps");
  CHECK(is_same_file(home / "run" / "steps.csv", home / "link-to-steps"));
  const std::filesystem::path relative = "no-such-directory-of-the-tests";
  CHECK(is_same_file(relative / "steps.csv", std::filesystem::absolute(relative) / "." / "steps.csv"));
  CHECK_FALSE(is_same_file("/dev/null", "/dev/null"));  // many may write there
}

TEST_CASE("an output that is an input is refused by the name of both") {
  const test::Workplace place;
  const std::array<std::filesystem::path, 2> inputs = {place.path() / "c.json", place.path() / "data.csv"};
  for (const auto& input : inputs) write_file(input, "text");
  CHECK_NOTHROW(refuse_overwriting("--out new", place.path() / "new", inputs));
  CHECK_THROWS_WITH_AS(refuse_overwriting("--out data.csv", place.path() / "data.csv", inputs),
                       doctest::Contains("--out data.csv"), UsageError);
}

TEST_CASE("links of a directory of a stranger lead nowhere; those of the user's own do") {
  const test::Workplace place;
  const std::filesystem::path run = place.path() / "run";
  const std::filesystem::path outside = place.path() / "outside";
  std::filesystem::create_directories(run / "sub");
  std::filesystem::create_directory(outside);
  std::filesystem::create_directory_symlink(outside, run / "out");
  std::filesystem::create_directory_symlink(outside, run / "sub" / "out");
  std::filesystem::create_directory_symlink(run, place.path() / "way");
  for (const auto& [root, path] :
       {std::pair{run, run / "out"}, std::pair{run, run / "out" / "deep"}, std::pair{run, run / "sub" / ".." / "out"},
        std::pair{run, run / "sub" / "out" / "x"}, std::pair{place.path() / "way", place.path() / "way" / "out"},
        std::pair{place.path() / "way", run / "out"}})
    CHECK_THROWS_WITH_AS(make_directory(path, root), doctest::Contains("is a symbolic link in"), IoError);
  CHECK(std::filesystem::is_empty(outside));
  CHECK_NOTHROW(make_directory(run / "sub" / "new", run));
  CHECK_NOTHROW(make_directory(place.path() / "way" / "new", place.path() / "way"));
  CHECK_NOTHROW(make_directory(run / "out" / "mine"));
  CHECK_NOTHROW(make_directory(place.path() / "elsewhere", run));
  for (const auto& made : {run / "sub" / "new", run / "new", outside / "mine", place.path() / "elsewhere"})
    CHECK(std::filesystem::is_directory(made));
  write_file(place.path() / "file", "text");
  CHECK_THROWS_AS(make_directory(place.path() / "file"), IoError);
  CHECK_THROWS_AS(make_directory(place.path() / "file" / "in"), IoError);
}
