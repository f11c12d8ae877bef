#include "config/hints.hpp"

#include "nn/layer_places.hpp"
#include "nn/loss.hpp"

namespace reluscope {

namespace {

/// An output and a loss that do not go together.
void hint_at_pairs(const ExperimentSpec& spec, std::vector<ConfigHint>& hints) {
  const LayerSpec& last = spec.network.layers.back();
  const std::string& phi = last.activation->name;
  const std::string& loss = spec.loss.name;
  const std::string place = last.pointer + "/activation";
  const bool yields_probabilities = phi == "sigmoid" || phi == "softmax";
  if (takes_logits(spec.loss)) {
    const std::string own = loss == "bce" ? "sigmoid" : "softmax";
    if (yields_probabilities) {
      const std::string other = phi == own ? "identity here" : (phi == "sigmoid" ? "bce" : "cross_entropy");
      hints.push_back({place, phi + " with " + loss + ", which applies a " + own + " of its own: did you mean " +
                                  other + ", or loss.from_logits=false?"});
    } else if (phi != "identity") {
      hints.push_back(
          {place, phi + " with " + loss + ", which takes logits of any size and sign: did you mean identity?"});
    }
  } else if (takes_network_probabilities(spec.loss) && !yields_probabilities) {
    hints.push_back({place, phi + " with " + loss + " on probabilities, which " + phi +
                                " does not yield: did you mean " + (loss == "bce" ? "sigmoid" : "softmax") +
                                ", or loss.from_logits=true?"});
  }
  if (phi == "softmax" && count_outputs(spec.network, 1) == 1)
    hints.push_back({place, "softmax over a single unit is 1 for every sample: did you mean sigmoid?"});
}

}  // namespace

std::vector<ConfigHint> config_hints(const ExperimentSpec& spec) {
  std::vector<ConfigHint> hints;
  hint_at_pairs(spec, hints);
  return hints;
}

}  // namespace reluscope
