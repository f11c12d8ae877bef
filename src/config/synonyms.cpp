#include "config/synonyms.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "util/nearest.hpp"

namespace reluscope {

namespace {

struct Synonym {
  std::string_view given;  ///< bare, see bare_name()
  std::string_view meant;
};

// Of PyTorch, Keras, scikit-learn and pandas, and of the papers.
constexpr std::array kSynonyms = {
    // activations
    Synonym{"swish", "silu"}, Synonym{"linear", "identity"}, Synonym{"none", "identity"},
    Synonym{"logistic", "sigmoid"}, Synonym{"lrelu", "leaky_relu"},
    // losses
    Synonym{"categoricalcrossentropy", "cross_entropy"}, Synonym{"sparsecategoricalcrossentropy", "cross_entropy"},
    Synonym{"crossentropyloss", "cross_entropy"}, Synonym{"softmaxcrossentropy", "cross_entropy"},
    Synonym{"nllloss", "cross_entropy"}, Synonym{"logloss", "cross_entropy"}, Synonym{"binarycrossentropy", "bce"},
    Synonym{"bceloss", "bce"}, Synonym{"bcewithlogits", "bce"}, Synonym{"bcewithlogitsloss", "bce"},
    Synonym{"l1", "mae"}, Synonym{"l1loss", "mae"}, Synonym{"meanabsoluteerror", "mae"}, Synonym{"l2", "mse"},
    Synonym{"l2loss", "mse"}, Synonym{"mseloss", "mse"}, Synonym{"meansquarederror", "mse"},
    Synonym{"huberloss", "huber"}, Synonym{"smoothl1", "huber"}, Synonym{"smoothl1loss", "huber"},
    // initialisers
    Synonym{"he", "he_normal"}, Synonym{"kaiming", "he_normal"}, Synonym{"kaimingnormal", "he_normal"},
    Synonym{"kaiminguniform", "he_uniform"}, Synonym{"xavier", "glorot_uniform"}, Synonym{"glorot", "glorot_uniform"},
    Synonym{"xavieruniform", "glorot_uniform"}, Synonym{"xaviernormal", "glorot_normal"},
    // scaling of data, and cells that are missing
    Synonym{"zscore", "per_feature"}, Synonym{"standardize", "per_feature"}, Synonym{"standardise", "per_feature"},
    Synonym{"standardscaler", "per_feature"}, Synonym{"minmax", "unit"}, Synonym{"minmaxscaler", "unit"},
    Synonym{"dropna", "drop_rows"}, Synonym{"drop", "drop_rows"}, Synonym{"impute", "median"},
    // keys of the data
    Synonym{"dataset", "data"}, Synonym{"path", "file"}, Synonym{"filename", "file"}, Synonym{"csv", "file"},
    Synonym{"label", "label_column"}, Synonym{"target", "label_column"}, Synonym{"targetcolumn", "label_column"},
    Synonym{"y", "label_column"}, Synonym{"sep", "delimiter"}, Synonym{"separator", "delimiter"},
    Synonym{"testsize", "test_fraction"}, Synonym{"testsplit", "test_fraction"},
    Synonym{"validationsplit", "test_fraction"}, Synonym{"normalise", "normalize"}, Synonym{"scale", "normalize"},
    Synonym{"navalues", "missing"}, Synonym{"onehot", "categorical"}, Synonym{"features", "columns"},
    // keys of the network
    Synonym{"model", "network"}, Synonym{"architecture", "network"}, Synonym{"net", "network"},
    Synonym{"hiddenlayers", "network"}, Synonym{"hiddenlayers", "layers"}, Synonym{"fc", "dense"},
    Synonym{"fullyconnected", "dense"}, Synonym{"linear", "dense"}, Synonym{"neurons", "units"},
    Synonym{"outfeatures", "units"}, Synonym{"size", "units"}, Synonym{"width", "units"}, Synonym{"nodes", "units"},
    Synonym{"hiddenunits", "units"}, Synonym{"nonlinearity", "activation"}, Synonym{"activationfunction", "activation"},
    Synonym{"initializer", "init"}, Synonym{"initialization", "init"}, Synonym{"kernelinitializer", "init"},
    Synonym{"kernel", "weights"}, Synonym{"weight", "weights"}, Synonym{"alpha", "negative_slope"},
    Synonym{"slope", "negative_slope"}, Synonym{"rate", "p"}, Synonym{"dropoutrate", "p"}, Synonym{"prob", "p"},
    // keys of training
    Synonym{"learningrate", "lr"}, Synonym{"stepsize", "lr"}, Synonym{"eta", "lr"}, Synonym{"l2reg", "weight_decay"},
    Synonym{"wd", "weight_decay"}, Synonym{"beta1", "betas"}, Synonym{"beta2", "betas"}, Synonym{"epsilon", "eps"},
    Synonym{"numepochs", "epochs"}, Synonym{"nepochs", "epochs"}, Synonym{"maxepochs", "epochs"},
    Synonym{"iterations", "steps"}, Synonym{"numsteps", "steps"}, Synonym{"maxsteps", "steps"},
    Synonym{"batch", "batch_size"}, Synonym{"minibatch", "batch_size"}, Synonym{"optim", "optimizer"},
    Synonym{"optimiser", "optimizer"}, Synonym{"scheduler", "schedule"}, Synonym{"lrscheduler", "schedule"},
    Synonym{"gradclip", "clip_norm"}, Synonym{"maxgradnorm", "clip_norm"}, Synonym{"gradientclipping", "clip_norm"},
    Synonym{"training", "train"}, Synonym{"criterion", "loss"}, Synonym{"objective", "loss"},
    Synonym{"lossfunction", "loss"}, Synonym{"randomstate", "seed"}, Synonym{"randomseed", "seed"},
    Synonym{"dtype", "precision"}, Synonym{"float", "float32"}, Synonym{"double", "float64"}};

}  // namespace

std::optional<std::string> meant_name(std::string_view given, std::span<const std::string> names) {
  const std::string bare = bare_name(given);
  for (const std::string& name : names)
    if (bare_name(name) == bare) return name;
  for (const Synonym& synonym : kSynonyms)
    if (synonym.given == bare && std::find(names.begin(), names.end(), synonym.meant) != names.end())
      return std::string(synonym.meant);
  return std::nullopt;
}

}  // namespace reluscope
