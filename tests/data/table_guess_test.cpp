#include "data/table_guess.hpp"

#include <doctest/doctest.h>

#include "data/data_files.hpp"

using namespace reluscope;

namespace {

TableProfile profile(const std::string& content) {
  const TempDirectory directory;
  directory.write("t.csv", content);
  CsvOptions options;
  options.form = {.delimiter = 0, .comment = '#'};
  return profile_table(directory.path() / "t.csv", options);
}

struct Guessed {
  TableProfile table;
  TableGuess guess;
};
Guessed guess_of(const std::string& content, std::optional<std::size_t> label = std::nullopt) {
  TableProfile table = profile(content);
  TableGuess guess = guess_table(table, label, 20);
  return {std::move(table), std::move(guess)};
}

/// A table of so many rows, each made by `row`.
template <class Row>
std::string rows(const std::string& header, int count, Row row) {
  std::string text = header;
  for (int number = 0; number < count; ++number) text += row(number) + "\n";
  return text;
}

}  // namespace

TEST_CASE("a profile counts types, gaps, values and ranges, whatever the columns hold") {
  const TableProfile table = profile(
      "n,t,d,b,m,e\n1,x,2020-01-31,True,1,\n-2.5,y,2020-02-01,False,a,NA\n,x,NA,True,2020-01-01,\ninf,x,,,1,?\n");
  CHECK(table.rows == 4);
  REQUIRE(table.columns.size() == 6);
  const ColumnProfile& number = table.columns[0];
  CHECK(number.type() == "number");
  CHECK(number.count(CellKind::missing) == 1);
  CHECK(number.infinite == 1);
  CHECK(number.min == -2.5);
  CHECK(number.max == 1.0);
  CHECK(number.distinct == 3);
  CHECK(table.columns[1].type() == "text");
  CHECK(table.columns[1].values.front() == std::pair<std::string, std::uint64_t>{"x", 3});
  CHECK(table.columns[2].type() == "date");
  CHECK(table.columns[2].min == 18292.0);
  CHECK(table.columns[3].type() == "boolean");
  CHECK(table.columns[4].type() == "mixed");
  CHECK(table.columns[5].type() == "empty");
}

TEST_CASE("a profile takes rows of other lengths for what they are") {
  const TableProfile table = profile("a,b\n1,2\n3\n4,5,6\n7,8\n");
  CHECK(table.rows == 2);
  CHECK(table.ragged == 2);
  CHECK(table.first_ragged == 3);
}

TEST_CASE("values are counted up to a bound, and memory does not grow beyond it") {
  const TableProfile table =
      profile(rows("a,b\n", 70'000, [](int row) { return std::to_string(row) + "," + std::to_string(row % 1001); }));
  CHECK(table.columns[0].has_more_distinct);
  CHECK(table.columns[0].distinct == kMostDistinct);
  CHECK(table.columns[0].all_different);
  CHECK(table.columns[0].values.empty());
  CHECK(table.columns[1].distinct == kMostTexts + 1);
  CHECK(!table.columns[1].has_more_distinct);
  CHECK(table.columns[1].values.empty());  // one more than are kept
}

TEST_CASE("columns that name or count the rows, never vary, are dates or prose are no features") {
  const auto [table, guess] = guess_of(rows("id,code,same,day,note,gap,a,t,y\n", 40, [](int row) {
    return std::to_string(row + 1) + ",k" + std::to_string(row) + ",7,2020-01-0" + std::to_string(row % 9 + 1) + ",n" +
           std::to_string(row % 25) + "," + (row < 5 ? "1" : "") + "," + std::to_string(row % 7) + ".5," +
           (row % 2 == 0 ? "red" : "blue") + "," + std::to_string(row % 3);
  }));
  const std::vector<ColumnUse> uses = {ColumnUse::row_number, ColumnUse::id,       ColumnUse::constant,
                                       ColumnUse::date,       ColumnUse::text,     ColumnUse::mostly_missing,
                                       ColumnUse::number,     ColumnUse::category, ColumnUse::label};
  for (std::size_t column = 0; column < uses.size(); ++column) {
    CAPTURE(column);
    CHECK(guess.columns[column].use == uses[column]);
  }
  CHECK(guess.label == 8);
  CHECK(classes_of(table.columns[8])->size() == 3);
}

TEST_CASE("the only feature is kept, though it counts up") {
  const auto line = [](int row) { return std::to_string(row) + "," + std::to_string(2 * row) + ".5"; };
  CHECK(guess_of(rows("x,y\n", 30, line)).guess.columns[0].use == ColumnUse::number);
  CHECK(guess_of(rows("id,y\n", 30, line)).guess.columns[0].use == ColumnUse::row_number);
}

TEST_CASE("the label is known by its name, or as the last column where nothing else could be meant") {
  const auto label = [](const std::string& content) { return guess_of(content).guess.label; };
  CHECK(label("species,a,b\nx,1,2\ny,3,4\nx,5,6\n") == 0);
  CHECK(label("a,Survived,b\n1,0,2\n3,1,4\n") == 1);
  CHECK(label("a,b,c\n1,2,0\n3,4,1\n") == 2);
  CHECK(label("1,2,cat\n3,4,dog\n") == 2);
  CHECK(label("a,b,kind\n1,2,cat\n3,4,dog\n5,6,cat\n") == 2);
}

TEST_CASE("where several columns may be the label, none is chosen") {
  const auto [table, guess] = guess_of("a,town,size,b\n1,x,S,5\n2,y,L,6\n3,x,S,7\n");
  CHECK(!guess.label);
  CHECK(guess.label_candidates == std::vector<std::size_t>{1, 2, 3});
  CHECK(guess_of("target,a,label\n1,2,3\n4,5,6\n").guess.label_candidates == std::vector<std::size_t>{0, 2});
  CHECK(guess_of("a,town,size,b\n1,x,S,5\n2,y,L,6\n3,x,S,7\n", 1).guess.label == 1);
}

TEST_CASE("numbers in another notation are found, and where they may mean two things both are named") {
  using Formats = std::vector<NumberFormat>;
  CHECK(guess_of("1;2,5\n2;3\n").guess.notations == Formats{{',', 0}});
  CHECK(guess_of("a\ty\n1,234\t1\n2,345\t2\n").guess.notations == Formats{{',', 0}, {'.', ','}});
  CHECK(guess_of("a\ty\n1,234.5\t1\n2,345\t2\n").guess.notations == Formats{{'.', ','}});
  CHECK(guess_of("a\ty\n1,234\t1\n2.5\t2\n").guess.notations == Formats{{'.', ','}});
  CHECK(guess_of("a,y\n1.5,1\n2,2\n").guess.notations.empty());
}

TEST_CASE("a label of numbers is taken for classes as a run takes it") {
  const auto classes = [](int values, int count) {
    const auto [table, guess] = guess_of(
        rows("a,y\n", count, [&](int row) { return std::to_string(row * row) + "," + std::to_string(row % values); }));
    return classes_of(table.columns[1]).has_value();
  };
  CHECK(classes(20, 40));
  CHECK(!classes(21, 40));
  CHECK(classes(30, 300));
  CHECK(!classes(31, 300));
  const auto [table, guess] = guess_of("a,y\n1,0.0\n2,1\n3,1.0\n");
  CHECK(classes_of(table.columns[1])->size() == 2);
}
