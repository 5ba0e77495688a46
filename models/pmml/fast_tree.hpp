#pragma once
/// A document of one tree, scored as a Forest of one; leaves of the forest are indices of the tree's leaves.

#include <memory>

#include "models/pmml/forest.hpp"

namespace weir::pmml {

/// The tree in the fast form, or `general` itself when it is no tree or does not fit.
std::unique_ptr<Evaluator> make_fast_tree(std::unique_ptr<Evaluator> general, const Answer& answer, Compiler& compiler);

}  // namespace weir::pmml
