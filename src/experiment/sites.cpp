#include "experiment/sites.hpp"

#include <string>

#include "nn/activation.hpp"
#include "nn/node_table.hpp"

namespace reluscope {

std::vector<SiteRecord> describe_sites(const NetworkSpec& network, Index features) {
  std::vector<SiteRecord> sites;
  std::string below = "input";
  for (const LayerPlace& place : place_layers(network, features)) {
    if (!place.layer->activation) continue;  // no site of its own
    const Choice& phi = *place.layer->activation;
    const ActivationEntry& activation = *find_entry(activation_table(), phi.name);
    SiteRecord& site = sites.emplace_back();
    site.layer = std::ssize(sites);
    site.name = place.layer->name;
    site.kind = place.entry->name;
    site.role = Role::hidden;
    site.activation = activation.name;
    site.mortal = activation.learned_slope || activation.shape(phi.params).mortal();
    site.units = place.output.channels;
    site.positions = place.output.positions();
    site.fan_in = place.entry->fan_in(*place.layer, place.input);
    site.inputs = below;
    below = place.layer->name;
  }
  sites.back().role = Role::output;  // a network ends in a layer with units
  return sites;
}

}  // namespace reluscope
