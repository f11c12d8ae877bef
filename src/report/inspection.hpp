#pragma once
// What a data, weight or checkpoint file holds: shapes, types, ranges, classes, checksum.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "data/elements.hpp"
#include "data/file_format.hpp"
#include "data/sources.hpp"
#include "data/table_guess.hpp"
#include "report/terminal.hpp"
#include "trace/safetensors.hpp"

namespace reluscope {

/// The values of one array. Range and mean are of the finite ones, and absent where there are none.
struct ArrayFacts {
  std::string name;
  std::vector<std::uint64_t> shape;
  std::string type;  ///< as the format calls it; of CSV, how it is held in memory
  std::optional<double> min;
  std::optional<double> max;
  std::optional<double> mean;
  std::uint64_t zeros = 0;
  std::uint64_t nans = 0;
  std::uint64_t infinities = 0;
};

/// A file in memory; of an archive, one array after the other, what there is to say of them.
struct LoadedFile {
  std::filesystem::path path;
  FileFacts facts;
  /// Of IDX and NPY; of CSV as a table of whatever is in it, or as numbers; of safetensors; of NPZ.
  std::variant<ElementArray, TableProfile, RawData, Tensors, std::vector<ArrayFacts>> content;
};

/// What a CSV file is read as.
enum class CsvAs { table, numbers };

/// `label_column`: of CSV as numbers, as in a config. Throws DataError for a malformed file.
LoadedFile load_file(const std::filesystem::path& path, CsvAs csv, const std::string& label_column);

struct ClassFacts {
  std::string label;
  std::uint64_t samples = 0;
};

struct Inspection {
  std::string file;
  FileFacts facts;
  std::vector<ArrayFacts> arrays;
  std::optional<TableProfile> table;            ///< of CSV
  TableGuess guess;                             ///< what its columns may be for
  std::vector<ClassFacts> classes;              ///< of labels: a CSV's, or a one-dimensional array that could be some
  std::map<std::string, std::string> metadata;  ///< of safetensors
  std::optional<bool> intact;                   ///< whether the checksum that the file itself states is right
  bool is_checkpoint = false;
};

/// `label_column`: of CSV, as in a config; empty: guessed. Throws DataError for a label that is not there.
Inspection inspect(const LoadedFile& file, const std::string& label_column);

/// For a person.
std::string inspection_text(const Inspection& inspection, TableStyle style);
std::string inspection_json(const Inspection& inspection);

/// The values as CSV, handed on in pieces. Data: a line per sample (first index), its values in C order, then labels or
/// targets, without a header. Weights: `array,row,column,value`; arrays of more dimensions are flattened behind the
/// first.
void dump(const LoadedFile& file, const std::function<void(std::string_view)>& write);

}  // namespace reluscope
