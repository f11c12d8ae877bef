// What tables look like as people have them: delimiters, line ends, comments, headers.
#include <doctest/doctest.h>

#include "data/csv_layout.hpp"
#include "data/data_files.hpp"

using namespace reluscope;

namespace {

RawData load_table(const std::string& content, Settings settings = {}) {
  const TempDirectory directory;
  directory.write("t.csv", content);
  settings.emplace_back("file", text_value("t.csv"));
  return load_raw_data("csv", settings, directory.path());
}

/// Features a and b of two samples: 1 2 and 3 4.
void check_two_by_two(const RawData& data) {
  CHECK(as_double(data.train) == Matrix<double>{{1, 3}, {2, 4}});
  CHECK(data.train.labels == std::vector<std::int32_t>{0, 1});
}

std::optional<bool> header_of(std::vector<CsvRow> rows) { return has_header(rows, CsvOptions()); }

}  // namespace

TEST_CASE("runs of blanks separate fields, at the ends of lines too") {
  check_two_by_two(load_table("   1   2 0\n3 \t 4   1  \n"));
  check_two_by_two(load_table("a b y\n1 2 0\n3 4 1\n"));
  check_two_by_two(load_table(" 1  2   0\n 3  4   1\n", {{"delimiter", text_value("whitespace")}}));
  CHECK(load_table("\"red one\"  1  0\nblue 2 1\n", {{"categorical", text_value("0")}}).feature_names ==
        std::vector<std::string>{"0=blue", "0=red one", "1"});
}

TEST_CASE("CR alone ends lines where there is no other line end") {
  check_two_by_two(load_table("a,b,y\r1,2,0\r3,4,1\r"));
  check_two_by_two(load_table("1;2;0\r3;4;1"));
}

TEST_CASE("lines that start with # are comments, but the names that NumPy writes behind it are a header") {
  check_two_by_two(load_table("# exported 2020\na,b,y\n1,2,0\n# half\n3,4,1\n"));
  CHECK(load_table("# exported 2020\na,b,y\n1,2,0\n# half\n3,4,1\n").table.comments == 1);
  CHECK(load_table("# exported, 2020\n# a b y\n1 2 0\n3 4 1\n").feature_names == std::vector<std::string>{"a", "b"});
  CHECK(load_table("#a,b,y\n1,2,0\n3,4,1\n").feature_names == std::vector<std::string>{"a", "b"});
  const RawData kept = load_table("t,y\n#1,0\n#2,1\n", {{"comment", ParamValue()}, {"categorical", text_value("t")}});
  CHECK(kept.feature_names == std::vector<std::string>{"t=#1", "t=#2"});
  check_two_by_two(load_table("% a\n1,2,0\n3,4,1\n", {{"comment", text_value("%")}}));
}

TEST_CASE("the delimiter is the one that cuts the lines into equally many") {
  CHECK(load_table("108;392,5\n45;214\n13;15,7\n", {{"decimal", text_value(",")}}).train.targets ==
        Eigen::MatrixXd{{392.5, 214, 15.7}});
  CHECK(
      load_table("name;x;y\n\"a, b, c, d\";1;0\n\"e, f, g, h\";2;1\n", {{"drop", text_value("name")}}).feature_names ==
      std::vector<std::string>{"x"});
  check_two_by_two(load_table("a|b|y\n1|2|0\n3|4|1\n"));
}

TEST_CASE("lines that a spreadsheet has quoted as a whole are unwrapped") {
  const RawData data = load_table("\"a b;\"\"c\"\";\"\"y\"\"\"\n7.4;0.7;5\n\"7.8;0.88;6\"\n");
  CHECK(data.feature_names == std::vector<std::string>{"a b", "c"});
  CHECK(as_double(data.train) == Matrix<double>{{7.4, 7.8}, {0.7, 0.88}});
}

TEST_CASE("a delimiter at the end of each line makes no column") {
  check_two_by_two(load_table("1,2,0,\n3,4,1,\n"));
  check_two_by_two(load_table("a,b,y,\n1,2,0,\n3,4,1,\n"));
  CHECK(load_table("1,2,0,\n3,4,1,\n").table.left_out.size() == 1);
  const std::string message = data_error([] {
    std::string rows;
    for (int row = 0; row < 20; ++row) rows += "1,2,0,\n";
    load_table(rows + "1,2,0,9\n");
  });
  check_message(message, {"t.csv:21:7: ", "was empty up to here"});
}

TEST_CASE("a header is text above something else, whatever else the table has") {
  CHECK(header_of({{"age", "work"}, {"43", "State"}, {"40", "Private"}}) == true);
  CHECK(header_of({{"43", "State"}, {"40", "Private"}}) == false);
  CHECK(header_of({{"work", "age"}, {"State", "NA"}, {"Private", "40"}}) == true);
  CHECK(header_of({{"day"}, {"2020-01-01"}}) == true);
  CHECK(header_of({{"flag"}, {"True"}}) == true);
  CHECK(header_of({{"price"}, {"1,5"}}) == true);
  CHECK(header_of({{"State", "x"}, {"Private", "y"}}) == std::nullopt);
  CHECK(header_of({{"a", "b"}}) == true);
  CHECK(header_of({{"1", "b"}}) == false);
  // Numbers that count up are names; others are not, and the cell that is no number will be refused.
  CHECK(header_of({{"0", "1", "label"}, {"3", "4", "7"}, {"5", "6", "8"}}) == true);
  CHECK(header_of({{"5.1", "unknown", "3"}, {"3", "4", "7"}, {"5", "6", "8"}}) == false);
  CHECK(header_of({{"", "f"}, {"0", "1.5"}, {"1", "2"}}) == true);
}

TEST_CASE("a headerless table with text keeps its first row") {
  const RawData data =
      load_table("43, State-gov, 13, <=50K\n40, Private, 11, >50K\n", {{"categorical", text_value("auto")}});
  CHECK(data.train.count() == 2);
  CHECK(data.class_names == std::vector<std::string>{"<=50K", ">50K"});
}

TEST_CASE("a table of nothing but text has to be told about its header") {
  const std::string table = "colour,shape\nred,round\nblue,square\n";
  check_message(data_error([&] { load_table(table); }), {"t.csv:1: every column is text", "help: data.header=true"});
  const Settings settings = {{"header", ParamValue(true)}, {"categorical", text_value("auto")}};
  CHECK(load_table(table, settings).feature_names == std::vector<std::string>{"colour=blue", "colour=red"});
  const Settings without = {{"header", ParamValue(false)}, {"categorical", text_value("auto")}};
  CHECK(load_table(table, without).train.count() == 3);
}

TEST_CASE("tables in other formats of text are refused with a command that converts them") {
  check_message(data_error([] { load_table("@relation x\n@attribute a numeric\n@data\n1,0\n"); }),
                {"ARFF", "help: sed '"});
  check_message(data_error([] { load_table("-1 3:1 11:0.5\n+1 5:1\n"); }), {"LIBSVM", "help: awk '"});
}
