#pragma once
/// The instructions that read or make texts, and conversions between texts and other types.

#include "models/pmml/program.hpp"

namespace weir::pmml {

/// The value of a text or conversion instruction; on failure the row fails and the value is missing.
/// Changes the case of ASCII letters and of those that have two bytes in both cases (Latin, Greek, Cyrillic), in place.
void change_letters(char* text, std::size_t size, bool upper) noexcept;

double text_function(const Instruction& at, Frame& frame) noexcept;

}  // namespace weir::pmml
