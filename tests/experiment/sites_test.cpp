#include "experiment/sites.hpp"

#include <doctest/doctest.h>

#include "nn/network.hpp"
#include "support/specs.hpp"

using namespace reluscope;
using namespace reluscope::test;

TEST_CASE("sites say what each layer with units is, and what it reads") {
  NetworkSpec spec;
  spec.layers = {dense("a", 7, activation("relu")), dropout("d", 0.5), dense("b", 5, activation("prelu")),
                 dense("c", 4, activation("tanh")), dense("out", 3)};
  const std::vector<SiteRecord> sites = describe_sites(spec, 6);
  const Network<float> network(spec, 6, 1);
  REQUIRE(sites.size() == network.sites().size());
  const std::array<const char*, 4> inputs = {"input", "a", "b", "c"};
  const std::array<bool, 4> mortal = {true, true, false, false};  // prelu may learn a slope of 0
  for (std::size_t at = 0; at < sites.size(); ++at) {
    const Node<float>& layer = network.site(at);
    CHECK(sites[at].layer == static_cast<std::int64_t>(at) + 1);
    CHECK(sites[at].name == layer.name());
    CHECK(sites[at].kind == "dense");
    CHECK(sites[at].role == (at == 3 ? Role::output : Role::hidden));
    CHECK(sites[at].activation == layer.activation()->entry().name);
    CHECK(sites[at].mortal == mortal[at]);
    CHECK(sites[at].units == layer.units());
    CHECK(sites[at].positions == 1);
    CHECK(sites[at].fan_in == layer.affine()->fan_in());
    CHECK(sites[at].inputs == inputs[at]);
  }
}
