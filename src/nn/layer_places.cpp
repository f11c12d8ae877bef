#include "nn/layer_places.hpp"

#include <memory>
#include <utility>

#include "nn/layout_nodes.hpp"

namespace reluscope {

namespace {

template <class T>
std::unique_ptr<Node<T>> make_channels_last(const LayerSpec& layer, const Shape& input,
                                            const NodeStreams& /*streams*/) {
  return std::make_unique<ChannelsLast<T>>(layer.name, input);
}

/// No layer of a config: what a layer that wants positions needs before it.
const NodeEntry& channels_last_entry() {
  static const NodeEntry entry = [] {
    NodeEntry made;
    made.name = "channels_last";
    made.wants = Wants::positions;
    made.output_shape = [](const LayerSpec& /*layer*/, const Shape& input) { return input; };
    made.parameters = [](const LayerSpec& /*layer*/, const Shape& /*input*/) { return std::uint64_t{0}; };
    made.moment_divisor = [](const LayerSpec& /*layer*/) { return 1.0; };
    made.make_float = make_channels_last<float>;
    made.make_double = make_channels_last<double>;
    return made;
  }();
  return entry;
}

/// Lines up the nodes of layers, those of residual blocks among them.
class Planner {
 public:
  std::vector<LayerPlace> plan(const NetworkSpec& network, const Shape& input) {
    follow(network.layers, {kNetworkInput, input, true, input.positions() == 1}, "layers.");
    return std::move(places_);
  }

 private:
  /// The place whose output is at hand, and what that is like.
  struct Here {
    std::size_t place;
    Shape shape;
    bool data_order;
    bool is_vector;  ///< and not channels at positions, of which there is one
  };

  Here follow(const std::vector<LayerSpec>& layers, Here here, const std::string& prefix) {
    std::size_t modules = 0;
    for (const LayerSpec& layer : layers) here = add(layer, here, prefix, modules);
    return here;
  }

  Here add(const LayerSpec& layer, Here here, const std::string& prefix, std::size_t& modules) {
    const auto next_module = [&] { return prefix + std::to_string(modules++); };
    const NodeEntry& entry = entry_of(layer);
    const Wants wants = wants_of(layer, entry);
    if (wants == Wants::positions && here.data_order && here.shape.positions() > 1) {
      here = append(place_of(layer, channels_last_entry(), here, false), here);
    } else if (wants == Wants::vector && !here.data_order && !here.is_vector) {
      // Of one position PyTorch wants the module, though there is nothing to do.
      LayerPlace flatten = place_of(layer, *find_entry(node_table(), "flatten"), here, false);
      flatten.module = next_module();
      if (here.shape.positions() > 1) here = append(std::move(flatten), here);
    }
    LayerPlace place = place_of(layer, entry, here, true);
    const Choice* phi = layer.activation ? &*layer.activation : nullptr;
    if (entry.is_block) {
      const std::string module = next_module();
      const Here body = follow(layer.body, here, module + ".body.");
      const Here shortcut = follow(layer.shortcut, here, module + ".shortcut.");
      place = place_of(layer, entry, body, true);
      place.inputs.push_back(shortcut.place);
      place.activation = phi;
      place.activation_module = module + ".activation";
      return append(std::move(place), body);
    }
    if (entry.make_float != nullptr) place.module = next_module();
    if (!layer.norm.empty()) {
      here = append(std::move(place), here);
      place = place_of(layer.norm[0], entry_of(layer.norm[0]), here, false);
      place.module = next_module();
    }
    place.activation = phi;
    if (phi != nullptr && phi->name != "identity") place.activation_module = next_module();
    return append(std::move(place), here);
  }

  static Wants wants_of(const LayerSpec& layer, const NodeEntry& entry) {
    return entry.wants_of == nullptr ? entry.wants : entry.wants_of(layer);
  }

  static LayerPlace place_of(const LayerSpec& layer, const NodeEntry& entry, const Here& here, bool is_own) {
    LayerPlace place;
    place.layer = &layer;
    place.entry = &entry;
    place.input = here.shape;
    place.output = entry.output_shape(layer, here.shape);
    place.inputs = {here.place};
    place.is_own = is_own;
    // One position is in any order, and a window may make more of it.
    place.data_order = here.data_order && wants_of(layer, entry) != Wants::positions;
    return place;
  }

  Here append(LayerPlace place, const Here& from) {
    const bool is_vector = place.entry->yields_vector || (from.is_vector && place.output.positions() == 1);
    const Here here{places_.size(), place.output, place.data_order, is_vector};
    places_.push_back(std::move(place));
    return here;
  }

  std::vector<LayerPlace> places_;
};

}  // namespace

std::vector<LayerPlace> place_layers(const NetworkSpec& network, const Shape& input) {
  return Planner().plan(network, input);
}

Index count_outputs(const NetworkSpec& network, const Shape& input) {
  return place_layers(network, input).back().output.size();
}

}  // namespace reluscope
