#include "experiment/sites.hpp"

#include <set>
#include <string>

#include "nn/activation.hpp"
#include "nn/layer_places.hpp"

namespace reluscope {

namespace {

/// Names without their doubles, in the order in which they come first, a space between them.
std::string joined_once(const std::vector<std::string>& names) {
  std::string text;
  std::set<std::string> seen;
  for (const std::string& name : names)
    if (seen.insert(name).second) text += (text.empty() ? "" : " ") + name;
  return text;
}

}  // namespace

std::vector<SiteRecord> describe_sites(const NetworkSpec& network, const Shape& input) {
  std::vector<SiteRecord> sites;
  const std::vector<LayerPlace> places = place_layers(network, input);
  std::vector<std::vector<std::string>> seen_at(places.size());  // the sites whose values a place hands on
  for (std::size_t at = 0; at < places.size(); ++at) {
    const LayerPlace& place = places[at];
    std::vector<std::string> below;
    for (const std::size_t from : place.inputs) {
      const std::vector<std::string> some = from == kNetworkInput ? std::vector<std::string>{"input"} : seen_at[from];
      below.insert(below.end(), some.begin(), some.end());
    }
    seen_at[at] = below;
    if (place.activation == nullptr) continue;  // no site of its own
    const Choice& phi = *place.activation;
    const ActivationEntry& activation = *find_entry(activation_table(), phi.name);
    SiteRecord& site = sites.emplace_back();
    site.layer = std::ssize(sites);
    site.name = place.layer->name;
    // An activation alone is fed by what comes before it.
    const bool is_alone = place.entry->make_float == nullptr && place.inputs[0] != kNetworkInput;
    site.kind = is_alone ? places[place.inputs[0]].entry->name : place.entry->name;
    site.role = Role::hidden;
    site.activation = activation.name;
    site.mortal = activation.learned_slope || activation.shape(phi.params).mortal();
    site.units = place.output.channels;
    site.positions = place.output.positions();
    if (place.entry->fan_in != nullptr) site.fan_in = place.entry->fan_in(*place.layer, place.input);
    site.inputs = joined_once(below);
    seen_at[at] = {site.name};
  }
  sites.back().role = Role::output;  // a network ends in a layer with units
  return sites;
}

}  // namespace reluscope
