// The corpora of the fuzz targets, whole, cut off at every byte, and with random damage: the part of fuzzing that any
// compiler can do. What fuzzing has found lies among them.

#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <random>

#include "fuzz/targets.hpp"
#include "support/command.hpp"

using namespace reluscope;
using namespace reluscope::fuzz;

namespace {

std::vector<std::filesystem::path> corpus_of(const Target& target) {
  std::vector<std::filesystem::path> files;
  const auto directory = std::filesystem::path(test::environment("RELUSCOPE_SOURCE_DIR")) / "tests/fuzz/corpus";
  for (const auto& entry : std::filesystem::directory_iterator(directory / target.name)) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  return files;
}

bool run(const Target& target, const std::string& text) {
  return target.run({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
}

/// Bytes changed, taken out, doubled.
std::string damaged(std::string text, std::mt19937_64& random) {
  const auto below = [&](std::size_t bound) { return static_cast<std::size_t>(random() % bound); };
  for (std::size_t change = below(4); change < 4 && !text.empty(); ++change) {
    const std::size_t place = below(text.size());
    switch (below(4)) {
      case 0:
        text[place] = static_cast<char>(below(256));
        break;
      case 1:
        text.erase(place, below(9));
        break;
      case 2:
        text.insert(place, text.substr(below(text.size()), below(30)));
        break;
      default:
        text.replace(place, std::min<std::size_t>(8, text.size() - place), "\xff\xff\xff\xff\xff\xff\xff\x7f");
    }
  }
  return text;
}

}  // namespace

TEST_CASE("seeds are what the readers take, and nothing in the corpora breaks them") {
  for (const Target& target : kTargets) {
    CAPTURE(target.name);
    const auto files = corpus_of(target);
    CHECK_FALSE(files.empty());
    for (const auto& file : files) {
      CAPTURE(file.string());
      const bool taken = run(target, test::read_file(file));
      if (file.filename().string().starts_with("seed-")) CHECK(taken);
    }
  }
}

TEST_CASE("cut off at every byte, and damaged, they do no harm") {
  std::mt19937_64 random(20261124);
  for (const Target& target : kTargets)
    for (const auto& file : corpus_of(target)) {
      const std::string whole = test::read_file(file);
      int taken = 0;
      for (std::size_t size = 0; size < whole.size(); ++size) taken += run(target, whole.substr(0, size)) ? 1 : 0;
      for (int round = 0; round < 100; ++round) taken += run(target, damaged(whole, random)) ? 1 : 0;
      CHECK(taken < static_cast<int>(whole.size()) + 100);
    }
}
