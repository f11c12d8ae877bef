// Shards: which jobs they have, and how finished ones are joined.
#include <doctest/doctest.h>

#include "support/command.hpp"
#include "support/text.hpp"
#include "trials/merge.hpp"
#include "trials/shard.hpp"
#include "util/error.hpp"

using namespace reluscope;
using namespace reluscope::test;

namespace {

const std::string kShardHeader = "job,id,seed,status";

/// A directory with sweep.json, and the shards of a sweep of 10 runs in 3 parts.
void write_shards(const std::filesystem::path& directory, const std::string& jobs = "10") {
  write_file(directory / "sweep.json", R"({"sweep": "abc", "jobs": )" + jobs + R"(, "shard_format": 2})");
  for (int part = 0; part < 3; ++part) {
    std::string text = seal_header(kShardHeader, "abc");
    for (int job = part; job < 10; job += 3) text += seal_row(std::to_string(job) + ",id,0,done", "abc");
    write_file(directory / ("shard-" + std::to_string(part + 1) + "-of-3.csv"), text);
  }
}

std::string merged(const std::filesystem::path& directory) {
  std::string text;
  Shards({directory}).write([&](std::string_view piece) { text += piece; });
  return text;
}

std::string refusal(const std::filesystem::path& directory) {
  try {
    (void)merged(directory);
  } catch (const DataError& error) { return error.what(); }
  return "";
}

}  // namespace

TEST_CASE("shards: every job is in one of them, at its place") {
  CHECK_THROWS_AS(parse_shard("3/2"), UsageError);
  CHECK_THROWS_AS(parse_shard("0/2"), UsageError);
  CHECK_THROWS_AS(parse_shard("1"), UsageError);
  CHECK(parse_shard("2/8").count == 8);
  for (std::int64_t runs = 0; runs < 12; ++runs) {
    std::int64_t all = 0;
    for (std::int64_t index = 1; index <= 5; ++index) {
      const ShardOfJobs shard{index, 5};
      all += shard.size(runs);
      for (std::int64_t place = 0; place < shard.size(runs); ++place) {
        CHECK(shard.job(place) < runs);
        CHECK(shard.place(shard.job(place)) == place);
        CHECK_FALSE(ShardOfJobs{index % 5 + 1, 5}.place(shard.job(place)).has_value());
      }
    }
    CHECK(all == runs);
  }
}

TEST_CASE("shards are joined in the order of their runs, without their checksums") {
  const Workplace place;
  write_shards(place.path());
  std::string expected = kShardHeader + "\n";
  for (int job = 0; job < 10; ++job) expected += std::to_string(job) + ",id,0,done\n";
  CHECK(merged(place.path()) == expected);
}

TEST_CASE(
    "a shard with any row zeroed, cut, flipped, doubled or out of order is refused, with the line and the remedy") {
  const Workplace place;
  write_shards(place.path());
  const std::filesystem::path file = place.path() / "shard-2-of-3.csv";
  const std::string whole = read_file(file);
  std::vector<std::size_t> places = {0};
  for (std::size_t at = 0; at < whole.size(); ++at)
    if (whole[at] == '\n') places.push_back(at + 1);
  const auto refused = [&](const std::string& text, std::size_t line) {
    write_file(file, text);
    const std::string said = refusal(place.path());
    CAPTURE(said);
    CHECK(contains(said, "shard-2-of-3.csv, line " + std::to_string(line) + ":"));
    CHECK(contains(said, "rm '" + file.string() + "' && reluscope sweep SWEEP --shard 2/3 --out '"));
  };
  for (std::size_t line = 0; line + 1 < places.size(); ++line) {
    const std::size_t begin = places[line];
    const std::size_t end = places[line + 1];
    for (std::size_t at = begin; at < end; ++at) {
      std::string flipped = whole;
      flipped[at] = static_cast<char>(flipped[at] ^ 1);
      refused(flipped, line + 1);
      if (at > begin) refused(whole.substr(0, at), line + 1);
    }
    std::string zeroed = whole;
    std::fill(zeroed.begin() + static_cast<std::ptrdiff_t>(begin), zeroed.begin() + static_cast<std::ptrdiff_t>(end),
              '\0');
    refused(zeroed, line + 1);
    refused(whole.substr(0, end) + whole.substr(begin), line + 2);  // doubled
    if (line == 0) continue;
    // A row that is gone altogether is one that is missing.
    write_file(file, whole.substr(0, begin) + whole.substr(end));
    CHECK(contains(refusal(place.path()), "1 of 10 runs are missing (" + std::to_string(3 * line - 2) + ")"));
  }
  const std::string swapped = whole.substr(0, places[1]) + whole.substr(places[2], places[3] - places[2]) +
                              whole.substr(places[1], places[2] - places[1]) + whole.substr(places[3]);
  refused(swapped, 3);
}

TEST_CASE("a directory whose sweep.json cannot be right is refused at once, however many runs it speaks of") {
  const Workplace place;
  for (const char* jobs :
       {"9223372036854775807", "18446744073709551615", "10000001", "0", "-1", "1.5", "\"10\"", "null"}) {
    CAPTURE(jobs);
    write_shards(place.path(), jobs);
    CHECK(contains(refusal(place.path()), "jobs from 1 to 10000000"));
  }
  write_shards(place.path(), "10000000");
  CHECK(contains(refusal(place.path()), "9999990 of 10000000 runs are missing (10, 11, 12, 13, 14, …)"));
  write_shards(place.path(), "9");
  CHECK(contains(refusal(place.path()), "there is no run 9 among 9"));
  write_shards(place.path());
  write_file(place.path() / "sweep.json", R"({"sweep": "xyz", "jobs": 10, "shard_format": 2})");
  CHECK(contains(refusal(place.path()), "only shards of one sweep can be joined"));
  write_file(place.path() / "sweep.json", R"({"sweep": "abc", "jobs": 10, "version": "0.1.0"})");
  CHECK(contains(refusal(place.path()), "begun by another version (0.1.0"));
}
