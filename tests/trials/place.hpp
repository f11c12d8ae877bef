#pragma once
// A small experiment, and a directory of its own for what a test of the trials writes.

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "trials/fleet.hpp"

namespace reluscope::test {

inline const char* const kConfig = R"({"name": "t", "seed": 3,
  "data": {"kind": "moons", "n_samples": 120, "noise": 0.1, "normalize": "standard"},
  "network": {"layers": [{"units": 8, "activation": "relu", "init": {"weights": "he_normal", "bias": 0}, "repeat": 2},
                         {"units": 2}]},
  "train": {"steps": 30, "batch_size": 16, "optimizer": {"name": "sgd", "lr": 0.1, "momentum": 0.9}}})";

inline ConfigSource source_of(const std::string& text) { return {text, "test", "."}; }

class Place {
 public:
  Place() : path(std::filesystem::temp_directory_path() / ("reluscope-trials-" + std::to_string(::getpid()))) {
    std::filesystem::create_directories(path);
  }
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;
  ~Place() { std::filesystem::remove_all(path); }
  std::filesystem::path path;
};

}  // namespace reluscope::test
