#pragma once
/// ONNX Runtime and TensorFlow by their C APIs, without weir: one input tensor of floats, one output.

#include <cstddef>
#include <memory>
#include <span>
#include <string>

#include "bench/support/harness.hpp"
#include "bench/support/serving_models.hpp"

namespace weir::bench {

/// A loaded model and its tensors for calls of `batch` rows. One thread.
class BareModel {
 public:
  virtual ~BareModel() = default;
  /// batch x kFeatures values to fill.
  virtual float* input() = 0;
  /// One run; the first value of each row. Ends the process when it fails.
  virtual const float* run() = 0;
};

/// One thread, no pools. `library`: path of the runtime's own. End the process when the model does not load.
std::unique_ptr<BareModel> bare_onnx(const std::string& library, const std::string& file, std::size_t batch);
std::unique_ptr<BareModel> bare_frozen(const std::string& library, const std::string& file, std::size_t batch);
/// `directory`: an unpacked SavedModel; `input`, `output`: names of its tensors.
std::unique_ptr<BareModel> bare_saved(const std::string& library, const std::string& directory,
                                      const std::string& input, const std::string& output, std::size_t batch);

/// What both sides add up: coarse, since a runtime's last digits depend on the size of the batch.
std::uint64_t runtime_fingerprint(double score) noexcept;

/// Samples in turn, one a call, `copies` times in each: the first answer counts. What a caller does without weir who
/// wants a row's answer to have the same bits as in a batch.
Measured bare_copies_limit(std::uint64_t records, std::span<const Sample> samples, BareModel& model,
                           std::size_t copies);

/// Samples in turn, `batch` a call.
Measured bare_scoring_limit(std::uint64_t records, std::span<const Sample> samples, BareModel& model,
                            std::size_t batch);

}  // namespace weir::bench
