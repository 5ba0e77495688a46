#include "models/pmml/matrices.hpp"

#include <algorithm>

namespace weir::pmml {
namespace {

class MatrixReader {
 public:
  MatrixReader(Compiler& compiler, Element at, std::size_t rows, std::size_t columns)
      : compiler_(compiler), at_(at), rows_(rows), columns_(columns), values_(rows * columns, 0.0) {}

  std::vector<double> read() {
    const double diagonal = compiler_.number(at_, "diagDefault", 0);
    const double others = compiler_.number(at_, "offDiagDefault", 0);
    for (std::size_t i = 0; i < rows_; ++i)
      for (std::size_t j = 0; j < columns_; ++j) values_[i * columns_ + j] = i == j ? diagonal : others;
    const std::string_view kind = at_.attribute_or("kind", "any");
    if (kind != "any" && kind != "symmetric" && kind != "diagonal")
      compiler_.problems().unsupported(at_, "kind", "'" + std::string(kind) + "'");
    std::size_t row = 0;
    for (const Element part : at_) {
      if (part.is("MatCell")) cell(part, kind == "symmetric");
      if (part.is("Array")) array(part, kind, row++);
    }
    return std::move(values_);
  }

 private:
  void cell(Element part, bool symmetric) {
    const double row = compiler_.required_number(part, "row"), column = compiler_.required_number(part, "col");
    const auto value = parse_number(part.text());
    const bool fits = row >= 1 && column >= 1 && row <= static_cast<double>(rows_) &&
                      column <= static_cast<double>(columns_) && value.has_value();
    if (!fits) return compiler_.problems().wrong(part, "", "is no number of a row and column that there is");
    const std::size_t i = static_cast<std::size_t>(row) - 1, j = static_cast<std::size_t>(column) - 1;
    values_[i * columns_ + j] = *value;
    if (symmetric && j < rows_ && i < columns_) values_[j * columns_ + i] = *value;
  }

  void array(Element part, std::string_view kind, std::size_t row) {
    const std::vector<double> numbers = compiler_.numbers(part);
    const bool triangle = kind == "symmetric", diagonal = kind == "diagonal";
    const std::size_t wanted = triangle ? row + 1 : diagonal ? std::min(rows_, columns_) : columns_;
    if (numbers.size() != wanted || row >= (diagonal ? 1 : rows_))
      return compiler_.problems().wrong(
          part, "",
          "does not fit a matrix of " + std::to_string(rows_) + " rows and " + std::to_string(columns_) + " columns");
    for (std::size_t j = 0; j < numbers.size(); ++j) {
      values_[(diagonal ? j : row) * columns_ + j] = numbers[j];
      if (triangle && row < columns_) values_[j * columns_ + row] = numbers[j];
    }
  }

  Compiler& compiler_;
  Element at_;
  std::size_t rows_, columns_;
  std::vector<double> values_;
};

}  // namespace

std::vector<double> read_matrix(Compiler& compiler, Element matrix, std::size_t rows, std::size_t columns) {
  return MatrixReader(compiler, matrix, rows, columns).read();
}

}  // namespace weir::pmml
