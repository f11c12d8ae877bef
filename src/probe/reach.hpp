#pragma once
// What can reach a site: bounds on their way through the network's graph, from the inputs in D on. Every node answers
// for itself (nn/node.hpp); what a node does not know is bounded by nothing, and proves nothing.

#include <optional>
#include <span>
#include <vector>

#include "nn/network.hpp"

namespace reluscope {

/// Boxes from an input box on, site by site, in evaluation.
template <class T>
class BoxReach {
 public:
  /// The network must outlive it.
  BoxReach(const Network<T>& network, Box input);

  /// Of the next site's computed pre-activations; what the one before it yields must have been passed on.
  [[nodiscard]] PreActivationBox next();
  /// Of what the last site of next() yields for pre-activations in `z`; its units in `zero` yield exactly 0.
  void pass_on(const Box& z, const std::vector<std::size_t>& zero = {});

 private:
  /// Of the affine map that a node is, or starts with.
  [[nodiscard]] PreActivationBox bound_map(std::size_t node) const;

  const Network<T>& network_;
  Box input_;
  std::vector<Box> boxes_;  ///< of the outputs of the nodes so far
};

/// How far a network has moved from another of its shape, site by site, over all x in D.
template <class T>
class DriftReach {
 public:
  /// `norm`: of an input, at most. Both networks must outlive it.
  DriftReach(const Network<T>& before, const Network<T>& now, double norm);

  /// |Δz| of each unit of the next site, at most.
  [[nodiscard]] Eigen::VectorXd next();
  /// |Δa| of each unit of that site, by the |Δz| that next() gave.
  [[nodiscard]] Eigen::VectorXd of_outputs(const Eigen::VectorXd& z_drift) const;
  /// What it yields has so far had a norm of at most `norm`, and drifts so.
  void pass_on(double norm, Eigen::VectorXd drift) { drifts_.push_back({norm, std::move(drift)}); }

 private:
  const Network<T>& before_;
  const Network<T>& now_;
  Drift input_;
  std::vector<Drift> drifts_;  ///< of the outputs of the nodes so far
};

/// Of what feeds a site's affine map, where all that comes before the site has no parameters: whatever training passes
/// may make of inputs in the box, and the largest norm for inputs of at most `norm` in evaluation.
template <class T>
Box bound_input_in_training(const Network<T>& network, std::size_t site, const Box& box);
template <class T>
double bound_input_norm(const Network<T>& network, std::size_t site, double norm);

/// How far the network's computed outputs are from those that `other`, a network of its shape at other parameters,
/// computes in evaluation: of each of the first `samples` columns of `state`, which the network has run through, and of
/// each output, at most. A running error analysis (Higham 2002, section 3.3), node by node, with the slack of
/// nn/bounds.hpp. It holds for whatever order either adds up in, and so does it for a part of `other` that leaves out
/// channels whose weights are 0 above. Nothing where a node does not know.
template <class T>
std::optional<Matrix<T>> outputs_apart(const Network<T>& network, const Network<T>& other, const NetworkState<T>& state,
                                       Index samples);

/// Of each node: whether its outputs are never negative, whatever the parameters become and the data are.
template <class T>
std::vector<bool> never_negative(const Network<T>& network);

/// Of each site: whether nothing that it depends on, but itself, has parameters.
template <class T>
std::vector<bool> fed_by_data(const Network<T>& network);
/// Of each site: whether a training pass computes in all that it depends on, but itself, what evaluation does.
template <class T>
std::vector<bool> sees_what_evaluation_sees(const Network<T>& network);

}  // namespace reluscope
