#ifdef RELUSCOPE_ONEDNN_CONVOLUTION
#include "nn/onednn_convolution.hpp"

#include <dnnl.h>

#include <array>
#include <atomic>
#include <cstdlib>
#include <map>
#include <mutex>
#include <new>
#include <vector>

#include "nn/onednn.hpp"

namespace reluscope {

namespace {

/// What is called in the library.
struct Calls {
#define RELUSCOPE_CALL(name) \
  decltype(&dnnl_##name) name = reinterpret_cast<decltype(&dnnl_##name)>(onednn_symbol("dnnl_" #name))
  RELUSCOPE_CALL(engine_create);
  RELUSCOPE_CALL(stream_create);
  RELUSCOPE_CALL(stream_destroy);
  RELUSCOPE_CALL(memory_desc_init_by_tag);
  RELUSCOPE_CALL(memory_desc_init_by_strides);
  RELUSCOPE_CALL(memory_desc_get_size);
  RELUSCOPE_CALL(memory_create);
  RELUSCOPE_CALL(memory_destroy);
  RELUSCOPE_CALL(memory_set_data_handle);
  RELUSCOPE_CALL(primitive_attr_create);
  RELUSCOPE_CALL(primitive_attr_destroy);
  RELUSCOPE_CALL(primitive_attr_set_scratchpad_mode);
  RELUSCOPE_CALL(convolution_forward_desc_init);
  RELUSCOPE_CALL(convolution_backward_data_desc_init);
  RELUSCOPE_CALL(convolution_backward_weights_desc_init);
  RELUSCOPE_CALL(reorder_primitive_desc_create);
  RELUSCOPE_CALL(primitive_desc_create);
  RELUSCOPE_CALL(primitive_desc_destroy);
  RELUSCOPE_CALL(primitive_desc_query_md);
  RELUSCOPE_CALL(primitive_create);
  RELUSCOPE_CALL(primitive_destroy);
  RELUSCOPE_CALL(primitive_execute);
#undef RELUSCOPE_CALL
};

const Calls& calls() {
  static const Calls found;
  return found;
}

/// All that is asked of it is possible: what it cannot do, it has no memory for.
void require(dnnl_status_t status) {
  if (status != dnnl_success) throw std::bad_alloc();
}

struct Destroy {
  void operator()(dnnl_stream_t one) const { calls().stream_destroy(one); }
  void operator()(dnnl_memory_t one) const { calls().memory_destroy(one); }
  void operator()(dnnl_primitive_attr_t one) const { calls().primitive_attr_destroy(one); }
  void operator()(dnnl_primitive_desc_t one) const { calls().primitive_desc_destroy(one); }
  void operator()(dnnl_primitive_t one) const { calls().primitive_destroy(one); }
};
template <class Handle>
using Owned = std::unique_ptr<std::remove_pointer_t<Handle>, Destroy>;

/// Calls create(handle) and takes what it leaves there.
template <class Handle, class Create>
Owned<Handle> own(Create create) {
  Handle handle = nullptr;
  require(create(&handle));
  return Owned<Handle>(handle);
}

dnnl_engine_t engine() {
  static const dnnl_engine_t made = [] {
    dnnl_engine_t one = nullptr;
    require(calls().engine_create(&one, dnnl_cpu, 0));
    return one;
  }();
  return made;
}

dnnl_stream_t stream() {
  thread_local const Owned<dnnl_stream_t> mine = own<dnnl_stream_t>(
      [](dnnl_stream_t* one) { return calls().stream_create(one, engine(), dnnl_stream_default_flags); });
  return mine.get();
}

struct Argument {
  int index = 0;
  dnnl_memory_desc_t memory;
};

/// A compiled kernel. Several threads may run it at once: what it scribbles on is the caller's.
struct Primitive {
  Owned<dnnl_primitive_t> primitive;
  std::vector<Argument> arguments;  ///< the scratchpad is the last
};

Primitive compile(const Owned<dnnl_primitive_desc_t>& description,
                  const std::vector<std::pair<int, dnnl_query_t>>& arguments) {
  Primitive made;
  made.primitive =
      own<dnnl_primitive_t>([&](dnnl_primitive_t* one) { return calls().primitive_create(one, description.get()); });
  for (const auto& [index, query] : arguments)
    made.arguments.push_back({index, *calls().primitive_desc_query_md(description.get(), query, 0)});
  made.arguments.push_back(
      {DNNL_ARG_SCRATCHPAD, *calls().primitive_desc_query_md(description.get(), dnnl_query_scratchpad_md, 0)});
  return made;
}

/// The default would be memory of the library's own, sized by the thread that compiles.
Owned<dnnl_primitive_attr_t> with_own_scratchpad() {
  auto made = own<dnnl_primitive_attr_t>([](dnnl_primitive_attr_t* one) { return calls().primitive_attr_create(one); });
  require(calls().primitive_attr_set_scratchpad_mode(made.get(), dnnl_scratchpad_mode_user));
  return made;
}

/// Room for an array in an order of oneDNN's own, on whole cache lines.
class Buffer {
 public:
  Buffer() = default;
  explicit Buffer(const dnnl_memory_desc_t& memory) {
    constexpr std::size_t kLine = 64;
    const std::size_t bytes = (calls().memory_desc_get_size(&memory) + kLine - 1) / kLine * kLine;
    values_.reset(static_cast<float*>(std::aligned_alloc(kLine, bytes)));
    if (values_ == nullptr) throw std::bad_alloc();
  }
  [[nodiscard]] float* data() const { return values_.get(); }

 private:
  struct Free {
    void operator()(float* values) const { std::free(values); }
  };
  std::unique_ptr<float, Free> values_;
};

/// A primitive with the memory that one thread runs it on.
class Run {
 public:
  explicit Run(const Primitive& primitive) : primitive_(primitive.primitive.get()) {
    for (const Argument& one : primitive.arguments) {
      void* const where = one.index == DNNL_ARG_SCRATCHPAD ? DNNL_MEMORY_ALLOCATE : DNNL_MEMORY_NONE;
      memories_.push_back(own<dnnl_memory_t>(
          [&](dnnl_memory_t* memory) { return calls().memory_create(memory, &one.memory, engine(), where); }));
      arguments_.push_back({one.index, memories_.back().get()});
    }
  }

  /// In the order of the primitive's arguments. What it reads it leaves as it is.
  void operator()(std::initializer_list<const float*> data) {
    std::size_t at = 0;
    for (const float* one : data)
      require(calls().memory_set_data_handle(memories_[at++].get(), const_cast<float*>(one)));
    require(calls().primitive_execute(primitive_, stream(), static_cast<int>(arguments_.size()), arguments_.data()));
  }

 private:
  const_dnnl_primitive_t primitive_;
  std::vector<Owned<dnnl_memory_t>> memories_;
  std::vector<dnnl_exec_arg_t> arguments_;
};

Primitive reorder(const dnnl_memory_desc_t& from, const dnnl_memory_desc_t& to) {
  const auto attributes = with_own_scratchpad();
  const auto description = own<dnnl_primitive_desc_t>([&](dnnl_primitive_desc_t* one) {
    return calls().reorder_primitive_desc_create(one, &from, engine(), &to, engine(), attributes.get());
  });
  return compile(description, {{DNNL_ARG_FROM, dnnl_query_src_md}, {DNNL_ARG_TO, dnnl_query_dst_md}});
}

/// W in the order that a kernel reads, made again when it has changed.
class PackedWeights {
 public:
  void changed() { is_fresh_ = false; }
  /// Whoever comes first packs, the others wait.
  const float* of(const Matrix<float>& weights, const dnnl_memory_desc_t& plain, const dnnl_memory_desc_t& packed) {
    if (is_fresh_.load(std::memory_order_acquire)) return values_.data();
    const std::lock_guard lock(mutex_);
    if (is_fresh_.load(std::memory_order_relaxed)) return values_.data();
    if (run_ == nullptr) {
      values_ = Buffer(packed);
      primitive_ = reorder(plain, packed);
      run_ = std::make_unique<Run>(primitive_);
    }
    (*run_)({weights.data(), values_.data()});
    is_fresh_.store(true, std::memory_order_release);
    return values_.data();
  }

 private:
  std::atomic<bool> is_fresh_ = false;
  std::mutex mutex_;
  Primitive primitive_;
  std::unique_ptr<Run> run_;
  Buffer values_;
};

/// What a convolution is to oneDNN, for so many samples.
struct Description {
  dnnl_memory_desc_t samples;
  dnnl_memory_desc_t weights;  ///< in the order that the kernel prefers
  dnnl_memory_desc_t plain;    ///< in Eigen's
  dnnl_memory_desc_t z;
  dnnl_dims_t strides;
  dnnl_dims_t low;
  dnnl_dims_t high;

  Description(const Window& window, Index units, Index count) {
    const auto size = [](Index one) { return static_cast<dnnl_dim_t>(one); };
    const dnnl_dims_t input = {size(count), size(window.channels), size(window.rows.input), size(window.columns.input)};
    const dnnl_dims_t output = {size(count), size(units), size(window.rows.places()), size(window.columns.places())};
    const dnnl_dims_t kernel = {size(units), size(window.channels), size(window.rows.kernel),
                                size(window.columns.kernel)};
    const dnnl_dims_t column_major = {1, size(units * window.size()), size(units * window.columns.kernel), size(units)};
    require(calls().memory_desc_init_by_tag(&samples, 4, input, dnnl_f32, dnnl_nhwc));
    require(calls().memory_desc_init_by_tag(&z, 4, output, dnnl_f32, dnnl_nhwc));
    require(calls().memory_desc_init_by_tag(&weights, 4, kernel, dnnl_f32, dnnl_format_tag_any));
    require(calls().memory_desc_init_by_strides(&plain, 4, kernel, dnnl_f32, column_major));
    const std::array<WindowSide, 2> sides = {window.rows, window.columns};
    for (std::size_t side = 0; side < 2; ++side) {
      strides[side] = size(sides[side].stride);
      low[side] = size(sides[side].low);
      high[side] = size(sides[side].high);
    }
  }

  [[nodiscard]] Owned<dnnl_primitive_desc_t> create(const dnnl_convolution_desc_t& operation,
                                                    const_dnnl_primitive_desc_t hint) const {
    const auto attributes = with_own_scratchpad();
    return own<dnnl_primitive_desc_t>([&](dnnl_primitive_desc_t* one) {
      return calls().primitive_desc_create(one, &operation, attributes.get(), engine(), hint);
    });
  }
  [[nodiscard]] Owned<dnnl_primitive_desc_t> forward_description() const {
    dnnl_convolution_desc_t operation;
    require(calls().convolution_forward_desc_init(&operation, dnnl_forward_training, dnnl_convolution_direct, &samples,
                                                  &weights, nullptr, &z, strides, low, high));
    return create(operation, nullptr);
  }
  [[nodiscard]] Primitive forward() const {
    return compile(forward_description(), {{DNNL_ARG_SRC, dnnl_query_src_md},
                                           {DNNL_ARG_WEIGHTS, dnnl_query_weights_md},
                                           {DNNL_ARG_DST, dnnl_query_dst_md}});
  }
  [[nodiscard]] Primitive backward_data() const {
    dnnl_convolution_desc_t operation;
    require(calls().convolution_backward_data_desc_init(&operation, dnnl_convolution_direct, &samples, &weights, &z,
                                                        strides, low, high));
    return compile(create(operation, forward_description().get()), {{DNNL_ARG_DIFF_DST, dnnl_query_diff_dst_md},
                                                                    {DNNL_ARG_WEIGHTS, dnnl_query_weights_md},
                                                                    {DNNL_ARG_DIFF_SRC, dnnl_query_diff_src_md}});
  }
  [[nodiscard]] Primitive backward_weights() const {
    dnnl_convolution_desc_t operation;
    require(calls().convolution_backward_weights_desc_init(&operation, dnnl_convolution_direct, &samples, &weights,
                                                           nullptr, &z, strides, low, high));
    return compile(create(operation, forward_description().get()),
                   {{DNNL_ARG_SRC, dnnl_query_src_md},
                    {DNNL_ARG_DIFF_DST, dnnl_query_diff_dst_md},
                    {DNNL_ARG_DIFF_WEIGHTS, dnnl_query_diff_weights_md}});
  }
};

/// ∂L/∂W of so many samples, and W's own order from the kernel's.
struct WeightGradient {
  Primitive sum;
  Primitive unpack;
  explicit WeightGradient(const Description& description)
      : sum(description.backward_weights()), unpack(reorder(sum.arguments[2].memory, description.plain)) {}
};

/// A shard's own memory for the kernels that it has run.
struct Room final : ConvolutionRoom {
  struct Gradient {
    Run sum;
    Run unpack;
    Buffer packed;
    explicit Gradient(const WeightGradient& from)
        : sum(from.sum), unpack(from.unpack), packed(from.sum.arguments[2].memory) {}
  };
  std::unique_ptr<Run> forward;
  std::unique_ptr<Run> backward_data;
  std::map<Index, Gradient> gradients;  ///< by samples
};

class OneDnnConvolution final : public Convolution<float> {
 public:
  OneDnnConvolution(const Window& window, Index units) : window_(window), units_(units) {}
  [[nodiscard]] std::unique_ptr<Convolution<float>> clone() const override {
    return std::make_unique<OneDnnConvolution>(window_, units_);
  }
  void weights_changed() override {
    forward_weights_.changed();
    backward_weights_.changed();
  }
  void prepare(ShardRoom<float>& room) const override { room.convolution = std::make_unique<Room>(); }

  void forward(const Matrix<float>& weights, const float* samples, Index count, float* z,
               ShardRoom<float>& room) const override {
    onednn_on_one_thread();
    std::call_once(has_forward_, [&] { forward_ = one_sample().forward(); });
    const float* packed = forward_weights_.of(weights, one_sample().plain, forward_.arguments[1].memory);
    auto& mine = static_cast<Room&>(*room.convolution);
    if (mine.forward == nullptr) mine.forward = std::make_unique<Run>(forward_);
    for (Index sample = 0; sample < count; ++sample)
      (*mine.forward)({samples + sample * input_size(), packed, z + sample * output_size()});
  }

  void backward(const Matrix<float>& weights, const float* samples, const float* deltas, Index count, float* back,
                ShardRoom<float>& room) const override {
    onednn_on_one_thread();
    auto& mine = static_cast<Room&>(*room.convolution);
    auto gradient = mine.gradients.find(count);
    if (gradient == mine.gradients.end()) gradient = mine.gradients.try_emplace(count, gradient_of(count)).first;
    room.weight_sum.resize(units_, window_.channels * window_.size());
    gradient->second.sum({samples, deltas, gradient->second.packed.data()});
    gradient->second.unpack({gradient->second.packed.data(), room.weight_sum.data()});
    if (back == nullptr) return;
    std::call_once(has_backward_, [&] { backward_data_ = one_sample().backward_data(); });
    const float* packed = backward_weights_.of(weights, one_sample().plain, backward_data_.arguments[1].memory);
    if (mine.backward_data == nullptr) mine.backward_data = std::make_unique<Run>(backward_data_);
    for (Index sample = 0; sample < count; ++sample)
      (*mine.backward_data)({deltas + sample * output_size(), packed, back + sample * input_size()});
  }

 private:
  [[nodiscard]] Index input_size() const { return window_.channels * window_.input_positions(); }
  [[nodiscard]] Index output_size() const { return units_ * window_.places(); }
  [[nodiscard]] Description one_sample() const { return {window_, units_, 1}; }
  const WeightGradient& gradient_of(Index count) const {
    const std::lock_guard lock(mutex_);
    const auto found = gradients_.find(count);
    if (found != gradients_.end()) return found->second;
    return gradients_.try_emplace(count, Description(window_, units_, count)).first->second;
  }

  Window window_;
  Index units_;
  // Compiled by who first needs them: most networks that are drawn never go back, many never forward.
  mutable std::once_flag has_forward_;
  mutable std::once_flag has_backward_;
  mutable Primitive forward_;
  mutable Primitive backward_data_;
  mutable PackedWeights forward_weights_;
  mutable PackedWeights backward_weights_;
  mutable std::mutex mutex_;
  mutable std::map<Index, WeightGradient> gradients_;  ///< by samples
};

}  // namespace

bool has_onednn_convolution() { return onednn().instruction_set.starts_with("avx512"); }

bool can_trust_onednn(const Window& window) {
  return window.size() > 1 || (window.rows.stride == 1 && window.columns.stride == 1);
}

std::unique_ptr<Convolution<float>> make_onednn_convolution(const Window& window, Index units) {
  return std::make_unique<OneDnnConvolution>(window, units);
}

}  // namespace reluscope
#endif
