#pragma once
/// The instructions that read or make texts, and conversions between texts and other types.

#include "models/pmml/program.hpp"

namespace weir::pmml {

/// The value of a text or conversion instruction; on failure the row fails and the value is missing.
double text_function(const Instruction& at, Frame& frame) noexcept;

}  // namespace weir::pmml
