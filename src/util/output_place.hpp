#pragma once
// Where output goes: which files it must not take the place of, and which links it must not follow.

#include <filesystem>
#include <span>
#include <string>

namespace reluscope {

/// Whether both lead to one regular file, be it there or yet to come: by another spelling, a symbolic or a hard link.
bool is_same_file(const std::filesystem::path& left, const std::filesystem::path& right);

/// Throws UsageError where writing to `output` would change or replace a file that is read. `what` names the output in
/// the message: "--out c.json". "-" among the inputs is standard input.
void refuse_overwriting(const std::string& what, const std::filesystem::path& output,
                        std::span<const std::filesystem::path> inputs);

/// Throws IoError where a symbolic link that lies in `root`, a directory that may come from a stranger, is on the way
/// to `path`.
void refuse_links_within(const std::filesystem::path& root, const std::filesystem::path& path);

/// Makes the directory and those above it. Throws IoError, also where refuse_links_within(root, …) does.
void make_directory(const std::filesystem::path& directory, const std::filesystem::path& root = {});

}  // namespace reluscope
