#include "config/short_names.hpp"

#include <doctest/doctest.h>

namespace reluscope {

namespace {

using Names = std::vector<std::string>;

Names named(const Names& keys, const Names& taken = {}) { return short_names(keys, taken); }

}  // namespace

TEST_CASE("a key is called by its last word") {
  CHECK(named({"train.optimizer.lr", "network.layers.*.activation", "seed"}) == Names{"lr", "activation", "seed"});
  CHECK(named({"diagnose.dying-units.fraction"}) == Names{"fraction"});
}

TEST_CASE("what a choice is called is the choice") {
  CHECK(named({"network.layers.*.activation.name", "data.kind", "train.optimizer.name"}) ==
        Names{"activation", "data", "optimizer"});
  CHECK(named({"name"}) == Names{"name"});
}

TEST_CASE("keys with the same last word get as many words as tell them apart") {
  CHECK(named({"network.layers.0.units", "network.layers.1.units"}) == Names{"layers_0_units", "layers_1_units"});
  CHECK(named({"train.optimizer.lr", "train.schedule.lr"}) == Names{"optimizer_lr", "schedule_lr"});
}

TEST_CASE("no name starts with a digit") {
  CHECK(named({"layers.0"}) == Names{"layers_0"});
  CHECK(named({"0.1.units", "0.2.units", "7up"}) == Names{"key_0_1_units", "key_0_2_units", "key_7up"});
}

TEST_CASE("a name that is taken is given to nobody else") {
  CHECK(named({"train.steps"}, {"steps", "seed"}) == Names{"train_steps"});
  CHECK(named({"steps"}, {"steps"}) == Names{"steps_2"});
  CHECK(named({"a-b.c", "a_b.c"}) == Names{"a_b_c", "a_b_c_2"});
}

TEST_CASE("a key without a letter has a name all the same") { CHECK(named({"*", ""}) == Names{"key", "key_2"}); }

}  // namespace reluscope
