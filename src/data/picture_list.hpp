#pragma once
// Which pictures there are, and of which class each is: a folder with a folder for each class, or a list in a file.

#include <filesystem>
#include <string>
#include <vector>

#include "data/targets.hpp"

namespace reluscope {

struct PictureList {
  std::vector<std::string> files;  ///< at least one
  TargetColumn labels;             ///< of each; empty where none are wanted
};

/// A folder: each folder in it is a class by its name, with the pictures (*.png, *.jpg, *.jpeg, in any case) that are
/// in it, or in folders of it; other files, and names that start with a point, are passed over. The pictures come in
/// turn, one of each class, each class by its names in the order of their bytes. Where no labels are wanted, all
/// pictures in the folder, by their names.
/// A file: CSV with `path,label` lines, in that order, where a path is relative to the file; a first line whose first
/// cell is path, file, filename, image or the like is a header. Where no labels are wanted, the path is enough.
/// Throws DataError for a folder or file that cannot be read, a class or list without pictures, a picture in another
/// format by its name, and lines that are no such thing.
PictureList list_pictures(const std::filesystem::path& path, bool wants_labels);

}  // namespace reluscope
