#include "data/picture_list.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>
#include <utility>

#include "data/csv_records.hpp"
#include "util/error.hpp"
#include "util/excerpt.hpp"
#include "util/format.hpp"
#include "util/input.hpp"

namespace reluscope {
namespace {

namespace fs = std::filesystem;

constexpr std::array<std::string_view, 3> kEndings = {".png", ".jpg", ".jpeg"};
/// Pictures too, and nobody would expect them to be passed over.
constexpr std::array<std::string_view, 9> kOtherEndings = {".bmp", ".gif", ".webp", ".tif", ".tiff",
                                                           ".ppm", ".pgm", ".heic", ".avif"};
/// What the column of paths is called.
constexpr std::array<std::string_view, 8> kPathNames = {"path",     "file",  "filename",   "file_name",
                                                        "filepath", "image", "image_path", "image_id"};

std::string in_small_letters(std::string_view text) {
  std::string small(text);
  for (char& letter : small)
    if (letter >= 'A' && letter <= 'Z') letter = static_cast<char>(letter - 'A' + 'a');
  return small;
}

template <std::size_t N>
bool is_one_of(const std::string& word, const std::array<std::string_view, N>& words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

bool is_hidden(const fs::path& path) { return path.filename().string().starts_with('.'); }

/// Steps from entry to entry by `increment`: the operator ends the program where memory is short.
template <class Iterator, class Visit>
void for_each_entry(const fs::path& folder, Visit visit) {
  std::error_code error;
  Iterator entry(folder, error);
  for (; !error && entry != Iterator(); entry.increment(error)) visit(entry);
  if (error) throw DataError(folder.string() + ": cannot be read: " + error.message());
}

/// Of the folder and those in it, by name.
std::vector<std::string> pictures_in(const fs::path& folder) {
  std::vector<std::string> files;
  for_each_entry<fs::recursive_directory_iterator>(folder, [&](fs::recursive_directory_iterator& entry) {
    std::error_code ignored;
    const fs::path& path = entry->path();
    if (is_hidden(path)) {
      entry.disable_recursion_pending();
    } else if (const std::string ending = in_small_letters(path.extension().string());
               !entry->is_directory(ignored) && is_one_of(ending, kEndings)) {
      files.push_back(path.string());
    } else if (!entry->is_directory(ignored) && is_one_of(ending, kOtherEndings)) {
      throw DataError(path.string() + ": pictures are read from PNG and JPEG files, found " + ending +
                      help_line("convert " + shell_word(path.string()) + " " +
                                shell_word(fs::path(path).replace_extension(".png").string())));
    }
  });
  std::sort(files.begin(), files.end());
  return files;
}

std::vector<fs::path> class_folders(const fs::path& folder) {
  std::vector<fs::path> classes;
  for_each_entry<fs::directory_iterator>(folder, [&](const fs::directory_iterator& entry) {
    std::error_code ignored;
    if (!is_hidden(entry->path()) && entry->is_directory(ignored)) classes.push_back(entry->path());
  });
  std::sort(classes.begin(), classes.end());
  return classes;
}

PictureList list_folder(const fs::path& folder, bool wants_labels) {
  PictureList list;
  if (!wants_labels) {
    list.files = pictures_in(folder);
    if (list.files.empty()) throw DataError(folder.string() + ": holds no pictures (*.png, *.jpg, *.jpeg)");
    return list;
  }
  const std::vector<fs::path> classes = class_folders(folder);
  if (classes.empty())
    throw DataError(folder.string() + ": holds no folders; a folder for each class is needed, as in " +
                    (folder / "CLASS" / "1.png").string());
  if (classes.size() > kMaxClasses)
    throw DataError(folder.string() + ": " + std::to_string(classes.size()) + " folders, but at most " +
                    std::to_string(kMaxClasses) + " classes are supported");
  std::vector<std::vector<std::string>> files;
  for (const fs::path& one : classes) {
    files.push_back(pictures_in(one));
    if (files.back().empty())
      throw DataError(one.string() + ": the folder of a class holds no pictures (*.png, *.jpg, *.jpeg)");
  }
  // In turn: of the first N pictures, as data.limit takes them, none of the classes is missing.
  for (std::size_t turn = 0, taken = 1; taken > 0; ++turn) {
    taken = 0;
    for (std::size_t one = 0; one < classes.size(); ++one) {
      if (turn >= files[one].size()) continue;
      ++taken;
      const std::string name = classes[one].filename().string();
      list.labels.add(name, std::nullopt, [&] { return folder.string() + ": the folder"; });
      list.files.push_back(std::move(files[one][turn]));
    }
  }
  return list;
}

PictureList list_file(const fs::path& path, bool wants_labels) {
  PictureList list;
  CsvRecords records(path, ',');
  bool is_first = true;
  while (records.next()) {
    const std::vector<std::string_view>& fields = records.fields();
    const bool is_header =
        std::exchange(is_first, false) && is_one_of(in_small_letters(trimmed(fields[0])), kPathNames);
    if (is_header) continue;
    if (wants_labels ? fields.size() != 2 : fields.size() > 2)
      records.fail("found " + std::to_string(fields.size()) + (fields.size() == 1 ? " cell" : " cells") +
                   ", a picture's path and its label are needed: PATH,LABEL");
    if (trimmed(fields[0]).empty()) records.fail("the path of a picture is needed, found an empty cell");
    list.files.push_back((path.parent_path() / trimmed(fields[0])).string());
    if (!wants_labels) continue;
    if (is_missing(fields[1])) records.fail("the label is missing: found " + in_quotes(fields[1]));
    std::optional<double> number = parse_number(fields[1]);
    if (number && !std::isfinite(*number)) number.reset();
    list.labels.add(fields[1], number, [&] { return path.string() + ":" + std::to_string(records.line()) + ":"; });
  }
  if (list.files.empty()) throw DataError(path.string() + ": lists no pictures; lines of PATH,LABEL are needed");
  return list;
}

}  // namespace

PictureList list_pictures(const fs::path& path, bool wants_labels) {
  return has_directory(path) ? list_folder(path, wants_labels) : list_file(path, wants_labels);
}

}  // namespace reluscope
