#pragma once
// Directories in which the program keeps files of its own, of runs and sweeps. One may come from a stranger: git and
// tar bring links along, and a link that was followed would let the stranger choose what is overwritten.

#include <filesystem>
#include <string>
#include <vector>

#include "util/input.hpp"

namespace reluscope {

/// What is in a directory; nothing where it cannot be read. (The iterators of the standard library end the program
/// where memory is short.)
std::vector<std::string> names_in(const std::filesystem::path& directory);

/// Whether the open file is the one that has that name, and not one that a link leads to.
bool is_at(int descriptor, const std::filesystem::path& path);

/// Opens a file to write to, with the flags of open(2). Throws IoError for a symbolic link, and for what is no regular
/// file. Without a descriptor, and with errno set, where it cannot be opened.
Descriptor open_own_file(const std::filesystem::path& path, int flags);

}  // namespace reluscope
