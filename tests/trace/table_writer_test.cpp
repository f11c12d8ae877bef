#include "trace/table_writer.hpp"

#include <doctest/doctest.h>

#include <unistd.h>

#include <filesystem>
#include <limits>
#include <nlohmann/json.hpp>

#include "trace/change_record.hpp"
#include "trace/run_directory.hpp"
#include "util/error.hpp"

using namespace reluscope;

namespace {

StepRecord broken_step() {
  StepRecord row;
  row.step = 3;
  row.loss = std::numeric_limits<double>::quiet_NaN();
  row.grad_norm = std::numeric_limits<double>::infinity();
  row.lr = 100000.0;
  return row;
}

std::filesystem::path fresh_directory() {
  const auto path = std::filesystem::temp_directory_path() / ("reluscope-test-" + std::to_string(::getpid()));
  std::filesystem::remove_all(path);
  return path;
}

}  // namespace

TEST_CASE("the columns are those of schema version 1") {
  CHECK(csv_header<StepRecord>() ==
        "step,epoch,loss,accuracy,lr,grad_norm,grad_noise,param_norm,update_ratio,batch_dead_fraction,"
        "grad_trace,grad_signal\n");
  CHECK(csv_header<LayerRecord>() ==
        "step,epoch,layer,name,activation,units,batch_dead,batch_dead_fraction,zero_fraction,z_mean,z_std,a_mean,a_rms,"
        "a_max,grad_norm_w,grad_norm_b,grad_max,delta_rms,weight_norm,update_ratio,slope_mean,dead_min,dead_max,"
        "z_max,grad_mean,grad_zero_fraction,batch_rare,batch_faint,tiny_fraction,nonpositive_fraction,role,from_file,"
        "positions\n");
  CHECK(csv_header<CensusRecord>() ==
        "step,epoch,layer,name,units,dead,dead_fraction,dead_on_domain,locked,saturated,dormant,born_dead,died,revived,"
        "effective_rank,role,inherited,samples,positions,silent,not_finite\n");
  CHECK(csv_header<UnitRecord>() ==
        "layer,name,unit,state,born_dead,first_dead_step,last_change_step,deaths,revivals,cause,own_weights,own_bias,"
        "upstream,died_after,died_by,lr,grad_norm,margin,activation_rate,locked,locked_step,min_steps_to_revive,role,"
        "inherited,a_mean,slope,sample_rate,cover,within_rounding,norm,skip\n");
  CHECK(csv_header<ChangeRecord>() == "layer,name,unit,change,before,after,margin_before,margin_after\n");
  CHECK(csv_header<EvaluationRecord>() == "step,epoch,train_loss,train_accuracy,test_loss,test_accuracy\n");
  CHECK(csv_header<HistogramRecord>() == "layer,name,unit,step,moment,low,high,count\n");
}

TEST_CASE("in CSV an absent cell is empty and what is not finite has its name") {
  std::string line;
  append_csv_row(line, broken_step());
  CHECK(line == "3,0,nan,,1e+05,inf,,0,0,,,\n");
}

TEST_CASE("what was not measured is an empty cell, and null in JSON, whatever its type") {
  CensusRecord row;
  row.layer = 1;
  row.name = "one";
  row.locked = 7;
  mark_unmeasured(row, &CensusRecord::locked);
  CHECK_FALSE(is_measured(row, &CensusRecord::locked));
  CHECK(is_measured(row, &CensusRecord::died));
  std::string line;
  append_csv_row(line, row);
  CHECK(line == "0,0,1,one,0,0,0,0,,,,0,0,0,,,0,,,,\n");
  line.clear();
  append_json_row(line, row);
  CHECK(nlohmann::json::parse(line)["locked"].is_null());
  CHECK(nlohmann::json::parse(line)["died"] == 0);
}

TEST_CASE("in JSON what is not finite is null and named, and every line is valid JSON") {
  std::string line;
  append_json_row(line, broken_step());
  const auto row = nlohmann::json::parse(line);
  CHECK(row["step"] == 3);
  CHECK(row["loss"].is_null());
  CHECK(row["accuracy"].is_null());
  CHECK(row["not_finite"] == nlohmann::json{{"loss", "nan"}, {"grad_norm", "inf"}});
  line.clear();
  EventRecord event;
  event.step = 7;
  event.event = "died";
  event.name = "odd \"name\"\n";
  append_json_row(line, event);
  CHECK(nlohmann::json::parse(line)["name"] == "odd \"name\"\n");
}

TEST_CASE("beginning a run replaces the files of another, and touches no others") {
  const auto path = fresh_directory();
  CHECK_NOTHROW(RunDirectory::refuse_existing(path));
  { const RunDirectory first(RunLock(path), "{}"); }
  CHECK(std::filesystem::exists(path / "steps.csv"));
  const std::filesystem::path mine = path / "notes.txt";
  write_file_atomically(mine, "keep me");
  write_file_atomically(path / "summary.json", "old");
  CHECK_THROWS_AS(RunDirectory::refuse_existing(path), IoError);
  CHECK(std::filesystem::exists(path / "summary.json"));
  { const RunDirectory again(RunLock(path), "{}"); }
  CHECK(std::filesystem::exists(mine));
  CHECK_FALSE(std::filesystem::exists(path / "summary.json"));
  std::filesystem::remove_all(path);
}

TEST_CASE("two may not write into one directory; what nobody wrote to is not left behind") {
  const auto path = fresh_directory();
  {
    const RunLock lock(path);
    CHECK_THROWS_WITH_AS(RunLock{path}, doctest::Contains("another process is writing"), IoError);
  }
  CHECK_FALSE(std::filesystem::exists(path));
  { const RunDirectory used(RunLock(path), "{}"); }
  CHECK(std::filesystem::exists(path / "manifest.json"));
  CHECK_NOTHROW(RunLock{path});
  CHECK(std::filesystem::exists(path / "manifest.json"));
  std::filesystem::remove_all(path);
}

TEST_CASE("without a directory of its own a run claims the first name that nothing has") {
  const auto path = fresh_directory();
  const auto second = path.string() + "-2";
  const auto third = path.string() + "-3";
  CHECK(RunLock::next_free(path) == path);
  {
    const RunLock one = RunLock::claim_next(path);
    CHECK(one.directory() == path);
    CHECK(RunLock::next_free(path) == second);
    const RunLock other = RunLock::claim_next(path);
    CHECK(other.directory() == second);
    CHECK(RunLock::state_of(second) == LockState::held);
    write_file_atomically(third, "a file");
    CHECK(RunLock::claim_next(path).directory() == path.string() + "-4");
  }
  // What nobody wrote to is not left behind.
  CHECK_FALSE(std::filesystem::exists(path));
  CHECK_FALSE(std::filesystem::exists(second));
  CHECK(RunLock::claim_next(path / "deep" / "run").directory() == path / "deep" / "run");
  CHECK_FALSE(std::filesystem::exists(path));
  std::filesystem::remove(third);
}

TEST_CASE("a run that goes on keeps what the checkpoint knows of its files, and cuts off the rest") {
  const auto path = fresh_directory();
  StepRecord row;
  std::string before;
  Checkpoint checkpoint;
  checkpoint.state = "some state";
  {
    RunDirectory directory(RunLock(path), "{}");
    directory.step(row);
    directory.write_checkpoint(Checkpoint(checkpoint));
    before = read_whole_file(path / "steps.csv");
    directory.step(row);
    directory.step(row);
    directory.flush();
    CHECK(read_whole_file(path / "steps.csv").size() > before.size());
  }
  const Checkpoint from = read_checkpoint(path / RunDirectory::kCheckpoint);
  CHECK(from.state == "some state");
  CHECK(from.files.at("steps.csv") == before.size());
  {
    RunDirectory directory(RunLock(path), "{}", from);
    CHECK(read_whole_file(path / "steps.csv") == before);
    directory.step(row);
  }
  CHECK(read_whole_file(path / "steps.csv") == before + before.substr(before.find('\n') + 1));
  std::filesystem::resize_file(path / "steps.csv", 10);
  CHECK_THROWS_WITH_AS(RunDirectory(RunLock(path), "{}", from), doctest::Contains("it has 10 bytes"), IoError);
  std::filesystem::remove_all(path);
}

TEST_CASE("a full disk is an error, not silence") {
  if (!std::filesystem::exists("/dev/full")) return;
  TextSink sink("/dev/full");
  sink.write("something");
  CHECK_THROWS_AS(sink.flush(), IoError);
  CHECK_THROWS_AS(TextSink("/no/such/directory/file"), IoError);
}
