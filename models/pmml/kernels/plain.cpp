// The kernels without vector instructions beyond the platform's own.
#define WEIR_KERNELS plain_kernels
#define WEIR_VECTOR_UNIT kNone
#include "models/pmml/kernels/forms.inc"
