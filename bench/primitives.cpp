// The oneDNN primitives of a convolutional network's step and nothing else: the bound that a step is compared with.

#include "cases.hpp"

#ifdef RELUSCOPE_ONEDNN_CONVOLUTION
#include <cstdio>
#include <functional>
#include <oneapi/dnnl/dnnl.hpp>
#include <unordered_map>

#include "nn/conv2d.hpp"
#include "nn/node_table.hpp"
#include "nn/onednn.hpp"
#include "nn/pool.hpp"

namespace reluscope::bench {

namespace {

using dnnl::memory;
using Arguments = std::unordered_map<int, memory>;

dnnl_dim_t dim(Index size) { return static_cast<dnnl_dim_t>(size); }

/// Convolutions, pools and norms of a network, on the whole batch and in the layouts that oneDNN likes best. Dense
/// layers, activations and the sums of residual blocks are left out, and no parameter moves. Convolutions are direct:
/// what oneDNN chooses by itself (Winograd's) takes 1.7 times as long on small-cnn, and on residual-cnn about as long.
class Graph {
 public:
  Graph(const std::vector<LayerSpec>& layers, const Shape& sample, Index batch) : shape_(sample), batch_(batch) {
    at_ = allocate({dims(shape_), memory::data_type::f32, memory::format_tag::nchw});
    const Backward backward = add(layers);
    backward(allocate(at_.get_desc()));
  }

  void run() {
    for (const Call& call : calls_) call.primitive.execute(stream_, call.arguments);
    stream_.wait();
  }

 private:
  /// Adds the calls that go back through a layer, from ∂L/∂output to ∂L/∂input.
  using Backward = std::function<memory(const memory&)>;
  struct Call {
    dnnl::primitive primitive;
    Arguments arguments;
  };
  struct Sides {
    memory::dims strides, low, high, kernel;
    explicit Sides(const Window& window)
        : strides{dim(window.rows.stride), dim(window.columns.stride)},
          low{dim(window.rows.low), dim(window.columns.low)},
          high{dim(window.rows.high), dim(window.columns.high)},
          kernel{dim(window.rows.kernel), dim(window.columns.kernel)} {}
  };

  [[nodiscard]] memory::dims dims(const Shape& shape) const {
    return {dim(batch_), dim(shape.channels), dim(shape.height), dim(shape.width)};
  }
  static memory::desc any(const memory::dims& dims) { return {dims, memory::data_type::f32, memory::format_tag::any}; }
  static memory::desc vector(Index size) { return {{dim(size)}, memory::data_type::f32, memory::format_tag::x}; }

  /// Memory with small numbers of both signs in it: none becomes infinite or subnormal on the way.
  [[nodiscard]] memory allocate(const memory::desc& description) const {
    memory made(description, engine_);
    auto* const values = static_cast<float*>(made.get_data_handle());
    // The rest of a byte count that is no multiple of 4 belongs to none of the values: workspaces are bytes.
    const auto count = static_cast<Index>(description.get_size() / sizeof(float));
    Eigen::Map<Vector<float>>(values, count) = 0.1F * Vector<float>::Random(count);
    return made;
  }

  void call(const dnnl::primitive& primitive, Arguments arguments) {
    calls_.push_back({primitive, std::move(arguments)});
  }

  /// `from` itself, or a copy that is made anew at each step.
  memory as(const memory& from, const memory::desc& wanted) {
    if (from.get_desc() == wanted) return from;
    memory to = allocate(wanted);
    call(dnnl::reorder(from, to), {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}});
    return to;
  }

  Backward add(const std::vector<LayerSpec>& layers) {
    std::vector<Backward> each;
    for (const LayerSpec& layer : layers) {
      each.push_back(add(layer));
      for (const LayerSpec& norm : layer.norm) each.push_back(add(norm));
    }
    return [each](memory delta) {
      for (auto one = each.rbegin(); one != each.rend(); ++one) delta = (*one)(delta);
      return delta;
    };
  }

  Backward add(const LayerSpec& layer) {
    const std::string& type = layer.type.name;
    if (type == "residual") return add_residual(layer);
    if (type == "conv2d") return add_convolution(layer);
    if (type == "batch_norm") return add_norm(layer);
    if (type == "max_pool") return add_pool(pool_window(layer, shape_), dnnl::algorithm::pooling_max);
    if (type == "avg_pool") return add_pool(pool_window(layer, shape_), dnnl::algorithm::pooling_avg);
    if (type == "global_avg_pool") {
      Window whole(shape_, shape_.height, 1, 0, 0);
      whole.columns.kernel = shape_.width;
      return add_pool(whole, dnnl::algorithm::pooling_avg);
    }
    return [](const memory& delta) { return delta; };
  }

  Backward add_residual(const LayerSpec& layer) {
    const memory input = at_;
    const Shape shape = shape_;
    const Backward shortcut = add(layer.shortcut);
    at_ = input;
    shape_ = shape;
    const Backward body = add(layer.body);
    return [shortcut, body](const memory& delta) {
      shortcut(delta);
      return body(delta);
    };
  }

  Backward add_convolution(const LayerSpec& layer) {
    const Window window = Conv2d<float>::window_of(layer, shape_);
    const Sides sides(window);
    const Shape output = entry_of(layer).output_shape(layer, shape_);
    const memory::desc source = any(dims(shape_));
    const memory::desc target = any(dims(output));
    const memory::desc kernel =
        any({dim(output.channels), dim(shape_.channels), dim(window.rows.kernel), dim(window.columns.kernel)});
    const memory::desc bias = vector(output.channels);
    const dnnl::convolution_forward::primitive_desc forward(
        {dnnl::prop_kind::forward_training, dnnl::algorithm::convolution_direct, source, kernel, bias, target,
         sides.strides, sides.low, sides.high},
        engine_);
    const memory input = as(at_, forward.src_desc());
    const memory weights = allocate(forward.weights_desc());
    at_ = allocate(forward.dst_desc());
    call(dnnl::convolution_forward(forward),
         {{DNNL_ARG_SRC, input}, {DNNL_ARG_WEIGHTS, weights}, {DNNL_ARG_BIAS, allocate(bias)}, {DNNL_ARG_DST, at_}});
    const bool is_first = is_first_;
    is_first_ = false;
    shape_ = output;
    return [=, this](const memory& delta) {
      const dnnl::convolution_backward_weights::primitive_desc of_weights(
          {dnnl::algorithm::convolution_direct, source, kernel, bias, target, sides.strides, sides.low, sides.high},
          engine_, forward);
      const memory gradient = allocate(of_weights.diff_weights_desc());
      call(dnnl::convolution_backward_weights(of_weights), {{DNNL_ARG_SRC, as(input, of_weights.src_desc())},
                                                            {DNNL_ARG_DIFF_DST, as(delta, of_weights.diff_dst_desc())},
                                                            {DNNL_ARG_DIFF_WEIGHTS, gradient},
                                                            {DNNL_ARG_DIFF_BIAS, allocate(bias)}});
      as(gradient, weights.get_desc());
      if (is_first) return memory();
      const dnnl::convolution_backward_data::primitive_desc of_data(
          {dnnl::algorithm::convolution_direct, source, kernel, target, sides.strides, sides.low, sides.high}, engine_,
          forward);
      memory back = allocate(of_data.diff_src_desc());
      call(dnnl::convolution_backward_data(of_data), {{DNNL_ARG_DIFF_DST, as(delta, of_data.diff_dst_desc())},
                                                      {DNNL_ARG_WEIGHTS, as(weights, of_data.weights_desc())},
                                                      {DNNL_ARG_DIFF_SRC, back}});
      return back;
    };
  }

  Backward add_pool(const Window& window, dnnl::algorithm algorithm) {
    const Sides sides(window);
    const memory input = at_;
    shape_ = Shape(shape_.channels, window.rows.places(), window.columns.places());
    const dnnl::pooling_forward::primitive_desc forward(
        {dnnl::prop_kind::forward_training, algorithm, input.get_desc(), any(dims(shape_)), sides.strides, sides.kernel,
         sides.low, sides.high},
        engine_);
    at_ = allocate(forward.dst_desc());
    Arguments arguments = {{DNNL_ARG_SRC, input}, {DNNL_ARG_DST, at_}};
    const bool keeps_places = algorithm == dnnl::algorithm::pooling_max;
    const memory places = keeps_places ? allocate(forward.workspace_desc()) : memory();
    if (keeps_places) arguments[DNNL_ARG_WORKSPACE] = places;
    call(dnnl::pooling_forward(forward), arguments);
    return [=, this, output = at_.get_desc()](const memory& delta) {
      const dnnl::pooling_backward::primitive_desc backward(
          {algorithm, input.get_desc(), output, sides.strides, sides.kernel, sides.low, sides.high}, engine_, forward);
      memory back = allocate(backward.diff_src_desc());
      Arguments backwards = {{DNNL_ARG_DIFF_DST, as(delta, output)}, {DNNL_ARG_DIFF_SRC, back}};
      if (keeps_places) backwards[DNNL_ARG_WORKSPACE] = places;
      call(dnnl::pooling_backward(backward), backwards);
      return back;
    };
  }

  Backward add_norm(const LayerSpec& layer) {
    const memory input = at_;
    const memory::desc same = input.get_desc();
    const auto epsilon = static_cast<float>(layer.type.params.number("eps"));
    constexpr auto kFlags = dnnl::normalization_flags::use_scale_shift;
    const dnnl::batch_normalization_forward::primitive_desc forward(
        {dnnl::prop_kind::forward_training, same, epsilon, kFlags}, engine_);
    const memory scale_shift = allocate(forward.weights_desc());
    const memory mean = allocate(forward.mean_desc());
    const memory variance = allocate(forward.variance_desc());
    at_ = allocate(same);
    call(dnnl::batch_normalization_forward(forward), {{DNNL_ARG_SRC, input},
                                                      {DNNL_ARG_SCALE_SHIFT, scale_shift},
                                                      {DNNL_ARG_MEAN, mean},
                                                      {DNNL_ARG_VARIANCE, variance},
                                                      {DNNL_ARG_DST, at_}});
    return [=, this](const memory& delta) {
      const dnnl::batch_normalization_backward::primitive_desc backward(
          {dnnl::prop_kind::backward, same, same, epsilon, kFlags}, engine_, forward);
      memory back = allocate(same);
      call(dnnl::batch_normalization_backward(backward),
           {{DNNL_ARG_SRC, input},
            {DNNL_ARG_MEAN, mean},
            {DNNL_ARG_VARIANCE, variance},
            {DNNL_ARG_DIFF_DST, as(delta, same)},
            {DNNL_ARG_SCALE_SHIFT, scale_shift},
            {DNNL_ARG_DIFF_SRC, back},
            {DNNL_ARG_DIFF_SCALE_SHIFT, allocate(backward.diff_weights_desc())}});
      return back;
    };
  }

  dnnl::engine engine_{dnnl::engine::kind::cpu, 0};
  dnnl::stream stream_{engine_};
  Shape shape_;  ///< where building has got to, and what is there
  memory at_;
  Index batch_;
  bool is_first_ = true;
  std::vector<Call> calls_;
};

}  // namespace

void measure_primitives(const Options& options) {
  // Before the first one is made: what it works with is cut for so many threads.
  reinterpret_cast<void (*)(int)>(onednn_symbol("omp_set_num_threads"))(options.threads);
  const ExperimentSpec spec = make_experiment(options, 1, 1);
  Graph graph(spec.network.layers, spec.data.shape.value_or(Shape(1, 28, 28)), options.batch);
  const auto times = time_calls([&] { graph.run(); }, options.seconds);
  std::printf(
      "{\"what\":\"primitives\",\"backend\":\"onednn\",\"net\":\"%s\",\"batch\":%td,\"threads\":%d,"
      "\"us_per_step\":%.3f}\n",
      net_text(options).c_str(), options.batch, options.threads, 1e6 * median(times));
}

}  // namespace reluscope::bench
#else
namespace reluscope::bench {

void measure_primitives(const Options& /*options*/) {}

}  // namespace reluscope::bench
#endif
