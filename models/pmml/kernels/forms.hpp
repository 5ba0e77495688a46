#pragma once
/// The forms of the kernels, one translation unit each (forms.inc compiled with other options).

#include "models/pmml/kernels/kernels.hpp"

namespace weir::pmml {

const Kernels& plain_kernels() noexcept;
const Kernels& avx2_kernels() noexcept;
const Kernels& avx512_kernels() noexcept;

}  // namespace weir::pmml
