#include "experiment/checkpoints.hpp"

#include <string>
#include <vector>

#include "trace/weights.hpp"
#include "util/archive.hpp"
#include "util/error.hpp"

namespace reluscope {

namespace {

/// Names of what a checkpoint keeps besides the parameters.
constexpr const char* kCensusPrefix = "census.";
std::string optimizer_prefix(std::size_t array) { return "optimizer." + std::to_string(array) + "."; }

/// The values of parameters, which are const where the network is.
template <class M, class N>
std::vector<M*> values_of(N& network) {
  std::vector<M*> values;
  for (auto* parameter : network.parameters()) values.push_back(&parameter->value);
  return values;
}

/// One of the optimiser's arrays, of every parameter.
template <class M, class O>
std::vector<M*> arrays_of(O& optimizer, std::size_t array) {
  std::vector<M*> matrices;
  for (auto& arrays : optimizer.state()) matrices.push_back(&arrays[array]);
  return matrices;
}

}  // namespace

template <class T>
void take_up(const Checkpoint& checkpoint, Training<T>& training, DeathWatch<T>* watch) {
  const std::string origin = "checkpoint of step " + std::to_string(checkpoint.step);
  training.summary.steps = checkpoint.step;
  try {
    if (checkpoint.step >= training.plan.total_steps()) throw BadArchive("the run has no such step");
    ArchiveReader file(checkpoint.state);
    if (watch != nullptr) {
      Network<T> last = training.network;
      fill_matrices(checkpoint.tensors, kCensusPrefix, origin, last, values_of<Matrix<T>>(last));
      fill_buffers(checkpoint.tensors, kCensusPrefix, origin, last);
      last.parameters_changed();
      watch->load_census(file, last);
    }
    training.archive(file);
    if (watch != nullptr) watch->archive(file);
    file.expect_end();
  } catch (const BadArchive& fault) {
    throw DataError(origin + ": does not belong to this run, or is damaged: " + fault.what());
  }
  fill_matrices(checkpoint.tensors, "", origin, training.network, values_of<Matrix<T>>(training.network));
  fill_buffers(checkpoint.tensors, "", origin, training.network);
  training.network.parameters_changed();
  for (std::size_t array = 0; array < training.optimizer.state().front().size(); ++array)
    fill_matrices(checkpoint.tensors, optimizer_prefix(array), origin, training.network,
                  arrays_of<Matrix<T>>(training.optimizer, array));
}

template <class T>
void Checkpoints<T>::passed(const StepView& step) {
  if (step.number + 1 == training_.plan.total_steps()) return;
  if (training_.summary.interrupted || is_due()) save();
}

template <class T>
bool Checkpoints<T>::is_due() {
  const Cadence& cadence = training_.spec.record.checkpoint_every;
  if (cadence.kind != Cadence::Kind::minute) return training_.is_due(cadence, training_.summary.steps);
  const auto now = std::chrono::steady_clock::now();
  if (now - last_save_ < std::chrono::minutes(1)) return false;
  last_save_ = now;
  return true;
}

template <class T>
void Checkpoints<T>::save() {
  sink_.flush();
  Checkpoint checkpoint;
  checkpoint.step = training_.summary.steps;
  ArchiveWriter file(checkpoint.state);
  if (watch_ != nullptr) watch_->save_census(file);
  training_.archive(file);
  if (watch_ != nullptr) watch_->archive(file);
  const auto values = values_of<const Matrix<T>>(training_.network);
  // Room for all arrays at once: growing would hold them twice.
  std::size_t elements = 0;
  for (const Matrix<T>* matrix : values) elements += static_cast<std::size_t>(matrix->size());
  const std::size_t arrays = training_.optimizer.state().front().size();
  const std::size_t copies = 1 + (watch_ != nullptr ? 1 : 0) + arrays;
  checkpoint.tensors.data.reserve(elements * copies * sizeof(T) + checkpoint.state.size());
  const auto append = [&](const std::string& prefix, const std::vector<const Matrix<T>*>& matrices) {
    append_matrices(checkpoint.tensors, prefix, training_.network, matrices);
  };
  append("", values);
  append_buffers(checkpoint.tensors, "", training_.network);
  if (watch_ != nullptr) {
    append(kCensusPrefix, values_of<const Matrix<T>>(watch_->last_network()));
    append_buffers(checkpoint.tensors, kCensusPrefix, watch_->last_network());
  }
  for (std::size_t array = 0; array < arrays; ++array)
    append(optimizer_prefix(array), arrays_of<const Matrix<T>>(training_.optimizer, array));
  save_(std::move(checkpoint));
}

template void take_up(const Checkpoint&, Training<float>&, DeathWatch<float>*);
template void take_up(const Checkpoint&, Training<double>&, DeathWatch<double>*);
template class Checkpoints<float>;
template class Checkpoints<double>;

}  // namespace reluscope
