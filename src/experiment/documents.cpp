#include "experiment/documents.hpp"

#include <unistd.h>

#include <array>
#include <cmath>
#include <ctime>
#include <nlohmann/json.hpp>

#include "data/filling.hpp"
#include "experiment/features.hpp"
#include "experiment/sites.hpp"
#include "experiment/theory.hpp"
#include "experiment/verdict.hpp"
#include "nn/gemm.hpp"
#include "nn/loss.hpp"
#include "trace/column.hpp"
#include "trace/table_writer.hpp"
#include "util/format.hpp"
#include "util/hash.hpp"
#include "util/json_file.hpp"

namespace reluscope {

namespace {

using Json = nlohmann::ordered_json;

Json count(std::optional<std::int64_t> value) { return value ? Json(*value) : Json(nullptr); }

Json evaluation(const std::optional<Evaluation>& part, const Penalty& penalty) {
  if (!part) return nullptr;
  Json document = {{"loss", number_or_null(part->loss)},
                   {"accuracy", number_or_null(part->accuracy)},
                   {"exact_match", number_or_null(part->exact_match)},
                   {"label_accuracy", nullptr},
                   {"loss_parts", nullptr}};
  document["constant_loss"] = number_or_null(part->constant_loss);
  document["gain"] = number_or_null(part->gain);
  document["gain_error"] = number_or_null(part->gain_error);
  if (part->exact_match) document["label_accuracy"] = part->label_accuracy;
  if (penalty.any())
    document["loss_parts"] = {{"data", number_or_null(part->parts.data)},
                              {"l1_weights", number_or_null(part->parts.l1_weights)},
                              {"l2_weights", number_or_null(part->parts.l2_weights)},
                              {"l1_activations", number_or_null(part->parts.l1_activations)}};
  return document;
}

Json gradient_noise(const NoiseAverage& average) {
  if (average.batches() == 0) return nullptr;
  const GradientNoise mean = average.mean();
  return {{"batches", average.batches()},
          {"trace", number_or_null(mean.trace)},
          {"signal", number_or_null(mean.signal)},
          {"scale", number_or_null(mean.scale())}};
}

std::string host_name() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "";
}

std::string gemm_text(const ExperimentSpec& spec) {
  return full_name(spec.precision == Precision::float32 ? gemm_backend<float>() : gemm_backend<double>());
}

/// Lists for each feature or class are left out where they are longer: a manifest is read and written as a whole.
constexpr Index kMostListed = 10000;

/// One number where all are the same.
Json numbers(const Eigen::VectorXd& values) {
  if (values.size() == 0) return nullptr;
  if ((values.array() == values[0]).all()) return number_or_null(values[0]);
  if (values.size() > kMostListed) return nullptr;
  Json list = Json::array();
  for (const double value : values) list.push_back(number_or_null(value));
  return list;
}

Json classes_section(const Dataset& dataset) {
  if (dataset.task != Task::classification || dataset.outputs() > kMostListed) return nullptr;
  const std::vector<std::int64_t> train = class_counts(dataset, dataset.train);
  const std::vector<std::int64_t> test = class_counts(dataset, dataset.test);
  Json list = Json::array();
  for (std::size_t at = 0; at < train.size(); ++at)
    list.push_back({{"class", dataset.class_names[at]}, {"train", train[at]}, {"test", test[at]}});
  return list;
}

/// What became of the columns of a table.
Json table_section(const Dataset& dataset) {
  const TableFacts& table = dataset.table;
  Json section = {{"labels", table.labels},
                  {"left_out", Json::array()},
                  {"encoded", Json::array()},
                  {"filled", Json::array()},
                  {"rows_left_out", table.rows_left_out},
                  {"comments", table.comments},
                  {"unseen_categories", table.unseen}};
  for (const auto& [column, why] : table.left_out) section["left_out"].push_back({{"column", column}, {"why", why}});
  for (const auto& [column, how, values] : table.encoded)
    section["encoded"].push_back({{"column", column}, {"how", how}, {"values", values}});
  for (const TableFacts::Filled& one : table.filled)
    section["filled"].push_back({{"feature", one.feature},
                                 {"how", fill_name(one.how)},
                                 {"value", number_or_null(one.value)},
                                 {"train", one.train},
                                 {"test", one.test}});
  return section;
}

Json data_section(const ExperimentSpec& spec, const Dataset& dataset) {
  Json section = {{"train_samples", dataset.train.count()}, {"test_samples", dataset.test.count()},
                  {"features", dataset.features()},         {"outputs", dataset.outputs()},
                  {"task", task_name(dataset.task)},        {"crc32", hexadecimal(dataset.checksum(), 8)}};
  if (const Shape& shape = dataset.shape(); shape.positions() > 1)
    section["shape"] = {shape.channels, shape.height, shape.width};
  section["classes"] = classes_section(dataset);
  section["feature_names"] = nullptr;
  if (!dataset.feature_names.empty() && dataset.features() <= kMostListed)
    section["feature_names"] = dataset.feature_names;
  // x' = (x - shift) * scale, of the training part.
  section["shift"] = numbers(dataset.shift);
  section["scale"] = numbers(dataset.scale);
  section["target_shift"] = numbers(dataset.target_shift);
  section["target_scale"] = numbers(dataset.target_scale);
  if (spec.data.source.name == "csv") section["table"] = table_section(dataset);
  return section;
}

std::string dump(const Json& document) { return document.dump(2, ' ', false, Json::error_handler_t::replace) + "\n"; }

Json manifest_head(const char* tool, const std::string& status, const ExperimentSpec& spec) {
  return {{"tool", tool},
          {"version", RELUSCOPE_VERSION},
          {"schema_version", kSchemaVersion},
          {"status", status},
          {"name", spec.name},
          {"seed", spec.seed},
          {"config_file", spec.origin},
          {"config_directory", std::filesystem::absolute(spec.directory).lexically_normal().string()}};
}

/// Of which data it was made, by which build, where and when.
void note_making(Json& document, const ExperimentSpec& spec, const Dataset& dataset, int threads,
                 const std::string& started) {
  document["data"] = data_section(spec, dataset);
  document["build"] = {{"compiler", RELUSCOPE_COMPILER}, {"flags", RELUSCOPE_FLAGS}, {"gemm", gemm_text(spec)}};
  document["host"] = host_name();
  document["threads"] = threads;
  document["started"] = started;
}

}  // namespace

std::string manifest_json(const ExperimentSpec& spec, const Dataset& dataset, const ManifestFacts& facts) {
  Json document = manifest_head("reluscope", facts.status, spec);
  document["config"] = Json::parse(spec.resolved_json);
  note_making(document, spec, dataset, facts.threads, facts.started);
  document["resumed_at_steps"] = facts.resumed;
  document["save_weights"] = facts.save_weights;
  document["timings"] = {
      {"load_seconds", facts.load_seconds},
      {"train_seconds", facts.train_seconds},
      {"steps_per_second",
       facts.train_seconds > 0.0 ? Json(static_cast<double>(facts.steps) / facts.train_seconds) : Json(nullptr)}};
  return dump(document);
}

std::string census_manifest_json(const ExperimentSpec& spec, const Dataset& dataset, const CensusFacts& facts) {
  const auto text_or_null = [](const std::string& text) { return text.empty() ? Json(nullptr) : Json(text); };
  Json document = manifest_head(kCensusTool, facts.status, spec);
  document["part"] = part_name(facts.part);
  // Absolute: what goes on from the census may be called elsewhere.
  document["weights"] = spec.network.init_from
                            ? Json(std::filesystem::absolute(*spec.network.init_from).lexically_normal().string())
                            : Json(nullptr);
  document["compared_with"] = text_or_null(facts.compared_with);
  // Not `config`: what has one is a run, which could be gone on with.
  document["experiment"] = Json::parse(spec.resolved_json);
  note_making(document, spec, dataset, facts.threads, facts.started);
  return dump(document);
}

std::string census_summary_json(const ExperimentSpec& spec, const NetworkCensus& census, DataPart part) {
  Json document;
  document["schema_version"] = kSchemaVersion;
  document["name"] = spec.name;
  document["seed"] = spec.seed;
  document["status"] = "done";
  document["verdict"] = census_verdict(census, part);
  document["train"] = nullptr;
  document["test"] = nullptr;
  document[std::string(part_name(part))] = evaluation(census.evaluation, spec.train.penalty);
  document["collapsed"] = census.collapsed;
  return dump(document);
}

void write_start(const RunDirectory& directory, const ExperimentSpec& spec, const Dataset& dataset) {
  directory.write_features(csv_text(describe_features(dataset)));
  directory.write_sites(csv_text(describe_sites(spec.network, dataset.shape())));
  directory.write_theory(theory_csv(predict(spec, dataset)));
}

Checkpoint checkpoint_identity(const ExperimentSpec& spec, const Dataset& dataset) {
  Checkpoint checkpoint;
  checkpoint.config = content_hash(spec.resolved_json);
  checkpoint.data = hexadecimal(dataset.checksum(), 8);
  checkpoint.build = std::string(RELUSCOPE_VERSION ", " RELUSCOPE_COMPILER ", " RELUSCOPE_FLAGS ", ") + gemm_text(spec);
  return checkpoint;
}

std::string summary_json(const ExperimentSpec& spec, const RunSummary& summary, const std::string& verdict,
                         const std::string& findings) {
  Json document;
  document["schema_version"] = kSchemaVersion;
  document["name"] = spec.name;
  document["seed"] = spec.seed;
  document["status"] = summary.failed ? "failed" : (summary.interrupted ? "interrupted" : "done");
  document["failure"] = summary.failed ? Json(summary.failure) : Json(nullptr);
  document["verdict"] = verdict;
  document["target"] = spec.data.reconstruct ? "input" : "labels";
  document["steps"] = summary.steps;
  document["epochs"] = summary.epochs;
  document["first_loss"] = number_or_null(summary.first_loss);
  document["last_loss"] = number_or_null(summary.last_loss);
  document["train"] = evaluation(summary.train, spec.train.penalty);
  document["test"] = evaluation(summary.test, spec.train.penalty);
  document["targets"] = nullptr;
  if (const auto& targets = summary.targets)
    document["targets"] = {{"mean", number_or_null(targets->mean)},
                           {"std", number_or_null(targets->std)},
                           {"min", number_or_null(targets->min)},
                           {"max", number_or_null(targets->max)},
                           {"outside", number_or_null(targets->outside)},
                           {"output_low", number_or_null(targets->output_low)},
                           {"output_high", number_or_null(targets->output_high)}};
  document["classes"] = nullptr;
  if (const auto& classes = summary.classes)
    document["classes"] = {{"count", classes->count},
                           {"largest", classes->largest},
                           {"largest_name", classes->largest_name},
                           {"smallest", classes->smallest},
                           {"smallest_name", classes->smallest_name}};
  document["start_loss"] = number_or_null(summary.start_loss);
  document["linear_fit"] = nullptr;
  if (const auto& linear = summary.linear)
    document["linear_fit"] = {{"gain", linear->gain}, {"gain_error", linear->error}};
  document["gradient_noise"] = gradient_noise(summary.noise);
  document["dead_fraction"] = number_or_null(summary.dead_fraction());
  document["collapsed"] = summary.collapsed ? Json(*summary.collapsed) : Json(nullptr);
  document["layers"] = Json::array();
  std::int64_t layer_number = 0;
  for (const LayerSummary& layer : summary.layers)
    document["layers"].push_back({{"layer", ++layer_number},
                                  {"name", layer.name},
                                  {"activation", layer.activation},
                                  {"units", layer.units},
                                  {"dead", count(layer.dead)},
                                  {"born_dead", count(layer.born_dead)},
                                  {"peak_dead", count(layer.peak_dead)},
                                  {"locked", count(layer.locked)},
                                  {"deaths", layer.deaths},
                                  {"revivals", layer.revivals},
                                  {"causes", layer.causes},
                                  {"saturated", count(layer.saturated)},
                                  {"grad_norm_w_first", number_or_null(layer.grad_norm_first)},
                                  {"grad_norm_w_last", number_or_null(layer.grad_norm_last)},
                                  {"role", role_name(layer.role())},
                                  {"inherited", count(layer.inherited)},
                                  {"a_mean", number_or_null(layer.a_mean)},
                                  {"zero_fraction", number_or_null(layer.zero_fraction)}});
  document["findings"] = Json::parse(findings);
  return dump(document);
}

void note_end(RunTables& tables, const ExperimentSpec& spec, const RunSummary& summary) {
  const bool decays = spec.train.optimizer.params.number("weight_decay") > 0.0 || spec.train.penalty.on_weights();
  tables.loss = LossFacts{spec.loss.name, takes_logits(spec.loss), decays};
  const auto facts_of = [](const std::optional<Evaluation>& part) -> std::optional<PartFacts> {
    if (!part || !std::isfinite(part->loss + part->constant_loss + part->gain)) return std::nullopt;
    return PartFacts{part->parts.data, part->constant_loss, part->gain, part->gain_error};
  };
  tables.train = facts_of(summary.train);
  tables.test = facts_of(summary.test);
  tables.targets = summary.targets;
  tables.classes = summary.classes;
  tables.start_loss = summary.start_loss;
  if (summary.linear) tables.linear_is_better = is_better({0.0, 0.0, summary.linear->gain, summary.linear->error});
}

std::string utc_now() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  ::gmtime_r(&now, &parts);
  std::array<char, 32> text{};
  const std::size_t length = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &parts);
  return {text.data(), length};
}

}  // namespace reluscope
