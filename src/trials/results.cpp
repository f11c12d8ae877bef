#include "trials/results.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>

#include "trace/table_writer.hpp"
#include "util/error.hpp"
#include "util/own_directory.hpp"
#include "util/text_file.hpp"

namespace reluscope {

namespace {

[[noreturn]] void fail(const std::string& what, const std::filesystem::path& path) {
  throw IoError("cannot " + what + " '" + path.string() + "': " + std::strerror(errno));
}

}  // namespace

std::string results_header(std::span<const std::string> keys) {
  std::string line = "job,id,";
  for (const std::string& key : keys) {
    append_csv_cell(line, key);
    line += ',';
  }
  return line + "seed," + csv_header<Figures>();
}

std::string results_row(const Job& job, const Figures& figures) {
  std::string line;
  append_number(line, job.number);
  line.append(",").append(job.id).append(",");
  for (const std::string& value : job.settings) {
    append_csv_cell(line, value);
    line += ',';
  }
  line.append(std::to_string(job.seed)).append(",");
  append_csv_row(line, figures);
  return line;
}

std::vector<ResultsRow> read_results(std::string_view text, const std::string& origin) {
  std::vector<ResultsRow> rows;
  std::size_t begin = text.find('\n');
  if (begin == std::string_view::npos) return rows;
  for (std::size_t line = 2; ++begin < text.size(); ++line) {
    const std::size_t end = text.find('\n', begin);
    if (end == std::string_view::npos) break;
    ResultsRow row;
    row.line = text.substr(begin, end + 1 - begin);
    const std::size_t comma = row.line.find(',');
    const std::size_t second = comma == std::string::npos ? comma : row.line.find(',', comma + 1);
    const auto [stop, error] = std::from_chars(row.line.data(), row.line.data() + row.line.size(), row.job);
    if (second == std::string::npos || error != std::errc() || stop != row.line.data() + comma)
      throw DataError(origin + ", line " + std::to_string(line) + ": expected a row that begins with JOB,ID,");
    row.id = row.line.substr(comma + 1, second - comma - 1);
    rows.push_back(std::move(row));
    begin = end;
  }
  return rows;
}

ResultsJournal::ResultsJournal(const std::filesystem::path& path, const std::string& header)
    : path_(path), file_(open_own_file(path, O_RDWR | O_CREAT | O_APPEND)) {
  if (file_.number() < 0) fail("open", path_);
  // Where a file system has no locks, there is none.
  if (::flock(file_.number(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
    throw IoError("'" + path_.string() + "' is in use by another process: wait for it, or stop it");
  std::string text = read_whole_file(path_);
  const std::size_t whole = text.rfind('\n') + 1;  // 0 where there is no line break
  if (whole < text.size()) {
    if (::ftruncate(file_.number(), static_cast<off_t>(whole)) != 0) fail("truncate", path_);
    text.resize(whole);
  }
  if (text.empty()) {
    append(header);
  } else if (!text.starts_with(header)) {
    throw IoError("'" + path_.string() + "' has other columns than this sweep: choose another directory with --out");
  }
  rows_ = read_results(text, path_.string());
}

void ResultsJournal::append(const std::string& line) {
  // A short write leaves half a row, which is cut off when the sweep goes on.
  const ssize_t written = ::write(file_.number(), line.data(), line.size());
  if (written == static_cast<ssize_t>(line.size())) return;
  if (written >= 0) errno = ENOSPC;
  fail("write to", path_);
}

}  // namespace reluscope
