// The kernels with AVX-512 F, BW, DQ and VL.
#define WEIR_KERNELS avx512_kernels
#define WEIR_VECTOR_UNIT kAvx512
#include "models/pmml/kernels/forms.inc"
