#include "data/picture_list.hpp"

#include <doctest/doctest.h>

#include "data/data_files.hpp"

using namespace reluscope;
namespace fs = std::filesystem;

namespace {

/// Files with nothing in them.
void make(const TempDirectory& directory, std::initializer_list<const char*> names) {
  for (const char* name : names) {
    fs::create_directories((directory.path() / name).parent_path());
    directory.write(name, "");
  }
}

/// Relative to the directory.
std::vector<std::string> names_of(const TempDirectory& directory, const PictureList& list) {
  std::vector<std::string> names;
  for (const std::string& file : list.files) names.push_back(fs::path(file).lexically_relative(directory.path()));
  return names;
}

std::vector<std::string> labels_of(const PictureList& list) {
  std::vector<std::string> labels;
  for (const std::int32_t id : list.labels.ids()) labels.push_back(list.labels.texts()[static_cast<std::size_t>(id)]);
  return labels;
}

std::string list_error(const fs::path& path, bool wants_labels = true) {
  return data_error([&] { list_pictures(path, wants_labels); });
}

using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("folders are classes; their pictures come in turn, each by its name") {
  const TempDirectory directory;
  make(directory, {"dog/b.PNG", "dog/a.jpg", "cat/10.png", "cat/9.jpeg", "cat/more/1.png", "cat/.hidden.png",
                   "cat/notes.txt", ".git/x.png", "README.md"});
  const PictureList list = list_pictures(directory.path(), true);
  CHECK(names_of(directory, list) == Names{"cat/10.png", "dog/a.jpg", "cat/9.jpeg", "dog/b.PNG", "cat/more/1.png"});
  CHECK(labels_of(list) == Names{"cat", "dog", "cat", "dog", "cat"});
  CHECK(list_pictures(directory.path() / "", true).files.size() == 5);
}

TEST_CASE("where no labels are wanted, a folder is all that is in it") {
  const TempDirectory directory;
  make(directory, {"2.png", "b/1.png", "1.jpg"});
  CHECK(names_of(directory, list_pictures(directory.path(), false)) == Names{"1.jpg", "2.png", "b/1.png"});
}

TEST_CASE("links to pictures and to the folders of classes are followed") {
  const TempDirectory directory;
  make(directory, {"elsewhere/1.png", "data/a/1.png"});
  fs::create_directory_symlink(directory.path() / "elsewhere", directory.path() / "data/b");
  fs::create_symlink(directory.path() / "elsewhere/1.png", directory.path() / "data/a/2.png");
  fs::create_directory_symlink(directory.path() / "data", directory.path() / "data/a/round");
  CHECK(names_of(directory, list_pictures(directory.path() / "data", true)) ==
        Names{"data/a/1.png", "data/b/1.png", "data/a/2.png"});
}

TEST_CASE("folders that are no classes, or hold no pictures, are refused in words") {
  const TempDirectory directory;
  check_message(list_error(directory.path()), {directory.path().string(), "a folder for each class", "CLASS/1.png"});
  check_message(list_error(directory.path(), false), {"holds no pictures", "*.png"});
  make(directory, {"a/1.png", "b/1.txt"});
  check_message(list_error(directory.path()), {"/b: the folder of a class holds no pictures"});
  make(directory, {"b/1.bmp"});
  check_message(list_error(directory.path()), {"/b/1.bmp", "PNG and JPEG", "found .bmp", "help: convert ", "1.png"});
}

TEST_CASE("a list has a path and a label a line, relative to itself, with a header or without") {
  const TempDirectory directory;
  make(directory, {"lists/x"});
  for (const char* header : {"", "path,label\n", "Filename , class\n"}) {
    directory.write("lists/train.csv", std::string(header) + "../a.png,9\r\n\"b, c.png\",10\n\nd.png,9\n");
    const PictureList list = list_pictures(directory.path() / "lists/train.csv", true);
    CHECK(fs::path(list.files.at(0)).lexically_normal() == directory.path() / "a.png");
    CHECK(list.files.at(1) == (directory.path() / "lists/b, c.png").string());
    CHECK(list.labels.numbers() == std::vector<double>{9, 10, 9});
  }
  directory.write("words.csv", "a.png,cat\n/elsewhere/b.png,dog\n");
  const PictureList words = list_pictures(directory.path() / "words.csv", true);
  CHECK(labels_of(words) == Names{"cat", "dog"});
  CHECK(words.files.at(1) == "/elsewhere/b.png");
  directory.write("paths.csv", "a.png\nb.png\n");
  CHECK(list_pictures(directory.path() / "paths.csv", false).files.size() == 2);
}

TEST_CASE("lines that are no path and label are named") {
  const TempDirectory directory;
  const auto error_of = [&](const std::string& content) {
    directory.write("list.csv", content);
    return list_error(directory.path() / "list.csv");
  };
  check_message(error_of("a.png,1\nb.png\n"), {"list.csv:2: ", "found 1 cell,", "PATH,LABEL"});
  check_message(error_of("a.png,1,2\n"), {"list.csv:1: ", "found 3 cells"});
  check_message(error_of("a.png,1\n ,2\n"), {"list.csv:2: ", "path", "empty cell"});
  check_message(error_of("a.png,\n"), {"list.csv:1: ", "the label is missing"});
  check_message(error_of("path,label\n"), {"lists no pictures"});
  check_message(error_of(""), {"the file is empty"});
}
