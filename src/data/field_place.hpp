#pragma once
// Where a field of a table stands in its file, for messages: found by reading the file once more.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "data/csv_form.hpp"
#include "util/excerpt.hpp"

namespace reluscope {

/// The field, counted from 0, of the record that starts on `line`; where it has fewer, the end of its last line.
/// Nothing for a file that cannot be read a second time (a pipe), and for a place more than a megabyte into a line.
std::optional<TextPlace> find_field(const std::string& path, const CsvForm& form, std::uint64_t line,
                                    std::size_t field);

}  // namespace reluscope
