#include "data/csv_features.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <new>
#include <utility>

#include "util/error.hpp"
#include "util/excerpt.hpp"
#include "util/memory.hpp"

namespace reluscope {
namespace {

/// What features a column of the training table becomes.
struct Encoding {
  std::vector<std::string> categories;  ///< sorted; of a one_hot column a feature each
  Index values = 1;                     ///< features for the values, without the indicator
  bool has_indicator = false;

  [[nodiscard]] Index features() const { return values + (has_indicator ? 1 : 0); }
};

/// Whether each column is one feature, its cells what they are.
bool is_plain(const std::vector<Encoding>& encodings) {
  return std::all_of(encodings.begin(), encodings.end(),
                     [](const Encoding& one) { return one.features() == 1 && one.categories.empty(); });
}

/// As numbers where all are, else as text.
std::vector<std::string> sorted_categories(std::vector<std::string> texts) {
  const bool numeric = std::all_of(texts.begin(), texts.end(), [](const std::string& text) {
    const std::optional<double> number = parse_number(text);
    return number && std::isfinite(*number);
  });
  std::sort(texts.begin(), texts.end(), [&](const std::string& left, const std::string& right) {
    return numeric && *parse_number(left) != *parse_number(right) ? *parse_number(left) < *parse_number(right)
                                                                  : left < right;
  });
  return texts;
}

std::vector<Encoding> encodings_of(const CsvTable& table, MissingCells missing) {
  std::vector<Encoding> encodings;
  for (const FeatureColumn& column : table.columns) {
    Encoding& one = encodings.emplace_back();
    one.categories = sorted_categories(column.categories.texts());
    if (column.reading == Reading::one_hot) one.values = static_cast<Index>(one.categories.size());
    one.has_indicator = missing == MissingCells::indicator && column.missing > 0;
  }
  return encodings;
}

/// For each number in the column's cells: which of the encoding's categories it stands for; −1: none.
std::vector<Index> places_of(const FeatureColumn& column, const Encoding& encoding) {
  std::vector<Index> places;
  for (const std::string& text : column.categories.texts()) {
    const auto found = std::find(encoding.categories.begin(), encoding.categories.end(), text);
    places.push_back(found == encoding.categories.end() ? -1 : found - encoding.categories.begin());
  }
  return places;
}

/// Writes the features of one table.
template <class T>
class Encoder {
 public:
  Encoder(const CsvTable& table, const std::vector<FeatureColumn>& train, const std::vector<Encoding>& encodings)
      : table_(table), train_(train), encodings_(encodings) {
    for (std::size_t column = 0; column < encodings.size(); ++column)
      places_.push_back(places_of(table.columns[column], encodings[column]));
  }

  Matrix<T> encode(const Matrix<T>& values) {
    Index rows = 0;
    for (const Encoding& one : encodings_) rows += one.features();
    if (static_cast<std::uint64_t>(rows) * static_cast<std::uint64_t>(values.cols()) * sizeof(T) >
        available_memory_bytes())
      throw std::bad_alloc();
    Matrix<T> features = Matrix<T>::Zero(rows, values.cols());
    for (Index sample = 0; sample < values.cols(); ++sample) {
      Index row = 0;
      for (std::size_t column = 0; column < encodings_.size(); ++column) {
        write(column, values(static_cast<Index>(column), sample), features.data() + sample * rows + row);
        row += encodings_[column].features();
      }
    }
    return features;
  }

  std::uint64_t unseen = 0;

 private:
  void write(std::size_t column, T value, T* out) {
    const Encoding& encoding = encodings_[column];
    const bool is_missing = std::isnan(value);
    if (encoding.has_indicator) out[encoding.values] = is_missing ? T(1) : T(0);
    if (is_missing) {
      std::fill(out, out + encoding.values, value);
      return;
    }
    const bool is_category = train_[column].reading == Reading::one_hot || train_[column].reading == Reading::ordinal;
    if (!is_category) {
      *out = value;
      return;
    }
    const Index place = place_of(column, value);
    if (place < 0) ++unseen;
    if (train_[column].reading == Reading::ordinal) {
      if (place < 0)
        throw DataError("the test file has a value in " + table_.layout.column_text(table_.columns[column].column) +
                        " that the training file does not have: it has no place in an order" +
                        help_line("data.categorical for this column in place of data.ordinal"));
      *out = static_cast<T>(place);
    } else if (place >= 0) {
      out[place] = T(1);
    }
  }

  /// The table may have read numbers where the training table had text among them.
  Index place_of(std::size_t column, T value) const {
    if (table_.columns[column].categories.size() > 0) return places_[column][static_cast<std::size_t>(value)];
    const std::vector<std::string>& known = encodings_[column].categories;
    const auto found = std::find(known.begin(), known.end(), number_text(static_cast<double>(value)));
    return found == known.end() ? -1 : found - known.begin();
  }

  const CsvTable& table_;
  const std::vector<FeatureColumn>& train_;
  const std::vector<Encoding>& encodings_;
  std::vector<std::vector<Index>> places_;
};

/// The features; most tables are them already.
FeatureMatrix encode(CsvTable& table, const std::vector<FeatureColumn>& train, const std::vector<Encoding>& encodings,
                     std::uint64_t& unseen) {
  if (is_plain(encodings)) return std::move(table.values);
  return std::visit(
      [&](auto& values) -> FeatureMatrix {
        using T = typename std::decay_t<decltype(values)>::Scalar;
        if constexpr (std::is_integral_v<T>) {
          return std::move(values);  // never: a table is read into numbers with a point
        } else {
          Encoder<T> encoder(table, train, encodings);
          Matrix<T> features = encoder.encode(values);
          unseen += encoder.unseen;
          return features;
        }
      },
      table.values);
}

void name_features(RawData& data, const CsvTable& table, const std::vector<Encoding>& encodings) {
  if (table.layout.header.empty() && is_plain(encodings)) return;  // the columns have no names, and need none
  for (std::size_t at = 0; at < encodings.size(); ++at) {
    const FeatureColumn& column = table.columns[at];
    const std::string name = table.layout.header.empty() ? std::to_string(column.column) : column.name;
    if (column.reading == Reading::one_hot) {
      for (const std::string& category : encodings[at].categories) data.feature_names.push_back(name + "=" + category);
    } else {
      data.feature_names.push_back(name);
    }
    if (encodings[at].has_indicator) data.feature_names.push_back(name + " is missing");
  }
}

void note_fills(RawData& data, const CsvTable& table, const std::vector<Encoding>& encodings, MissingCells missing) {
  if (missing == MissingCells::error || missing == MissingCells::drop_rows) return;
  const Fill statistic = missing == MissingCells::median ? Fill::median : Fill::mean;
  for (std::size_t at = 0; at < encodings.size(); ++at) {
    const Fill fill = table.columns[at].reading == Reading::one_hot ? Fill::zero : statistic;
    data.fills.insert(data.fills.end(), static_cast<std::size_t>(encodings[at].values), fill);
    if (encodings[at].has_indicator) data.fills.push_back(Fill::none);
  }
}

void note_columns(TableFacts& facts, const CsvTable& table) {
  const CsvLayout& layout = table.layout;
  for (const std::size_t label : layout.labels) facts.labels.push_back(layout.reference_to(label));
  std::string dropped;  // a setting replaces what the config has: what is left out there has to stay so
  for (std::size_t column = 0; column < layout.columns.size(); ++column) {
    if (layout.columns[column].reading != Reading::left_out) continue;
    facts.left_out.push_back({layout.reference_to(column), layout.columns[column].why_left_out});
    if (facts.left_out.back().why == kDropped) dropped = with_column(dropped, facts.left_out.back().column);
  }
  for (const FeatureColumn& column : table.columns)
    if (column.categories.size() > 0)
      facts.encoded.push_back({layout.reference_to(column.column),
                               column.reading == Reading::ordinal ? "ordinal" : "one_hot", column.categories.size()});
  facts.rows_left_out = table.rows_left_out;
  facts.comments = table.comments;
  if (table.first_counts_rows && table.columns.size() > 1) {
    facts.row_number = layout.reference_to(table.columns.front().column);
    facts.row_number_setting = setting("data.drop", with_column(dropped, facts.row_number));
  }
}

}  // namespace

void make_features(RawData& data, CsvTable train, std::optional<CsvTable> test, MissingCells missing) {
  const std::vector<Encoding> encodings = encodings_of(train, missing);
  note_columns(data.table, train);
  name_features(data, train, encodings);
  note_fills(data, train, encodings, missing);
  std::uint64_t unseen = 0;
  data.train.features = encode(train, train.columns, encodings, unseen);
  if (data.train.features_count() == 0)
    throw DataError("the feature columns hold no values: nothing is left for the network to see");
  if (!test) return;
  for (std::size_t at = 0; at < encodings.size(); ++at)
    if (test->columns[at].categories.size() > 0 && train.columns[at].categories.size() == 0)
      throw DataError("the test file has text in " + test->layout.column_text(test->columns[at].column) +
                      ", where the training file has numbers");
  data.table.rows_left_out += test->rows_left_out;
  data.table.comments += test->comments;
  data.test.emplace().features = encode(*test, train.columns, encodings, data.table.unseen);
}

}  // namespace reluscope
