// dlib's side of the benchmark: plain training steps, on random data in memory.
//
//   dlib_step --net 784,256,256,10 --batch 128
//
// dlib's networks are types: there are those that scripts/bench.py asks for, and no others. Threads are the BLAS's, by
// OMP_NUM_THREADS: dlib's own loops have one.

#include <dlib/dnn.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <functional>
#include <map>
#include <random>
#include <string>
#include <vector>

namespace {

using Sample = dlib::matrix<float>;
using Input = dlib::input<Sample>;

template <int kUnits, class Below>
using Hidden = dlib::relu<dlib::fc<kUnits, Below>>;
template <int kChannels, class Below>
using Convolution = dlib::relu<dlib::con<kChannels, 3, 3, 1, 1, Below>>;
template <class Below>
using Pool = dlib::max_pool<2, 2, 2, 2, Below>;
template <class Below>
using Classifier = dlib::loss_multiclass_log<dlib::fc<10, Below>>;

using Narrow = Classifier<Hidden<256, Hidden<256, Input>>>;
using Wide = Classifier<Hidden<512, Hidden<512, Hidden<512, Hidden<512, Input>>>>>;
using SmallCnn =
    Classifier<dlib::avg_pool_everything<Convolution<64, Pool<Convolution<32, Pool<Convolution<16, Input>>>>>>>;

constexpr int kImages = 6000;
constexpr int kStretches = 7;

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

/// Takes shuffled batches and trains on them: SGD with momentum, as the other peers.
template <class Net>
class Training {
 public:
  explicit Training(std::size_t batch) : batch_(batch), solvers_(Net::num_computational_layers, dlib::sgd(0, 0.9F)) {
    std::mt19937 random(1);
    std::uniform_real_distribution<float> value;
    for (int image = 0; image < kImages; ++image) {
      Sample sample(28, 28);
      for (float& pixel : sample) pixel = value(random) < 0.2F ? value(random) : 0.0F;  // as sparse as MNIST
      samples_.push_back(sample);
      labels_.push_back(random() % 10);
    }
    for (std::size_t at = 0; at < samples_.size(); ++at) order_.push_back(at);
  }

  void step() {
    if (taken_ + batch_ > order_.size() || taken_ == 0) {
      std::shuffle(order_.begin(), order_.end(), shuffler_);
      taken_ = 0;
    }
    std::vector<Sample> samples;
    std::vector<unsigned long> labels;
    for (const std::size_t end = taken_ + batch_; taken_ < end; ++taken_) {
      samples.push_back(samples_[order_[taken_]]);
      labels.push_back(labels_[order_[taken_]]);
    }
    net_.to_tensor(samples.begin(), samples.end(), input_);
    net_.compute_parameter_gradients(input_, labels.begin());
    net_.update_parameters(dlib::make_sstack(solvers_), 0.01);
  }

 private:
  std::size_t batch_;
  Net net_;
  std::vector<dlib::sgd> solvers_;
  std::vector<Sample> samples_;
  std::vector<unsigned long> labels_;
  std::vector<std::size_t> order_;
  std::size_t taken_ = 0;
  std::mt19937 shuffler_{2};
  dlib::resizable_tensor input_;
};

/// Microseconds per step: the median over stretches that together last about so many seconds.
template <class Net>
double measure(std::size_t batch, double seconds) {
  Training<Net> training(batch);
  training.step();
  int steps = 0;
  const double start = now();
  do {
    training.step();
    ++steps;
  } while (now() - start < seconds / (kStretches + 1));
  std::vector<double> times;
  for (int stretch = 0; stretch < kStretches; ++stretch) {
    const double begin = now();
    for (int step = 0; step < steps; ++step) training.step();
    times.push_back((now() - begin) / steps);
  }
  std::sort(times.begin(), times.end());
  return 1e6 * times[times.size() / 2];
}

const std::map<std::string, std::function<double(std::size_t, double)>> kNets = {
    {"784,256,256,10", measure<Narrow>},
    {"784,512,512,512,512,10", measure<Wide>},
    {"small-cnn", measure<SmallCnn>},
};

}  // namespace

int main(int argc, char** argv) {
  std::string net = "784,256,256,10";
  std::size_t batch = 128;
  double seconds = 2.0;
  CLI::App app("Times dlib on what reluscope_bench times", "dlib_step");
  app.add_option("--net", net)->check(CLI::IsMember(kNets));
  app.add_option("--batch", batch, "Samples a step")->check(CLI::Range(1, kImages));
  app.add_option("--seconds", seconds, "Time to spend")->check(CLI::PositiveNumber);
  CLI11_PARSE(app, argc, argv);
  std::printf("{\"peer\":\"dlib\",\"net\":\"%s\",\"batch\":%zu,\"us_per_step\":%.3f}\n", net.c_str(), batch,
              kNets.at(net)(batch, seconds));
  return 0;
}
