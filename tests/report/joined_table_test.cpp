#include "report/joined_table.hpp"

#include <doctest/doctest.h>

#include "support/command.hpp"
#include "util/error.hpp"

using namespace reluscope;
using namespace reluscope::test;

namespace {

/// A run of which one table is there, and which somebody is still writing.
struct OneRun {
  Workplace place;
  std::filesystem::path file = place.path() / "steps.csv";
  std::vector<std::string> runs = {place.path().string()};
  std::string name = std::filesystem::weakly_canonical(place.path()).filename().string();

  explicit OneRun(const std::string& text) { write_file(file, text); }
  [[nodiscard]] JoinedTable table() const { return {runs, "steps"}; }
};

std::string written(const JoinedTable& table) {
  std::string text;
  table.write([&text](std::string_view piece) { text += piece; });
  return text;
}

}  // namespace

TEST_CASE("rows that a run gets while its table is read are left out") {
  const OneRun run("step,loss,late\n0,1,\n1,2");
  const JoinedTable table = run.table();
  write_file(run.file, "step,loss,late\n0,1,\n1,2,3\n");
  CHECK(written(table) == "run,step,loss\n" + run.name + ",0,1\n");
  CHECK(written(run.table()) == "run,step,loss,late\n" + run.name + ",0,1,\n" + run.name + ",1,2,3\n");
}

TEST_CASE("a table that is replaced while it is read is refused") {
  const OneRun run("step,loss,late\n0,1,\n1,2,\n");
  for (const char* text : {"step,loss,late\n0,1,\n", "step,loss,late\n0,1,5\n1,2,\n", "step,late,loss\n0,1,\n1,2,\n",
                           "step,loss\n0,1\n1,2\n", "step,loss,late\n0,1\n1,2\n"}) {
    write_file(run.file, "step,loss,late\n0,1,\n1,2,\n");
    const JoinedTable table = run.table();
    write_file(run.file, text);
    CAPTURE(text);
    CHECK_THROWS_AS(written(table), DataError);
  }
}
