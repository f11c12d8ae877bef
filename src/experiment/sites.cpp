#include "experiment/sites.hpp"

#include <string>
#include <variant>

#include "nn/activation.hpp"

namespace reluscope {

std::vector<SiteRecord> describe_sites(const NetworkSpec& network, Index features) {
  std::vector<SiteRecord> sites;
  Index fan_in = features;
  std::string below = "input";
  for (const LayerSpec& layer : network.layers) {
    const auto* dense = std::get_if<DenseSpec>(&layer.kind);
    if (dense == nullptr) continue;  // dropout: no site of its own
    const ActivationEntry& activation = *find_entry(activation_table(), dense->activation.name);
    SiteRecord& site = sites.emplace_back();
    site.layer = std::ssize(sites);
    site.name = layer.name;
    site.kind = "dense";
    site.role = Role::hidden;
    site.activation = activation.name;
    site.mortal = activation.learned_slope || activation.shape(dense->activation.params).mortal();
    site.units = dense->units;
    site.fan_in = fan_in;
    site.inputs = below;
    fan_in = dense->units;
    below = layer.name;
  }
  sites.back().role = Role::output;  // a network ends in a layer with units
  return sites;
}

}  // namespace reluscope
