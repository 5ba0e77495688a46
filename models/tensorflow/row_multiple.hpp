#pragma once
/// In what multiples of rows must a graph run, so that a row's answers have the same bits wherever it stands?

#include <cstddef>
#include <string_view>

namespace weir::tensorflow {

/// What decides about matrix products: TensorFlow has the processor's own code for them, everything else is the same on
/// all.
enum class Processor { kAvx512, kOther };
/// The one that this process runs on. kOther too when environment variables choose other code than the processor's best
/// (ONEDNN_MAX_CPU_ISA, DNNL_MAX_CPU_ISA, TENSORFLOW_USE_CUSTOM_CONTRACTION_KERNEL).
Processor this_processor() noexcept;

/// `run_metadata`: a tensorflow.RunMetadata with the graphs that were executed (partition_graphs): what TensorFlow made
/// of the model by inlining and fusing. The smallest multiple that is known to be enough; for operators that are not
/// known (and for bytes that are no such message) the one of the widest blocks.
std::size_t row_multiple_of(std::string_view run_metadata, Processor processor);

}  // namespace weir::tensorflow
