#pragma once
/// Matrix elements: rows as Arrays (all of them, the lower triangle, the diagonal) or cells with defaults.

#include <vector>

#include "models/pmml/compiler.hpp"

namespace weir::pmml {

/// The elements of `matrix` row by row. Reports what does not fit `rows` x `columns` and leaves zeros there.
std::vector<double> read_matrix(Compiler& compiler, Element matrix, std::size_t rows, std::size_t columns);

}  // namespace weir::pmml
