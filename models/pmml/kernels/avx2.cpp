// The kernels with AVX2 and FMA.
#define WEIR_KERNELS avx2_kernels
#define WEIR_VECTOR_UNIT kAvx2
#include "models/pmml/kernels/forms.inc"
