// What each node answers, as docs/architecture.md shows it; and what the table says of layers.
#include "nn/node_table.hpp"

#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "nn/layer_places.hpp"
#include "nn/layout_nodes.hpp"
#include "nn/network.hpp"
#include "support/specs.hpp"
#include "util/text_file.hpp"

using namespace reluscope;
using namespace reluscope::test;

namespace {

/// A column of the table: a question, and whether a node knows the answer.
struct Question {
  const char* name;
  bool (*answers)(const Node<float>& node);
};

const Box kUnitBox{Eigen::VectorXd::Zero(3), Eigen::VectorXd::Ones(3)};
const Drift kSomeDrift{1.0, Eigen::VectorXd::Constant(3, 0.5)};

const std::vector<Question>& questions() {
  static const std::vector<Question> all = {
      {"box",
       [](const Node<float>& node) {
         const Box* input = &kUnitBox;
         return node.bound(std::span(&input, 1)).has_value();
       }},
      {"box in training",
       [](const Node<float>& node) {
         const Box* input = &kUnitBox;
         return node.bound_in_training(std::span(&input, 1)).has_value();
       }},
      {"drift",
       [](const Node<float>& node) {
         const Drift* input = &kSomeDrift;
         return node.drift(node, std::span(&input, 1)).has_value();
       }},
      {"norm",
       [](const Node<float>& node) {
         const double input = 1.0;
         return node.norm(std::span(&input, 1)).has_value();
       }},
      {"never negative", [](const Node<float>& node) { return node.never_negative(true); }},
      {"same in training", [](const Node<float>& node) { return node.same_in_training(); }},
      {"silent without delta", [](const Node<float>& node) { return node.is_silent_without_delta(); }},
      {"parts",
       [](const Node<float>& node) {
         return node.select({0, 2}, {0, 2}) != nullptr;
       }},
      {"channel by channel", [](const Node<float>& node) { return node.channel_sources().has_value(); }},
      {"apart", [](const Node<float>& node) {
         const Matrix<float> input = Matrix<float>::Ones(3, 1);
         const Matrix<float>* inputs = &input;
         return node.apart(node, std::span(&inputs, 1), std::span(&inputs, 1)).has_value();
       }}};
  return all;
}

std::string row(const std::string& name, const Node<float>& node) {
  std::string text = "| " + name + " |";
  for (const Question& question : questions()) text += question.answers(node) ? " yes |" : " – |";
  return text + "\n";
}

std::string table_of_answers() {
  std::string text = "| node |";
  std::string rule = "|---|";
  for (const Question& question : questions()) {
    text += std::string(" ") + question.name + " |";
    rule += "---|";
  }
  text += "\n" + rule + "\n";
  for (const NodeEntry& entry : node_table()) {
    if (entry.make_float == nullptr) continue;  // an activation alone, see below
    LayerSpec layer{"layer", {entry.name, ParamValues(entry.params)}, std::nullopt, std::nullopt};
    for (const Param& param : entry.params)
      if (param.required) layer.type.params.set(param.name, std::int64_t{1});
    if (!entry.units_key.empty()) layer.type.params.set(entry.units_key, std::int64_t{3});
    if (entry.affine) layer.init = InitSpec{weights("he_normal"), biases("zeros")};
    text += row(entry.name, *entry.make<float>(layer, 3, {}));
  }
  text += row("order of values", ChannelsLast<float>("layer", 3));
  for (const char* name : {"relu", "tanh", "rrelu", "softmax"})
    text += row(std::string("activation, ") + name, ActivationNode<float>("phi", activation(name), 3, 0));
  return text;
}

}  // namespace

TEST_CASE("docs/architecture.md shows what each node answers") {
  const std::filesystem::path source(std::getenv("RELUSCOPE_SOURCE_DIR"));
  const std::string page = read_whole_file(source / "docs" / "architecture.md");
  const std::string table = table_of_answers();
  if (page.find(table) == std::string::npos) FAIL("docs/architecture.md lacks this table:\n" << table);
}

TEST_CASE("the table of nodes says what layers are like") {
  NetworkSpec spec;
  spec.layers = {dense("a", 7, activation("relu")), dropout("drop", 0.25), dense("out", 3)};
  const std::vector<LayerPlace> places = place_layers(spec, Shape(2, 3, 4));
  REQUIRE(places.size() == 3);
  CHECK(places[0].input == Shape(2, 3, 4));
  CHECK(places[0].output == Shape(7));
  CHECK(places[0].entry->fan_in(*places[0].layer, places[0].input) == 24);  // what has positions is flattened
  CHECK(places[0].entry->fan_out(*places[0].layer, places[0].input) == 7);
  CHECK(places[0].entry->parameters(*places[0].layer, places[0].input) == 7 * 26);
  CHECK(places[1].output == Shape(7));
  CHECK_FALSE(static_cast<bool>(places[1].entry->fan_in));
  CHECK(places[1].entry->parameters(*places[1].layer, places[1].input) == 0);
  CHECK(places[1].entry->moment_divisor(*places[1].layer) == 0.75);
  CHECK(count_outputs(spec, 24) == 3);
  CHECK(find_entry(node_table(), "dense")->affine);
  CHECK_FALSE(find_entry(node_table(), "dropout")->affine);

  const Network<float> network(spec, Shape(2, 3, 4), 1);
  REQUIRE(network.depth() == 3);
  CHECK(network.inputs() == 24);
  CHECK(network.node(0).name() == "a");
  CHECK(network.sites() == std::vector<std::size_t>{0, 2});
}
