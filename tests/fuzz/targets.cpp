#include "fuzz/targets.hpp"

#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>

#include <cstdio>
#include <cstdlib>
#include <optional>
#include <set>
#include <vector>

#include "config/load.hpp"
#include "config/own_config.hpp"
#include "data/data_spec.hpp"
#include "data/picture.hpp"
#include "data/sources.hpp"
#include "diagnose/diagnosis.hpp"
#include "diagnose/findings_json.hpp"
#include "diagnose/rules.hpp"
#include "diagnose/run_reader.hpp"
#include "experiment/resume.hpp"
#include "experiment/run.hpp"
#include "trace/table_reader.hpp"
#include "trace/weights.hpp"
#include "trials/compared_results.hpp"
#include "trials/results.hpp"
#include "trials/sweep.hpp"
#include "util/error.hpp"

namespace reluscope::fuzz {

namespace {

/// Other exceptions than those of users leave it, and are found.
template <class Body>
bool allow_user_errors(Body body) {
  try {
    body();
    return true;
  } catch (const UserError& error) { require(*error.what() != '\0', "an error without a word"); }
  return false;
}

/// The sources' parameters.
Choice source(const std::string& kind, const std::vector<std::pair<std::string, ParamValue>>& settings) {
  Choice choice = default_choice(source_table(), kind);
  for (const auto& [key, value] : settings) choice.params.set(key, value);
  return choice;
}

/// What a run does with its data before it trains.
bool load(const Choice& choice) {
  const SourceEntry& entry = *find_entry(source_table(), choice.name);
  allow_user_errors([&] { entry.estimate_bytes(choice.params, {"/", 1}); });
  return allow_user_errors([&] {
    DataSpec spec;
    spec.source = choice;
    spec.base_directory = "/";
    spec.normalize = Normalization::per_feature;
    const Dataset dataset = load_dataset(spec, 1);
    require(dataset.train.count() > 0, "no samples");
    if (dataset.task == Task::classification) {
      for (const std::int32_t label : dataset.train.labels)
        require(label >= 0 && static_cast<std::size_t>(label) < dataset.class_names.size(), "a label without a class");
    } else {
      require(dataset.train.targets.allFinite(), "a target that is not finite");
    }
    Matrix<float> some(dataset.features(), 1);
    const Index first = 0;
    gather<float>(dataset, dataset.train, std::span(&first, 1), some);
  });
}

std::string text(const std::filesystem::path& path) { return path.string(); }

constexpr std::string_view kIdxLabels("\0\0\x08\1\0\0\0\4\0\1\0\1", 12);
constexpr std::string_view kIdxImages("\0\0\x08\2\0\0\0\4\0\0\0\1\3\1\4\1", 16);

std::string npy_of(const std::string& shape) {
  std::string header = "{'descr': '|u1', 'fortran_order': False, 'shape': " + shape + ", }\n";
  std::string file("\x93NUMPY\1\0", 8);
  file += static_cast<char>(header.size());
  file += '\0';
  return file + header + std::string("\0\1\0\1", 4);
}

Bytes bytes_of(std::string_view text) { return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}; }

/// Puts the right CRC behind each chunk, which would stop nearly all changes.
std::string with_checksums(std::string png) {
  constexpr std::size_t kStart = 8;  // of the first chunk: 4 bytes length, 4 of type, the content, 4 of CRC
  const auto byte = [&](std::size_t at) { return static_cast<std::size_t>(static_cast<unsigned char>(png[at])); };
  for (std::size_t at = kStart; at + 12 <= png.size();) {
    const std::size_t length = byte(at) << 24U | byte(at + 1) << 16U | byte(at + 2) << 8U | byte(at + 3);
    if (length > png.size() - at - 12) break;
    const auto crc = ::crc32(0, reinterpret_cast<const Bytef*>(png.data() + at + 4), static_cast<uInt>(length + 4));
    for (std::size_t place = 0; place < 4; ++place)
      png[at + 8 + length + place] = static_cast<char>(crc >> (24U - 8U * place) & 255U);
    at += length + 12;
  }
  return png;
}

/// What becomes of a picture that is to be a sample.
bool picture(unsigned choice, std::string bytes) {
  // Fewer pixels than the tool takes: a progressive picture of many takes its time.
  constexpr std::uint64_t kMostPixelsHere = std::uint64_t{1} << 18U;
  const PictureFile file{"fuzz", std::move(bytes)};
  return allow_user_errors([&] {
    const PictureSize declared = picture_size(file, kMostPixelsHere);
    const Picture whole = read_picture(file, kMostPixelsHere);
    require(whole.size == declared, "another size than the header says");
    require(whole.channels == 1 || whole.channels == 3, "neither grey nor colours");
    const PictureSize size{static_cast<Index>(choice >> 1U & 7U) + 1, static_cast<Index>(choice >> 4U & 15U) + 1};
    const Picture sample = resized(with_channels(whole, (choice & 1U) != 0 ? 1 : 3), size);
    std::vector<std::uint8_t> planes(static_cast<std::size_t>(size.height * size.width * sample.channels));
    require(sample.values.size() == planes.size(), "another size than was asked for");
    write_planes(sample, planes.data());
  });
}

/// Small, but with all that leaves something behind for later steps: census, Adam, a slope, dropout.
const ExperimentSpec& small_experiment() {
  static const ExperimentSpec spec = parse_experiment(
      R"({"data": {"kind": "moons", "n_samples": 24},
          "network": {"layers": [{"units": 4, "activation": "relu"}, {"type": "dropout", "p": 0.2},
                                 {"units": 3, "activation": "prelu"}, {"units": 2}]},
          "train": {"steps": 8, "batch_size": 8, "optimizer": {"name": "adam", "lr": 0.5}},
          "record": {"every": 1, "census": 2, "checkpoint_every": 5}})",
      "fuzz", ".");
  return spec;
}
const Dataset& small_data() {
  static const Dataset dataset = load_dataset(small_experiment().data, 0);
  return dataset;
}

}  // namespace

MemoryFile::MemoryFile(Bytes bytes) : descriptor_(::memfd_create("fuzz", MFD_CLOEXEC)) {
  require(descriptor_ >= 0, "memfd_create");
  const ssize_t written = ::write(descriptor_, bytes.data(), bytes.size());
  require(written == static_cast<ssize_t>(bytes.size()), "write");
}

MemoryFile::~MemoryFile() { ::close(descriptor_); }

std::filesystem::path MemoryFile::path() const { return "/proc/self/fd/" + std::to_string(descriptor_); }

void require(bool condition, const char* what) {
  if (condition) return;
  std::fprintf(stderr, "not as it should be: %s\n", what);
  std::abort();
}

bool config(Bytes bytes) {
  const unsigned choice = take_choice(bytes);
  if (choice % 4 == 3) {
    const MemoryFile file(bytes);
    return allow_user_errors([&] { load_sweep(file.path()); });
  }
  return allow_user_errors([&] {
    // Half of the inputs have an override before the first line break.
    std::string_view rest = as_text(bytes);
    std::vector<std::string> overrides;
    if (choice % 2 == 1) {
      overrides.emplace_back(rest.substr(0, rest.find('\n')));
      rest.remove_prefix(std::min(rest.size(), overrides.front().size() + 1));
    }
    const ExperimentSpec spec = parse_experiment(rest, "fuzz", "/nowhere", overrides);
    // What is accepted, with its defaults filled in, is accepted again and stays as it is.
    const ExperimentSpec again = parse_experiment(spec.resolved_json, "fuzz", "/nowhere");
    require(again.resolved_json == spec.resolved_json, "resolved twice, a config becomes another");
  });
}

bool idx(Bytes bytes) {
  const bool labels = take_choice(bytes) % 2 == 1;
  const MemoryFile given(bytes);
  const MemoryFile fixed(bytes_of(labels ? kIdxImages : kIdxLabels));
  const MemoryFile& images_file = labels ? fixed : given;
  const MemoryFile& labels_file = labels ? given : fixed;
  return load(source("idx", {{"images", text(images_file.path())}, {"labels", text(labels_file.path())}}));
}

bool csv(Bytes bytes) {
  const unsigned choice = take_choice(bytes);
  const MemoryFile file(bytes);
  const std::array<const char*, 4> columns = {"-1", "0", "label", "0,1"};
  const std::array<const char*, 4> delimiters = {"auto", ";", "tab", " "};
  const std::array<const char*, 4> tasks = {"auto", "classification", "regression", "auto"};
  Choice how = source("csv", {{"file", text(file.path())}});
  how.params.set("label_column", std::string(columns[choice & 3U]));
  how.params.set("delimiter", std::string(delimiters[choice >> 2U & 3U]));
  how.params.set("task", std::string(tasks[choice >> 4U & 3U]));
  if ((choice >> 6U & 1U) != 0) how.params.set("header", (choice >> 7U) != 0);
  return load(how);
}

bool table(Bytes bytes) {
  const unsigned choice = take_choice(bytes);
  const MemoryFile file(bytes);
  const std::array<const char*, 4> missing = {"drop_rows", "mean", "median", "indicator"};
  Choice how = source("csv", {{"file", text(file.path())}, {"categorical", std::string("auto")}});
  how.params.set("missing", std::string(missing[choice & 3U]));
  how.params.set("max_categories", std::int64_t{5});
  if ((choice >> 2U & 1U) != 0) how.params.set("decimal", std::string(","));
  if ((choice >> 3U & 1U) != 0) how.params.set("thousands", std::string((choice >> 2U & 1U) != 0 ? "." : ","));
  if ((choice >> 4U & 1U) != 0) how.params.set("dates", std::string("0"));
  if ((choice >> 5U & 1U) != 0) how.params.set("ordinal", std::string("1"));
  if ((choice >> 6U & 1U) != 0) how.params.set("delimiter", std::string("whitespace"));
  // What init makes of the file is a config.
  allow_user_errors([&] {
    const OwnConfig made = make_config({file.path(), "", "/", {}, ""});
    const ExperimentSpec spec = parse_experiment(made.text, "init", "/");
    load(spec.data.source);
  });
  return load(how);
}

bool npz(Bytes bytes) {
  const unsigned choice = take_choice(bytes);
  const MemoryFile file(bytes);
  Choice how = source("npz", {{"file", text(file.path())}});
  if ((choice & 1U) != 0) how.params.set("features", std::string("a"));
  if ((choice & 2U) != 0) how.params.set("labels", std::string("b"));
  return load(how);
}

bool npy(Bytes bytes) {
  const bool labels = take_choice(bytes) % 2 == 1;
  const MemoryFile given(bytes);
  const MemoryFile fixed(bytes_of(npy_of(labels ? "(4, 1)" : "(4,)")));
  return load(source(
      "npy", {{"file", text((labels ? fixed : given).path())}, {"labels", text((labels ? given : fixed).path())}}));
}

bool png(Bytes bytes) {
  const unsigned choice = take_choice(bytes);
  return picture(choice, with_checksums(std::string(as_text(bytes))));
}

bool jpeg(Bytes bytes) {
  const unsigned choice = take_choice(bytes);
  return picture(choice, std::string(as_text(bytes)));
}

bool weights(Bytes bytes) {
  const MemoryFile file(bytes);
  return allow_user_errors([&] {
    const Tensors tensors = read_safetensors(file.path());
    double sum = 0.0;
    for (const Tensor& tensor : tensors.tensors)
      for (std::size_t element = 0; element < tensor.count(); ++element) sum += tensors.number(tensor, element);
    (void)sum;
    Network<float> network(small_experiment().network, 2, 1);
    allow_user_errors([&] { import_weights(tensors, "fuzz", network); });
  });
}

bool checkpoint(Bytes bytes) {
  const MemoryFile file(bytes);
  return allow_user_errors([&] {
    // Past the checksum, which would stop nearly all.
    Tensors tensors = read_safetensors(file.path());
    const Checkpoint from = unpack_checkpoint(std::move(tensors), "fuzz");
    RecordMemory records;
    ThreadPool alone(1);
    RunControl control;
    control.resume = &from;
    run_experiment(small_experiment(), small_data(), records, alone, control);
  });
}

bool traces(Bytes bytes) {
  const unsigned choice = take_choice(bytes);
  if (choice % 4 == 3) {
    return allow_user_errors([&] { (void)ResultColumns({}).record(split_row(as_text(bytes)), 2); });
  }
  const MemoryFile file(bytes);
  // The tables that are not diagnosed on their own.
  if (choice % 8 == 5) return allow_user_errors([&] { read_table<EvaluationRecord>(file.path()); });
  if (choice % 8 == 6) return allow_user_errors([&] { read_table<HistogramRecord>(file.path()); });
  if (choice % 8 == 4) return allow_user_errors([&] { (void)read_compared(file.path()); });
  if (choice % 4 == 2) return allow_user_errors([&] { read_table<UnitRecord>(file.path()); });
  if (choice % 4 == 1) return allow_user_errors([&] { read_table<TheoryRecord>(file.path()); });
  return allow_user_errors([&] {
    const RunTables tables = read_run(file.path());
    for (const std::string& set : rule_sets()) diagnosis_json(diagnose(tables, {}, set));
  });
}

}  // namespace reluscope::fuzz
