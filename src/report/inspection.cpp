#include "report/inspection.hpp"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "data/idx.hpp"
#include "data/npy_arrays.hpp"
#include "data/npz.hpp"
#include "data/targets.hpp"
#include "report/table_summary.hpp"
#include "trace/checkpoint.hpp"
#include "util/error.hpp"
#include "util/excerpt.hpp"
#include "util/format.hpp"
#include "util/hash.hpp"
#include "util/json_file.hpp"
#include "util/memory.hpp"

namespace reluscope {

namespace {

/// Classes that a text lists one by one.
constexpr std::size_t kMostListed = 20;

template <class... Cases>
struct Match : Cases... {
  using Cases::operator()...;
};
template <class... Cases>
Match(Cases...) -> Match<Cases...>;

RawData load_csv(const std::filesystem::path& path, const std::string& label_column) {
  Choice choice = default_choice(source_table(), "csv");
  choice.params.set("file", path.string());
  choice.params.set("label_column", label_column.empty() ? "-1" : label_column);
  const SourceEntry& entry = *find_entry(source_table(), "csv");
  // As a run does, before anything is unpacked.
  const std::uint64_t needed = entry.estimate_bytes(choice.params, {"", 0});
  if (needed > available_memory_bytes())
    throw DataError(path.string() + ": its values need about " + format_bytes(needed) +
                    " of memory, this machine has " + format_bytes(available_memory_bytes()));
  return entry.load(choice.params, {"", 0});
}

/// Takes values one by one, in a fixed order.
class Facts {
 public:
  Facts(std::string name, std::vector<std::uint64_t> shape, std::string type) {
    facts_.name = std::move(name);
    facts_.shape = std::move(shape);
    facts_.type = std::move(type);
  }
  void add(double value) {
    if (std::isnan(value)) {
      ++facts_.nans;
    } else if (std::isinf(value)) {
      ++facts_.infinities;
    } else {
      if (value == 0.0) ++facts_.zeros;
      facts_.min = facts_.min ? std::min(*facts_.min, value) : value;
      facts_.max = facts_.max ? std::max(*facts_.max, value) : value;
      sum_ += value;
      ++finite_;
    }
  }
  ArrayFacts finish() {
    if (finite_ > 0) facts_.mean = sum_ / static_cast<double>(finite_);
    return std::move(facts_);
  }

 private:
  ArrayFacts facts_;
  double sum_ = 0.0;
  std::uint64_t finite_ = 0;
};

ArrayFacts facts_of(const std::string& name, std::vector<std::uint64_t> shape, const std::string& type,
                    const FeatureMatrix& values) {
  Facts facts(name, std::move(shape), type);
  std::visit(
      [&](const auto& matrix) {
        for (Index at = 0; at < matrix.size(); ++at) facts.add(static_cast<double>(matrix.data()[at]));
      },
      values);
  return facts.finish();
}

std::vector<ClassFacts> counted_classes(const RawData& data) {
  std::vector<ClassFacts> classes;
  for (const std::string& label : data.class_names) classes.push_back({label, 0});
  for (const std::int32_t label : data.train.labels) ++classes[static_cast<std::size_t>(label)].samples;
  return classes;
}

/// The classes, if the array would do as labels of a classification.
std::vector<ClassFacts> classes_of(const ElementArray& array, const std::string& name) {
  const ArrayFacts facts = facts_of("", {}, "", array.values);
  if (array.shape.size() != 1 || !facts.mean || facts.nans > 0 || facts.infinities > 0) return {};
  RawData data;
  TargetColumns column;
  column.emplace_back(row_as_doubles(array.values, 0));
  assign_targets(data, std::nullopt, std::move(column), std::nullopt, name);
  return data.task == Task::classification ? counted_classes(data) : std::vector<ClassFacts>();
}

void add_facts(Inspection& to, const ElementArray& array) {
  to.arrays.push_back(facts_of("array", array.shape, std::string(element_type_name(array.type)), array.values));
  to.classes = classes_of(array, to.file);
}

std::vector<ArrayFacts> archive_facts(const std::filesystem::path& path) {
  const ZipArchive archive(path);
  std::vector<ArrayFacts> facts;
  for (const std::string& name : npz_arrays(archive)) {
    const ElementArray array = read_npy(open_npz_array(archive, name));
    facts.push_back(facts_of(name, array.shape, std::string(element_type_name(array.type)), array.values));
  }
  return facts;
}

void add_facts(Inspection& to, const std::vector<ArrayFacts>& arrays) { to.arrays = arrays; }

void add_facts(Inspection& to, const TableProfile& table, const std::string& label_column) {
  std::optional<std::size_t> label;
  if (!label_column.empty())
    label = ColumnFinder(table.file, table.header(), table.columns.size()).find_only("--label", label_column);
  to.guess = guess_table(table, label, CsvOptions().max_categories);
  to.table = table;
  if (!to.guess.label) return;
  if (const auto classes = classes_of(table.columns[*to.guess.label]))
    for (const auto& [text, count] : *classes) to.classes.push_back({text, count});
}

void add_facts(Inspection& to, const Tensors& tensors) {
  for (const Tensor& tensor : tensors.tensors) {
    Facts facts(tensor.name, {tensor.shape.begin(), tensor.shape.end()}, std::string(tensor_type_name(tensor.type)));
    for (std::size_t element = 0; element < tensor.count(); ++element) facts.add(tensors.number(tensor, element));
    to.arrays.push_back(facts.finish());
  }
  to.metadata = tensors.metadata;
  to.is_checkpoint = is_checkpoint(tensors);
  to.intact = tensors.intact;
}

std::string short_or_none(std::optional<double> value) { return value ? format_short(*value) : "-"; }

std::string class_list(const std::vector<ClassFacts>& classes) {
  std::string text = std::to_string(classes.size()) + " classes:";
  for (std::size_t at = 0; at < std::min(kMostListed, classes.size()); ++at)
    text += (at > 0 ? ", " : " ") + printable(classes[at].label) + " (" + std::to_string(classes[at].samples) + ")";
  return text + (classes.size() > kMostListed ? ", …" : "") + "\n";
}

void append_row_start(std::string& line, const std::string& name, std::uint64_t row, std::uint64_t column) {
  append_csv_cell(line, name);
  line += ',';
  append_number(line, static_cast<std::int64_t>(row));
  line += ',';
  append_number(line, static_cast<std::int64_t>(column));
  line += ',';
}

/// A line per column of the matrix; `more` appends to it.
void dump_columns(const FeatureMatrix& values, const std::function<void(std::string& line, Index sample)>& more,
                  const std::function<void(std::string_view)>& write) {
  std::visit(
      [&](const auto& matrix) {
        std::string line;
        for (Index sample = 0; sample < matrix.cols(); ++sample) {
          line.clear();
          for (Index feature = 0; feature < matrix.rows(); ++feature) {
            if (feature > 0) line += ',';
            append_number(line, static_cast<double>(matrix(feature, sample)));
          }
          more(line, sample);
          line += '\n';
          write(line);
        }
      },
      values);
}

void dump_targets(const RawData& data, std::string& line, Index sample) {
  if (data.task == Task::classification) {
    line += ',';
    append_csv_cell(line,
                    data.class_names[static_cast<std::size_t>(data.train.labels[static_cast<std::size_t>(sample)])]);
  }
  for (Index output = 0; output < data.train.targets.rows(); ++output) {
    line += ',';
    append_number(line, data.train.targets(output, sample));
  }
}

void dump_tensors(const Tensors& tensors, const std::function<void(std::string_view)>& write) {
  write("array,row,column,value\n");
  std::string line;
  for (const Tensor& tensor : tensors.tensors) {
    const std::uint64_t rows = tensor.shape.empty() ? 1 : static_cast<std::uint64_t>(tensor.shape.front());
    const std::uint64_t columns = rows == 0 ? 0 : tensor.count() / rows;
    for (std::uint64_t row = 0; row < rows; ++row)
      for (std::uint64_t column = 0; column < columns; ++column) {
        line.clear();
        append_row_start(line, tensor.name, row, column);
        append_number(line, tensors.number(tensor, row * columns + column));
        line += '\n';
        write(line);
      }
  }
}

}  // namespace

LoadedFile load_file(const std::filesystem::path& path, CsvAs csv, const std::string& label_column) {
  LoadedFile file{path, {}, {}};
  // The content first: what is refused for its size is not read to its end.
  switch (file_format(path)) {
    case FileFormat::idx:
      file.content = read_idx(path);
      break;
    case FileFormat::npy:
      file.content = read_npy(InputFile(path));
      break;
    case FileFormat::npz:
      file.content = archive_facts(path);
      break;
    case FileFormat::csv:
      if (csv == CsvAs::numbers) {
        file.content = load_csv(path, label_column);
      } else {
        CsvOptions options;
        options.form = {.delimiter = 0, .comment = '#'};
        file.content = profile_table(path, options);
      }
      break;
    case FileFormat::safetensors:
      file.content = read_safetensors(path);
      break;
  }
  file.facts = examine_file(path);
  return file;
}

Inspection inspect(const LoadedFile& file, const std::string& label_column) {
  Inspection inspection;
  inspection.file = file.path.string();
  inspection.facts = file.facts;
  std::visit(Match{[&](const TableProfile& table) { add_facts(inspection, table, label_column); },
                   [](const RawData&) {}, [&](const auto& content) { add_facts(inspection, content); }},
             file.content);
  return inspection;
}

std::string inspection_text(const Inspection& inspection, TableStyle style) {
  const FileFacts& facts = inspection.facts;
  std::string text = printable(inspection.file) + ": " +
                     (inspection.is_checkpoint ? "checkpoint" : std::string(file_format_name(facts.format))) +
                     (facts.compressed ? ", gzip, " + format_bytes(facts.file_bytes) + " on disk" : "") + ", " +
                     format_bytes(facts.bytes) + ", CRC-32 " + hexadecimal(facts.checksum, 8);
  if (inspection.intact)
    text += *inspection.intact ? ", its own checksum is right" : ", DAMAGED: its own checksum is wrong";
  text += "\n\n";
  if (inspection.table) text += table_summary(*inspection.table, inspection.guess, style);
  std::vector<std::vector<std::string>> rows;
  for (const ArrayFacts& array : inspection.arrays)
    rows.push_back({array.name, array.type, array.shape.empty() ? "1" : shape_text(array.shape),
                    short_or_none(array.min), short_or_none(array.max), short_or_none(array.mean),
                    std::to_string(array.zeros), std::to_string(array.nans), std::to_string(array.infinities)});
  if (!rows.empty())
    text += format_table({"array", "type", "shape", "min", "max", "mean", "zeros", "nan", "inf"}, rows, 2, style);
  if (!inspection.classes.empty()) {
    const bool has_name = inspection.table && inspection.guess.label && inspection.table->has_header;
    const std::string label =
        has_name ? "label " + printable(inspection.table->columns[*inspection.guess.label].name) + ": " : "";
    text += "\n" + label + class_list(inspection.classes);
  }
  if (!inspection.metadata.empty()) text += "\n";
  for (const auto& [key, value] : inspection.metadata) text += printable(key) + ": " + printable(value) + "\n";
  return text;
}

std::string inspection_json(const Inspection& inspection) {
  using Json = nlohmann::ordered_json;
  Json document = {{"file", inspection.file},
                   {"format", file_format_name(inspection.facts.format)},
                   {"checkpoint", inspection.is_checkpoint},
                   {"gzip", inspection.facts.compressed},
                   {"file_bytes", inspection.facts.file_bytes},
                   {"bytes", inspection.facts.bytes},
                   {"crc32", hexadecimal(inspection.facts.checksum, 8)},
                   {"intact", inspection.intact ? Json(*inspection.intact) : Json(nullptr)},
                   {"arrays", Json::array()},
                   {"classes", Json::array()},
                   {"metadata", inspection.metadata}};
  for (const ArrayFacts& array : inspection.arrays)
    document["arrays"].push_back({{"name", array.name},
                                  {"type", array.type},
                                  {"shape", array.shape},
                                  {"min", number_or_null(array.min)},
                                  {"max", number_or_null(array.max)},
                                  {"mean", number_or_null(array.mean)},
                                  {"zeros", array.zeros},
                                  {"nan", array.nans},
                                  {"inf", array.infinities}});
  for (const ClassFacts& one : inspection.classes)
    document["classes"].push_back({{"label", one.label}, {"samples", one.samples}});
  document["table"] = inspection.table ? table_summary_json(*inspection.table, inspection.guess) : Json(nullptr);
  return document.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

void dump(const LoadedFile& file, const std::function<void(std::string_view)>& write) {
  std::visit(Match{[](const TableProfile&) {},
                   [&](const std::vector<ArrayFacts>&) {
                     throw DataError(file.path.string() + ": holds several arrays: unpack it, and dump one of them" +
                                     help_line("unzip " + file.path.string()));
                   },
                   [&](const ElementArray& array) {
                     dump_columns(
                         array.values, [](std::string&, Index) {}, write);
                   },
                   [&](const RawData& data) {
                     dump_columns(
                         data.train.features,
                         [&](std::string& line, Index sample) { dump_targets(data, line, sample); }, write);
                   },
                   [&](const Tensors& tensors) { dump_tensors(tensors, write); }},
             file.content);
}

}  // namespace reluscope
