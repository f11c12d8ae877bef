// Sealed rows and the journals that are made of them: whatever happens to a row, it is noticed.
#include <doctest/doctest.h>

#include <algorithm>
#include <limits>
#include <map>

#include "support/command.hpp"
#include "trials/journal.hpp"
#include "trials/results.hpp"
#include "util/error.hpp"

using namespace reluscope;
using namespace reluscope::test;

namespace {

const std::string kColumns = "job,id,lr,seed,status";
const std::string kOwner = "0123456789abcdef";

/// What a journal has, by job; `damage` says what it has lost.
std::map<std::int64_t, std::string> rows_in(const std::filesystem::path& path, std::string* damage = nullptr,
                                            const std::string& owner = kOwner) {
  std::map<std::int64_t, std::string> rows;
  const Journal journal(path, kColumns, owner, [&](std::int64_t job, std::string_view row, std::uint64_t) {
    return rows.emplace(job, row).second;
  });
  if (damage != nullptr) *damage = journal.damage();
  return rows;
}

std::string row_of(int job) { return std::to_string(job) + ",ab,0.1,3,done"; }

/// A journal of rows 0 … 4, and the places at which its lines begin, and the last one ends.
std::vector<std::size_t> write_five(const std::filesystem::path& path) {
  std::filesystem::remove(path);
  {
    Journal journal(path, kColumns, kOwner, [](std::int64_t, std::string_view, std::uint64_t) { return true; });
    for (int job = 0; job < 5; ++job) journal.append(row_of(job));
  }
  const std::string text = read_file(path);
  std::vector<std::size_t> places = {0};
  for (std::size_t at = 0; at < text.size(); ++at)
    if (text[at] == '\n') places.push_back(at + 1);
  return places;
}

}  // namespace

TEST_CASE("a journal has what was appended, at the places that it said") {
  const Workplace place;
  const auto path = place.path() / "x.part.csv";
  CHECK(rows_in(path).empty());
  {
    Journal journal(path, kColumns, kOwner, [](std::int64_t, std::string_view, std::uint64_t) { return true; });
    const std::uint64_t first = journal.append(row_of(0));
    const std::uint64_t second = journal.append(row_of(1));
    CHECK(journal.row_at(second) == row_of(1));
    CHECK(journal.row_at(first) == row_of(0));
    CHECK_THROWS_AS(journal.row_at(first + 1), IoError);
    CHECK_THROWS_AS(rows_in(path), JournalInUse);
  }
  std::string damage;
  const auto rows = rows_in(path, &damage);
  CHECK(rows.size() == 2);
  CHECK(rows.at(1) == row_of(1));
  CHECK(damage.empty());
}

TEST_CASE("a journal drops what follows the first damage: any byte changed, any row zeroed, cut, left out or doubled") {
  const Workplace place;
  const auto path = place.path() / "x.part.csv";
  const std::vector<std::size_t> places = write_five(path);
  const std::string whole = read_file(path);
  const auto lost_from = [&](const std::string& text, std::size_t row) {
    write_file(path, text);
    std::string damage;
    const auto rows = rows_in(path, &damage);
    CHECK(rows.size() == row);
    CHECK_FALSE(damage.empty());
    // What was dropped is gone: the next one goes on after the last good row.
    CHECK(read_file(path) == whole.substr(0, places[row + 1]));
  };
  for (std::size_t row = 0; row < 5; ++row) {
    const std::size_t begin = places[row + 1];
    const std::size_t end = places[row + 2];
    CAPTURE(row);
    for (std::size_t at = begin; at < end; ++at) {
      std::string flipped = whole;
      flipped[at] = static_cast<char>(flipped[at] ^ 1);
      lost_from(flipped, row);
      // A line break in the middle makes two lines of it.
      flipped[at] = whole[at] == '\n' ? ' ' : '\n';
      lost_from(flipped, row);
      if (at > begin) lost_from(whole.substr(0, at), row);
      if (at > begin) lost_from(whole.substr(0, at) + whole.substr(end), row);
    }
    std::string zeroed = whole;
    std::fill(zeroed.begin() + static_cast<std::ptrdiff_t>(begin), zeroed.begin() + static_cast<std::ptrdiff_t>(end),
              '\0');
    lost_from(zeroed, row);
    // Doubled: the second of the two is what is wrong.
    lost_from(whole.substr(0, end) + whole.substr(begin), row + 1);
  }
}

TEST_CASE("a journal of something else is refused, unless it is empty") {
  const Workplace place;
  const auto path = place.path() / "x.part.csv";
  write_five(path);
  const std::string whole = read_file(path);
  CHECK_THROWS_AS(rows_in(path, nullptr, "another"), IoError);
  CHECK(read_file(path) == whole);
  write_file(path, seal_header(kColumns, "another"));
  CHECK(rows_in(path).empty());
  CHECK(read_file(path) == seal_header(kColumns, kOwner));
  // What is no journal stays as it is: those of 0.1.0, and whatever has the name.
  for (const std::string& text : {kColumns + "\n" + row_of(0) + "\n", std::string("a,b\n1,2\n"), "x" + whole}) {
    write_file(path, text);
    CHECK_THROWS_AS(rows_in(path), IoError);
    CHECK(read_file(path) == text);
  }
  // A link could lead anywhere.
  std::filesystem::rename(path, place.path() / "target");
  std::filesystem::create_symlink("target", path);
  CHECK_THROWS_AS(rows_in(path), IoError);
  // What a power cut leaves of a first line is begun anew.
  std::filesystem::remove(path);
  for (const std::string& text : {std::string(), std::string(5000, '\0'), kColumns.substr(0, 7)}) {
    write_file(path, text);
    CHECK(rows_in(path).empty());
    CHECK(read_file(path) == seal_header(kColumns, kOwner));
  }
}

TEST_CASE("lines are read whole however small the pieces are, from any place") {
  const Workplace place;
  const auto path = place.path() / "lines";
  write_file(path, "one\n\nthree and more\nfour");
  LineReader lines(path, 3);
  CHECK(lines.next() == "one\n");
  CHECK(lines.next() == "\n");
  CHECK(lines.place() == 5);
  CHECK(lines.next() == "three and more\n");
  CHECK(lines.next() == "four");
  CHECK(lines.next().empty());
  lines.seek(4);
  CHECK(lines.next() == "\n");
  lines.seek(0);
  CHECK(lines.next() == "one\n");
}

TEST_CASE("the journal of a file lies beside it") {
  CHECK(journal_path("a/results.csv") == "a/results.part.csv");
  CHECK(journal_path("compare") == "compare.part");
}

TEST_CASE("figures come back from their row as they were, whatever is in its cells") {
  TrialRecord record;
  record.status = "failed";
  record.failure = R"(a "quoted", reason)";
  record.steps = 7;
  record.first_loss = 0.1;
  record.last_loss = std::numeric_limits<double>::quiet_NaN();
  record.grad_norm_growth = std::numeric_limits<double>::infinity();
  record.collapsed = true;
  Job job;
  job.number = 3;
  job.id = "ab";
  job.settings = {"one\ntwo", R"({"name":"elu"})", ""};
  const ResultColumns columns({"a.b", "c", "d"});
  const std::string row = columns.row(job, record);
  CHECK(row.find('\n') == std::string::npos);
  const std::vector<std::string> cells = split_row(row);
  CHECK(cells[2] == "one two");
  CHECK(cells[3] == job.settings[1]);
  const std::optional<TrialRecord> back = columns.record(cells, 0);
  REQUIRE(back);
  CHECK(columns.row(job, *back) == row);
  CHECK(*back->failure == *record.failure);
  CHECK_FALSE(ResultColumns({"a.b", "c"}).record(cells, 0));
  CHECK_FALSE(ResultColumns({}).record(split_row("3,ab,x"), 0));
}
