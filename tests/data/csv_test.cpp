#include "data/csv.hpp"

#include <doctest/doctest.h>

#include <clocale>
#include <cstdlib>

#include "data/data_files.hpp"

using namespace reluscope;

namespace {

RawData load_csv(const std::string& content, Settings settings = {}) {
  const TempDirectory directory;
  directory.write("table.csv", content);
  settings.emplace_back("file", text_value("table.csv"));
  return load_raw_data("csv", settings, directory.path());
}

std::string csv_error(const std::string& content, const Settings& settings = {}) {
  return data_error([&] { load_csv(content, settings); });
}

const Settings kRegression = {{"task", text_value("regression")}};

/// 2 features, 3 samples, labels 1 0 1.
void check_small_table(const RawData& data) {
  CHECK(as_double(data.train) == Matrix<double>{{1, 3, 5}, {2, 4, -6.5}});
  CHECK(data.train.labels == std::vector<std::int32_t>{1, 0, 1});
}

}  // namespace

TEST_CASE("a CSV table is read with or without header, BOM, CRLF, blank lines and a last line end") {
  check_small_table(load_csv("1,2,1\n3,4,0\n5,-6.5,1\n"));
  check_small_table(load_csv("1,2,1\n3,4,0\n5,-6.5,1"));
  check_small_table(load_csv("1,2,1\r\n3,4,0\r\n5,-6.5,1\r\n"));
  check_small_table(
      load_csv("\xEF\xBB\xBF"
               "1,2,1\n3,4,0\n5,-6.5,1\n"));
  check_small_table(
      load_csv("\xEF\xBB\xBF"
               "a,b,label\r\n1,2,1\r\n3,4,0\r\n5,-6.5,1\r\n"));
  check_small_table(load_csv("\n\na,b,label\n1,2,1\n\n3,4,0\n  \n5,-6.5,1\n\n"));
  check_small_table(load_csv(gzipped("1,2,1\n3,4,0\n5,-6.5,1\n")));
}

TEST_CASE("CSV delimiters are found out, or given") {
  check_small_table(load_csv("1;2;1\n3;4;0\n5;-6.5;1\n"));
  check_small_table(load_csv("1\t2\t1\n3\t4\t0\n5\t-6.5\t1\n"));
  check_small_table(load_csv("a,1;b,2;label\n1;2;1\n3;4;0\n5;-6.5;1\n", {{"delimiter", text_value(";")}}));
  check_small_table(load_csv("1|2|1\n3|4|0\n5|-6.5|1\n", {{"delimiter", text_value("|")}}));
  check_small_table(load_csv("1\t2\t1\n3\t4\t0\n5\t-6.5\t1\n", {{"delimiter", text_value("tab")}}));
}

TEST_CASE("CSV numbers may have blanks, a plus sign and an exponent around them, in any locale") {
  const char* changed = std::setlocale(LC_ALL, "de_DE.UTF-8");
  const RawData data = load_csv(" 1.5 ,+2, 1e2\n-.5,1E-3,0\n", kRegression);
  if (changed != nullptr) std::setlocale(LC_ALL, "C");
  CHECK(as_double(data.train) == Matrix<double>{{1.5, -0.5}, {2, 1e-3}});
  CHECK(data.train.targets == Eigen::MatrixXd{{100.0, 0.0}});
}

TEST_CASE("quoted CSV fields may hold delimiters, quotes and line breaks") {
  const RawData data =
      load_csv("\"a, b\",\"x\"\"y\",\"the\nlabel\"\n\"1\",2,\"red, \"\"dark\"\"\"\n3,\"4\",\"blue\r\n2\"\n",
               {{"label_column", text_value("the\nlabel")}});
  CHECK(as_double(data.train) == Matrix<double>{{1, 3}, {2, 4}});
  CHECK(data.class_names == std::vector<std::string>{"blue\n2", "red, \"dark\""});
  CHECK(data.train.labels == std::vector<std::int32_t>{1, 0});
}

TEST_CASE("the CSV label column goes by name, by number and from the end") {
  const std::string table = "y,a,b\n1,10,20\n0,30,40\n";
  for (const char* column : {"y", "0", "-3"}) {
    CAPTURE(column);
    const RawData data = load_csv(table, {{"label_column", text_value(column)}});
    CHECK(as_double(data.train) == Matrix<double>{{10, 30}, {20, 40}});
    CHECK(data.train.labels == std::vector<std::int32_t>{1, 0});
  }
  const RawData middle = load_csv(table, {{"label_column", text_value("a")}});
  CHECK(as_double(middle.train) == Matrix<double>{{1, 0}, {20, 40}});
}

TEST_CASE("a header of numbers can be forced, and its names come before column numbers") {
  const RawData data =
      load_csv("2,1,0\n7,8,1\n9,6,0\n", {{"header", ParamValue(true)}, {"label_column", text_value("0")}});
  CHECK(as_double(data.train) == Matrix<double>{{7, 9}, {8, 6}});
  CHECK(load_csv("2,1,0\n7,8,1\n9,6,0\n").train.count() == 3);
}

TEST_CASE("text in the label column alone is not taken for a header, unless numbers follow") {
  CHECK(load_csv("1,2,cat\n3,4,dog\n").train.count() == 2);
  CHECK(load_csv("0,1,label\n3,4,7\n5,6,8\n").train.count() == 2);
  check_message(csv_error("a,b,label\n1,2,0\n", {{"header", ParamValue(false)}}),
                {":1:1: ", "column 0", "\"a\"", "not a number"});
}

TEST_CASE("CSV classes are sorted as numbers where all are numbers, else as text") {
  CHECK(load_csv("1,10\n2,9\n3,-1\n4,9\n").class_names == std::vector<std::string>{"-1", "9", "10"});
  const RawData text = load_csv("1,b\n2,a\n3,10\n4,9\n5,b\n");
  CHECK(text.class_names == std::vector<std::string>{"10", "9", "a", "b"});
  CHECK(text.train.labels == std::vector<std::int32_t>{3, 2, 0, 1, 3});
}

TEST_CASE("numbers before the first text label keep their samples") {
  const RawData data = load_csv("1,1\n2,2\n3,1\n4,other\n5,1.0\n", {{"task", text_value("classification")}});
  CHECK(data.class_names == std::vector<std::string>{"1", "2", "other"});
  CHECK(data.train.labels == std::vector<std::int32_t>{0, 1, 0, 2, 0});
}

TEST_CASE("task auto tells classes from values") {
  CHECK(load_csv("1,0\n2,1\n3,2\n").task == Task::classification);
  CHECK(load_csv("1,0.5\n2,1\n3,2\n").task == Task::regression);
  CHECK(load_csv("1,0\n2,1\n3,2\n", kRegression).task == Task::regression);
  std::string few;
  std::string many;
  for (int row = 0; row < 300; ++row) {
    few += "1," + std::to_string(row % 30) + "\n";
    many += "1," + std::to_string(row % 31) + "\n";
  }
  CHECK(load_csv(few).task == Task::classification);
  CHECK(load_csv(many).task == Task::regression);
  CHECK(load_csv(many, {{"task", text_value("classification")}}).class_names.size() == 31);
}

TEST_CASE("several CSV target columns make a regression, in the order asked for") {
  const RawData data = load_csv("a,y1,y2\n1,2,3\n4,5,6\n", {{"label_column", text_value("y2, y1")}});
  CHECK(data.task == Task::regression);
  CHECK(as_double(data.train) == Matrix<double>{{1, 4}});
  CHECK(data.train.targets == Eigen::MatrixXd{{3, 6}, {2, 5}});
  check_message(
      csv_error("a,y1,y2\n1,2,3\n", {{"label_column", text_value("y1,y2")}, {"task", text_value("classification")}}),
      {"2 label columns", "classification has one"});
  check_message(csv_error("a,y\n1,2\n", {{"label_column", text_value("y,-1")}}), {"twice"});
}

TEST_CASE("CSV features are kept as float while that is exact, and turn to double with the first that needs it") {
  CHECK(std::holds_alternative<Matrix<float>>(load_csv("1,2.5,0\n3,255,1\n").train.features));
  const RawData data = load_csv("1,2.5,0\n3,0.1,1\n7,16777217,0\n1e300,-0.25,0\n");
  REQUIRE(std::holds_alternative<Matrix<double>>(data.train.features));
  CHECK(as_double(data.train) == Matrix<double>{{1, 3, 7, 1e300}, {2.5, 0.1, 16777217, -0.25}});
}

TEST_CASE("a long CSV file comes through its buffers unchanged") {
  std::string content;
  for (int row = 0; row < 60'000; ++row)
    content += std::to_string(row) + ",\"" + std::to_string(row % 977) + "\"," + std::to_string(row % 3) + "\r\n";
  REQUIRE(content.size() > (512U << 10U));
  const RawData data = load_csv(gzipped(content));
  const Matrix<double> features = as_double(data.train);
  REQUIRE(features.cols() == 60'000);
  bool all_equal = true;
  for (Index row = 0; row < 60'000; ++row)
    all_equal = all_equal && features(0, row) == static_cast<double>(row) &&
                features(1, row) == static_cast<double>(row % 977) &&
                data.train.labels[static_cast<std::size_t>(row)] == row % 3;
  CHECK(all_equal);
}

TEST_CASE("separate CSV training and test files share their classes") {
  const TempDirectory directory;
  directory.write("train.csv", "a,b,y\n1,2,dog\n3,4,cat\n");
  directory.write("test.csv", "a,b,y\n5,6,ant\n");
  const Settings files = {{"train", text_value("train.csv")}, {"test", text_value("test.csv")}};
  const RawData data = load_raw_data("csv", files, directory.path());
  REQUIRE(data.test.has_value());
  CHECK(data.class_names == std::vector<std::string>{"ant", "cat", "dog"});
  CHECK(data.train.labels == std::vector<std::int32_t>{2, 1});
  CHECK(data.test->labels == std::vector<std::int32_t>{0});

  directory.write("test.csv", "1,2,3,dog\n");
  check_message(data_error([&] { load_raw_data("csv", files, directory.path()); }),
                {"test.csv", "3 feature columns", "train.csv there are 2"});
  directory.write("test.csv", "b,a,y\n5,6,dog\n");
  check_message(data_error([&] { load_raw_data("csv", files, directory.path()); }), {"column 0", "\"b\"", "\"a\""});
}

TEST_CASE("CSV files are named as one file or as two, not both and not half") {
  check_message(data_error([] { load_raw_data("csv", {}); }), {"either file", "train and test"});
  check_message(data_error([] { load_raw_data("csv", {{"train", text_value("a")}}); }), {"test is missing"});
  check_message(data_error([] {
                  load_raw_data("csv", {{"file", text_value("a")}, {"train", text_value("b")}});
                }),
                {"not both"});
}

TEST_CASE("CSV faults are named with line and column, and shown") {
  check_message(csv_error("1,2,0\n3,4\n"), {"table.csv:2:4: found 2 fields", "have 3", "\n  2 | 3,4\n    |    ^"});
  check_message(csv_error("1,2,0\n3,4,1,9\n"), {":2:7: found 4 fields", "\n    |       ^"});
  check_message(csv_error("a,b,y\n1,2,0\n\n3,nan,1\n"),
                {":4:3: ", "column b", "missing, or not finite", "\n  4 | 3,nan,1"});
  check_message(csv_error("1,2,0\n-inf,2,1\n"), {":2:1: ", "column 0, from 0", "finite"});
  check_message(csv_error("1,2,0\n3,,1\n"), {":2:3: ", "column 1", "missing", "help: data.missing=median"});
  check_message(csv_error("?,2,0\n3,4,1\n"), {":1:1: ", "column 0"});
  check_message(csv_error("1,2,0\n3,4x,1\n"), {":2:3: \"4x\" is not a number", "column 1", "    |   ^^"});
  check_message(csv_error("1;2,5;0\n3;4;1\n"), {":1:3: \"2,5\"", "help: data.decimal=','"});
  check_message(csv_error("1;1.234,5;0\n3;4;1\n"), {"help: data.decimal=',' data.thousands='.'"});
  check_message(csv_error("1,2,0\n3,4,\n"), {":2:5: ", "column 2", "missing", "help: data.missing=drop_rows"});
  check_message(csv_error("1,2,0\n3,4,nan\n"), {":2:5: ", "column 2"});
  check_message(csv_error("1,2,0.5\n3,4,1.5\n5,6,abc\n"), {":3: ", "column 2", "\"abc\"", "fraction"});
  check_message(csv_error("1,2,0.5\n3,4,abc\n", kRegression), {":2: ", "column 2", "\"abc\"", "regression"});
  check_message(csv_error("1,2,0\n3,1e999,0\n"), {":2:3: ", "column 1", "1e999"});
  check_message(csv_error(std::string("1,2,0\n3,\0\x01,0\n", 13)), {":2:3: ", "\\x00\\x01"});
}

TEST_CASE("the place of a CSV fault is that of the cell in its line, whatever stands before it") {
  check_message(csv_error("a,b,y\n\"1, or so\",x,0\n"), {":2:1: "});
  check_message(csv_error("a,b,y\n1,2,0\n\"3\",oops,0\n"), {":3:5: \"oops\"", "\n  3 | \"3\",oops,0\n    |     ^^^^"});
  check_message(csv_error("a  b  y\n1  oops  0\n2 3 1\n"), {":2:4: \"oops\"", "\n    |    ^^^^"});
  check_message(csv_error("a,b,y\n# one\n1,oops,0\n2,3,1\n"), {":3:3: \"oops\""});
  check_message(csv_error("\xEF\xBB\xBF"
                          "1,2,0\nä,1,0\n"),
                {":2:1: ", "\n  2 | ä,1,0\n    | ^"});
  check_message(csv_error("a,b,y\r1,oops,0\r2,3,1\r"), {":2:3: \"oops\"", "\n  2 | 1,oops,0\n"});
  check_message(csv_error("a,b,y\n\"1\n\",2,0\n3,oops,1\n"), {":4:3: \"oops\""});
  check_message(csv_error(gzipped("a,b,y\n1,oops,0\n2,3,1\n")), {":2:3: \"oops\""});
}

TEST_CASE("CSV quoting faults are named with the line") {
  check_message(csv_error("1,2,0\n3,\"4,1\n5,6,0\n"), {":2: ", "never closed"});
  check_message(csv_error("1,2,0\n3,4\"5,1\n"), {":2: ", "field 2", "quote in the middle"});
  check_message(csv_error("1,2,0\n3,\"4\"5,1\n"), {":2: ", "closing quote"});
}

TEST_CASE("CSV files without any sample are refused") {
  check_message(csv_error(""), {"table.csv", "empty"});
  check_message(csv_error("\xEF\xBB\xBF"), {"empty"});
  check_message(csv_error("\n \n\r\n"), {"nothing but blank lines"});
  check_message(csv_error("a,b,y\n"), {":1: ", "no sample"});
  check_message(csv_error("a,b,y\n", {{"header", ParamValue(true)}}), {":1: ", "no sample"});
  check_message(csv_error("1\n2\n"), {":1: ", "1 column;", "at least one feature"});
  check_message(csv_error(std::string("\xFF\xFE"
                                      "1\0,\0",
                                      6)),
                {"UTF-16"});
}

TEST_CASE("CSV label columns that are not there are refused with those that are") {
  check_message(csv_error("a,b,y\n1,2,0\n", {{"label_column", text_value("z")}}),
                {"data.label_column", "\"z\"", "\"a\", \"b\", \"y\""});
  check_message(csv_error("1,2,0\n3,4,1\n", {{"label_column", text_value("3")}}),
                {"\"3\"", "-3 to 2", "no header with names", "help: data.header=true"});
  check_message(csv_error("a,a,y\n1,2,0\n", {{"label_column", text_value("a")}}), {"two columns", "\"a\""});
}

TEST_CASE("a gzip CSV file cut off at any byte is refused") {
  const std::string packed = gzipped("1,2,0\n3,4,1\n5,6,0\n");
  for (std::size_t length = 0; length < packed.size(); ++length)
    CHECK(contains(csv_error(packed.substr(0, length)), "table.csv:"));
}

TEST_CASE("members of a gzip file are read one after the other; what else follows is refused") {
  const TempDirectory directory;
  std::string rows;
  for (int row = 0; row < 100'000; ++row) rows += "1,2,0\n3,4,1\n";  // packed so well that output lags behind input
  const auto count_of = [&](const std::string& content) {
    directory.write("x", content);
    return load_raw_data("csv", {{"file", text_value("x")}}, directory.path()).train.count();
  };
  CHECK(count_of(gzipped(rows)) == 200'000);
  CHECK(count_of(gzipped(rows) + gzipped(rows)) == 400'000);
  CHECK(count_of(gzipped(rows) + gzipped("")) == 200'000);
  for (const std::string tail : {"5,6,1\n", "\xff", "more text than that"}) {
    const std::string message = data_error([&] { count_of(gzipped(rows) + tail); });
    check_message(message, {"bytes follow that are none"});
  }
}

TEST_CASE("missing CSV files and directories are named") {
  const TempDirectory directory;
  const Settings file = {{"file", text_value("table.csv")}};
  check_message(data_error([&] { load_raw_data("csv", file, directory.path()); }), {"table.csv", "No such file"});
  std::filesystem::create_directory(directory.path() / "table.csv");
  check_message(data_error([&] { load_raw_data("csv", file, directory.path()); }), {"is a directory"});
}

TEST_CASE("the memory of a CSV file is estimated from its first bytes and size") {
  const TempDirectory directory;
  std::string content;
  for (int row = 0; row < 50'000; ++row) content += "1,2,3,0\n";
  for (const std::string& stored : {content, gzipped(content)}) {
    directory.write("table.csv", stored);
    const std::uint64_t bytes = estimated_bytes("csv", {{"file", text_value("table.csv")}}, directory.path());
    CHECK(bytes >= 50'000 * 3 * 8);
    CHECK(bytes < 50'000 * 3 * 8 * 5);
  }
}

TEST_CASE("the digits of the UCI repository load from their gzip CSV file") {
  DataSpec spec;
  spec.source = source_choice("csv", {{"file", text_value("data/digits/digits.csv.gz")}});
  if (const char* source = std::getenv("RELUSCOPE_SOURCE_DIR")) spec.base_directory = source;
  spec.test_fraction = 0;
  spec.normalize = Normalization::unit;
  const Dataset digits = load_dataset(spec, 1);
  CHECK(digits.train.count() == 1797);
  CHECK(digits.test.count() == 0);
  CHECK(digits.features() == 64);
  CHECK(digits.class_names == std::vector<std::string>{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"});
  const std::vector<std::int32_t> first(digits.train.labels.begin(), digits.train.labels.begin() + 5);
  CHECK(first == std::vector<std::int32_t>{0, 1, 2, 3, 4});
  CHECK(digits.shift[0] == 0.0);
  CHECK(digits.scale[0] == 1.0 / 16.0);
}
