// Columns of a table: which are features, and what becomes of words, dates, gaps.
#include <doctest/doctest.h>

#include <cmath>

#include "data/data_files.hpp"

using namespace reluscope;

namespace {

const std::string kBirds =
    "id,species,island,mass,sex,day\n"
    "1,Adelie,Dream,3750,male,2007-11-11\n"
    "2,Gentoo,Biscoe,5000,NA,2007-11-12\n"
    "3,Adelie,Torgersen,,female,2007-11-13\n"
    "4,Gentoo,Biscoe,4800,male,2008-11-13\n";

RawData load_table(const std::string& content, Settings settings = {}) {
  const TempDirectory directory;
  directory.write("t.csv", content);
  settings.emplace_back("file", text_value("t.csv"));
  return load_raw_data("csv", settings, directory.path());
}

std::string table_error(const std::string& content, const Settings& settings = {}) {
  return data_error([&] { load_table(content, settings); });
}

Settings birds(const Settings& more = {}) {
  Settings settings = {{"label_column", text_value("species")}, {"drop", text_value("id,day")}};
  settings.insert(settings.end(), more.begin(), more.end());
  return settings;
}

using Names = std::vector<std::string>;

Matrix<double> values_of(const RawData& data) { return as_double(data.train); }

}  // namespace

TEST_CASE("columns are left out, or chosen, by name or number") {
  const std::string table = "a,b,c,y\n1,2,3,0\n4,5,6,1\n";
  CHECK(load_table(table, {{"drop", text_value("b")}}).feature_names == Names{"a", "c"});
  CHECK(load_table(table, {{"drop", text_value("0, -2")}}).feature_names == Names{"b"});
  CHECK(load_table(table, {{"columns", text_value("c,a")}}).feature_names == Names{"a", "c"});
  CHECK(load_table(table, {{"columns", text_value("a,b")}, {"drop", text_value("b")}}).feature_names == Names{"a"});
  CHECK(load_table("\"a, b\",c,y\n1,2,0\n3,4,1\n", {{"drop", text_value("\"a, b\"")}}).feature_names == Names{"c"});
  const RawData data = load_table(table, {{"columns", text_value("a")}});
  REQUIRE(data.table.left_out.size() == 2);
  CHECK(data.table.left_out[0].column == "b");
  CHECK(data.table.labels == Names{"y"});
  check_message(table_error(table, {{"drop", text_value("bb")}}),
                {"data.drop", "no column is called \"bb\"", "\"a\", \"b\""});
  check_message(table_error(table, {{"drop", text_value("aa1")}}), {"t.csv:1: data.drop"});
  check_message(table_error(table, {{"drop", text_value("a,b,c")}}), {"none of them left as a feature"});
  check_message(table_error(table, {{"drop", text_value("a,a")}}), {"twice"});
}

TEST_CASE("text in a feature column is refused, with what would take it") {
  check_message(table_error(kBirds),
                {"t.csv:2:3: \"Adelie\" is not a number (column species)",
                 "help: data.label_column=species, or data.categorical=auto, or data.drop=species"});
  check_message(table_error(kBirds, birds()),
                {"t.csv:2:10: \"Dream\"", "data.categorical=auto, or data.drop=id,day,island"});
  check_message(table_error(kBirds, {{"label_column", text_value("species")}, {"drop", text_value("id,island,sex")}}),
                {"\"2007-11-11\" is not a number", "data.dates=day"});
}

TEST_CASE("words become a feature for each value, in order, and a gap is none of them") {
  const RawData data =
      load_table(kBirds, birds({{"categorical", text_value("auto")}, {"missing", text_value("mean")}}));
  CHECK(data.feature_names ==
        Names{"island=Biscoe", "island=Dream", "island=Torgersen", "mass", "sex=female", "sex=male"});
  const Matrix<double> values = values_of(data);
  CHECK(values.topRows(3) == Matrix<double>{{0, 1, 0, 1}, {1, 0, 0, 0}, {0, 0, 1, 0}});
  CHECK(std::isnan(values(3, 2)));
  CHECK(values(5, 0) == 1.0);
  CHECK(std::isnan(values(4, 1)));
  REQUIRE(data.fills.size() == 6);
  CHECK(data.fills[3] == Fill::mean);
  CHECK(data.fills[4] == Fill::zero);
  REQUIRE(data.table.encoded.size() == 2);
  CHECK(data.table.encoded[0].values == 3);
}

TEST_CASE(
    "categories that are numbers are in the order of numbers, and auto takes a column with a word among numbers") {
  const RawData data = load_table("size,y\n10,0\n9,1\n10,0\n", {{"categorical", text_value("size")}});
  CHECK(data.feature_names == Names{"size=9", "size=10"});
  CHECK(values_of(data) == Matrix<double>{{0, 1, 0}, {1, 0, 1}});
  const RawData mixed = load_table("size,w,y\n38,1,0\n40,2,1\nXL,3,0\n38,4,1\n", {{"categorical", text_value("auto")}});
  CHECK(mixed.feature_names == Names{"size=38", "size=40", "size=XL", "w"});
  CHECK(values_of(mixed) == Matrix<double>{{1, 0, 0, 1}, {0, 1, 0, 0}, {0, 0, 1, 0}, {1, 2, 3, 4}});
}

TEST_CASE("more values than max_categories are refused, and a number in another notation is no category") {
  const std::string table = "t,y\na,0\nb,1\nc,0\n";
  CHECK(
      load_table(table, {{"categorical", text_value("t")}, {"max_categories", std::int64_t{3}}}).feature_names.size() ==
      3);
  check_message(table_error(table, {{"categorical", text_value("t")}, {"max_categories", std::int64_t{2}}}),
                {"t.csv:4:1: more than 2 different values in column t", "data.drop=t, or data.max_categories=10"});
  check_message(table_error("p;y\n1,5;0\n2,5;1\n", {{"categorical", text_value("auto")}}),
                {"\"1,5\" is not a number", "data.decimal=','"});
}

TEST_CASE("ordinal puts each value in its place") {
  const RawData data = load_table("t,y\nlow,0\nhigh,1\nmid,0\nlow,1\n", {{"ordinal", text_value("t")}});
  CHECK(data.feature_names == Names{"t"});
  CHECK(values_of(data) == Matrix<double>{{1, 0, 2, 1}});
  CHECK(data.table.encoded[0].how == "ordinal");
}

TEST_CASE("dates are days, truth values 0 and 1") {
  const RawData data = load_table("d,b,y\n1970-01-02,True,0\n1970-01-05T12:00,FALSE,1\n", {{"dates", text_value("d")}});
  CHECK(values_of(data) == Matrix<double>{{1, 4.5}, {1, 0}});
  check_message(table_error("d,y\n1970-01-02,0\n01/02/1970,1\n", {{"dates", text_value("d")}}),
                {"t.csv:3:1: \"01/02/1970\" is not a date", "2020-01-31"});
}

TEST_CASE("decimal commas and thousands separators, where they are said") {
  const RawData data = load_table("108;392,5\n19;46,2\n13;15,7\n", {{"decimal", text_value(",")}});
  CHECK(data.task == Task::regression);
  CHECK(data.train.targets == Eigen::MatrixXd{{392.5, 46.2, 15.7}});
  const RawData large =
      load_table("a\ty\n1.234,5\t0\n2,5\t1\n", {{"decimal", text_value(",")}, {"thousands", text_value(".")}});
  CHECK(values_of(large) == Matrix<double>{{1234.5, 2.5}});
  check_message(table_error("1;2\n3;4\n", {{"thousands", text_value(".")}}),
                {"data.decimal and data.thousands are both ."});
}

TEST_CASE("a label column of numbers with commas is refused, not read as classes") {
  check_message(table_error("108;392,5\n19;46,2\n13;15\n"),
                {"3 different labels look like numbers with a comma", "data.decimal=','", "data.task=classification"});
  CHECK(load_table("108;392,5\n19;46,2\n13;15\n", {{"task", text_value("classification")}}).class_names.size() == 3);
  CHECK(load_table("108;a\n19;46,2\n13;15\n").task == Task::classification);
}

TEST_CASE("gaps are counted for each column, or their rows left out") {
  const std::string table = "a,b,y\n1,,0\n2,3,1\nNA,4,0\n5,nan,1\n";
  check_message(table_error(table), {"t.csv:2:3: 3 cells are missing", "a 1, b 2", "data.missing=median"});
  const RawData dropped = load_table(table, {{"missing", text_value("drop_rows")}});
  CHECK(values_of(dropped) == Matrix<double>{{2}, {3}});
  CHECK(dropped.table.rows_left_out == 3);
  check_message(table_error("a,y\n,0\n,1\n", {{"missing", text_value("drop_rows")}}), {"2 rows lacks something"});
}

TEST_CASE("rows without a label are left out where gaps are filled, and refused where not") {
  const std::string table = "a,y\n1,0\n2,\n3,1\n";
  const RawData data = load_table(table, {{"missing", text_value("mean")}});
  CHECK(values_of(data) == Matrix<double>{{1, 3}});
  CHECK(data.table.rows_left_out == 1);
  check_message(table_error(table), {"t.csv:3:3: ", "missing", "help: data.missing=drop_rows"});
}

TEST_CASE("an indicator is a feature that says where a gap was") {
  const RawData data = load_table("a,b,y\n1,7,0\n,8,1\n3,9,0\n", {{"missing", text_value("indicator")}});
  CHECK(data.feature_names == Names{"a", "a is missing", "b"});
  CHECK(values_of(data).row(1) == Matrix<double>{{0, 1, 0}});
  CHECK(data.fills == std::vector<Fill>{Fill::mean, Fill::none, Fill::mean});
}

TEST_CASE("gaps are filled with statistics of the training part alone") {
  const TempDirectory directory;
  directory.write("train.csv", "a,t,y\n1,x,0\n2,z,1\n,x,0\n6,,1\n");
  directory.write("test.csv", "a,t,y\n100,x,0\n,unknown,1\n");
  for (const auto& [policy, value] : {std::pair{"mean", 3.0}, {"median", 2.0}}) {
    DataSpec spec;
    spec.source = source_choice("csv", {{"train", text_value("train.csv")},
                                        {"test", text_value("test.csv")},
                                        {"categorical", text_value("t")},
                                        {"missing", text_value(policy)}});
    spec.base_directory = directory.path();
    const Dataset data = load_dataset(spec, 1);
    CHECK(as_double(data.train) == Matrix<double>{{1, 2, value, 6}, {1, 0, 1, 0}, {0, 1, 0, 0}});
    CHECK(as_double(data.test) == Matrix<double>{{100, value}, {1, 0}, {0, 0}});
    CHECK(data.missing == std::vector<std::uint64_t>{1, 1, 1});
    REQUIRE(data.table.filled.size() == 3);
    CHECK(data.table.filled[0].feature == "a");
    CHECK(data.table.filled[0].train == 1);
    CHECK(data.table.filled[0].test == 1);
    CHECK(data.table.filled[0].value == value);
    CHECK(data.table.unseen == 1);
  }
}

TEST_CASE("a column that the training part knows nothing of cannot be filled") {
  const TempDirectory directory;
  directory.write("t.csv", "a,b,y\n,1,0\n,2,1\n,3,1\n");
  DataSpec spec;
  spec.source = source_choice("csv", {{"file", text_value("t.csv")}, {"missing", text_value("mean")}});
  spec.base_directory = directory.path();
  check_message(data_error([&] { load_dataset(spec, 1); }), {"a has no value in the training part", "data.drop=a"});
}

TEST_CASE("words and numbers of a test file have to fit those of the training file") {
  const TempDirectory directory;
  const auto load = [&](const std::string& train, const std::string& test, Settings settings) {
    directory.write("train.csv", train);
    directory.write("test.csv", test);
    settings.emplace_back("train", text_value("train.csv"));
    settings.emplace_back("test", text_value("test.csv"));
    return load_raw_data("csv", settings, directory.path());
  };
  const Settings automatic = {{"categorical", text_value("auto")}};
  CHECK(as_double(*load("t,y\na,0\n7,1\n", "t,y\n7,0\n8,1\n", automatic).test) == Matrix<double>{{1, 0}, {0, 0}});
  check_message(data_error([&] { load("t,y\n1,0\n7,1\n", "t,y\n7,0\nx,1\n", automatic); }),
                {"the test file has text in column t"});
  check_message(data_error([&] {
                  load("t,y\na,0\nb,1\n", "t,y\nc,0\na,1\n", {{"ordinal", text_value("t")}});
                }),
                {"value in column t", "no place in an order"});
}

TEST_CASE("a first column that counts the rows is noticed, and other columns are not") {
  CHECK(load_table(",a,y\n0,5,0\n1,6,1\n2,7,0\n").table.row_number == "0");
  CHECK(load_table("id,a,y\n1,5,0\n2,6,1\n3,7,0\n").table.row_number == "id");
  CHECK(load_table("id,a,y\n1,5,0\n2,6,1\n4,7,0\n").table.row_number.empty());
  CHECK(load_table("x,y\n1,5\n2,6\n3,7\n").table.row_number.empty());  // the only feature there is
}

TEST_CASE("one-hot labels are classes where classes are asked for") {
  const Settings settings = {{"label_column", text_value("b,c")}, {"task", text_value("classification")}};
  const RawData data = load_table("a,b,c\n1,0,1\n2,1,0\n3,0,1\n", settings);
  CHECK(data.train.labels == std::vector<std::int32_t>{1, 0, 1});
  CHECK(data.class_names == Names{"0", "1"});
  check_message(table_error("a,b,c\n1,0,1\n2,1,1\n", settings), {"several that are one-hot"});
}
