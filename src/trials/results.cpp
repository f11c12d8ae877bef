#include "trials/results.hpp"

#include <algorithm>
#include <tuple>
#include <type_traits>

#include "trace/table_reader.hpp"
#include "trace/table_writer.hpp"

namespace reluscope {

namespace {

/// A row is a line: what is varied may be any text.
std::string on_one_line(std::string text) {
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text;
}

std::string without_break(std::string line) {
  line.pop_back();
  return line;
}

}  // namespace

std::string results_header(std::span<const std::string> keys) {
  std::string line = "job,id,";
  for (const std::string& key : keys) {
    append_csv_cell(line, on_one_line(key));
    line += ',';
  }
  return without_break(line + "seed," + csv_header<Figures>());
}

std::string results_row(const Job& job, const Figures& figures) {
  std::string line;
  append_number(line, job.number);
  line.append(",").append(job.id).append(",");
  for (const std::string& value : job.settings) {
    append_csv_cell(line, on_one_line(value));
    line += ',';
  }
  line.append(std::to_string(job.seed)).append(",");
  append_csv_row(line, figures);
  return without_break(std::move(line));
}

std::vector<std::string> split_row(std::string_view row) {
  std::vector<std::string> cells(1);
  bool quoted = false;
  for (std::size_t at = 0; at < row.size(); ++at) {
    // A quote within quotes is doubled: the first of the two closes them, the second opens them again.
    if (row[at] == '"') {
      if (!quoted && at > 0 && row[at - 1] == '"') cells.back() += '"';
      quoted = !quoted;
    } else if (row[at] == ',' && !quoted) {
      cells.emplace_back();
    } else {
      cells.back() += row[at];
    }
  }
  return cells;
}

std::optional<Figures> figures_of(std::span<const std::string> cells, std::size_t keys, std::size_t more) {
  constexpr std::size_t kFigures = std::tuple_size_v<decltype(Figures::columns())>;
  const std::size_t first = 2 + keys + 1;  // job, id, …, seed
  if (cells.size() != first + kFigures + more) return std::nullopt;
  Figures figures;
  std::size_t at = first;
  const auto read = [&](const auto& column) {
    const std::string& cell = cells[at++];
    using Member = std::remove_reference_t<decltype(figures.*column.member)>;
    // Nothing stands for what a run does not have.
    return (detail::kIsOptional<Member> && cell.empty()) || detail::read_cell(cell, figures.*column.member) == nullptr;
  };
  const bool good = std::apply([&](const auto&... column) { return (read(column) && ...); }, Figures::columns());
  return good ? std::optional(figures) : std::nullopt;
}

}  // namespace reluscope
