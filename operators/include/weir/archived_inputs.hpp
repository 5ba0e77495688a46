#pragma once
/// ArchiveRecord: what the input archive (weir/archive.hpp) keeps: the inputs models saw, and what became of models.
///
/// Thread: value types. Bytes (`Serde`): a version byte, a kind byte and the body that archived_inputs.cpp describes.
/// Numbers are kept bit by bit, NaN with its payload and -0 included. What older versions wrote can be read.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <weir/archived_ballots.hpp>
#include <weir/archived_model.hpp>
#include <weir/model.hpp>
#include <weir/model_id.hpp>
#include <weir/process_function.hpp>
#include <weir/result.hpp>
#include <weir/scored.hpp>
#include <weir/serve_options.hpp>
#include <weir/time.hpp>

namespace weir {

class ByteReader;
class ByteWriter;

/// The records of one key that one version scored in one call, or that met no model then: their inputs exactly as the
/// model saw them, and what it answered. Row-major, `rows()` rows.
struct ArchivedInputs {
  std::string key;         ///< its text
  ArchivedModel model;     ///< of all rows; no model: kNoModel or kFallback
  ModelDigest features{};  ///< address of the ArchivedSchema in the job's store of models
  ScorePath path = ScorePath::kNone;
  std::vector<ScoreStatus> statuses;              ///< one for each row
  std::vector<Timestamp> times;                   ///< event times; empty: none is known
  std::vector<std::uint64_t> positions;           ///< in the records' source; empty: none is known
  std::vector<double> numbers;                    ///< rows x numeric features; NaN: missing
  std::vector<std::optional<std::string>> texts;  ///< rows x text features; nothing: missing
  std::vector<double> number_outputs;             ///< rows x numeric outputs, or of ServeOptions::fallback
  std::vector<std::string> text_outputs;          ///< rows x text outputs

  [[nodiscard]] std::size_t rows() const noexcept { return statuses.size(); }
  [[nodiscard]] std::size_t number_columns() const noexcept { return statuses.empty() ? 0 : numbers.size() / rows(); }
  [[nodiscard]] std::size_t text_columns() const noexcept { return statuses.empty() ? 0 : texts.size() / rows(); }
  [[nodiscard]] std::size_t numbers_out() const noexcept {
    return statuses.empty() ? 0 : number_outputs.size() / rows();
  }
  [[nodiscard]] std::size_t texts_out() const noexcept { return statuses.empty() ? 0 : text_outputs.size() / rows(); }
};

/// What the columns of ArchivedInputs are: written once into the job's store of models, under the SHA-256 of its bytes.
struct ArchivedSchema {
  std::vector<Field> features;
  std::vector<std::string> outputs;  ///< ServeOptions::outputs; empty: a model's primary one
  // Of speculate() alone; `outputs` are then those of each member.
  std::vector<ArchivedMember> members{};
  std::vector<ArchivedPolicy> policies{};

  [[nodiscard]] std::string encode() const;
  /// kDataLoss when the bytes are no such schema.
  static Result<ArchivedSchema> decode(std::string_view bytes);
};

/// A model became ready, current, retired or was refused.
struct ArchivedEvent {
  std::string key;
  ArchivedModel model;  ///< its digest is zero when the bytes were never read
  ModelState state = ModelState::kReceived;
  std::string reason;                      ///< of a refusal
  Timestamp effective_at = kMinTimestamp;  ///< event time, in kEventTime mode
  Timestamp at = kMinTimestamp;            ///< wall clock
};

struct ArchiveRecord {
  std::variant<ArchivedInputs, ArchivedEvent, ArchivedBallots> what;

  [[nodiscard]] const ArchivedInputs* inputs() const noexcept { return std::get_if<ArchivedInputs>(&what); }
  [[nodiscard]] const ArchivedEvent* event() const noexcept { return std::get_if<ArchivedEvent>(&what); }
  [[nodiscard]] const ArchivedBallots* ballots() const noexcept { return std::get_if<ArchivedBallots>(&what); }

  void weir_write(ByteWriter& writer) const;
  void weir_read(ByteReader& reader);
  static void weir_schema(std::string& out);
};

/// Everything the models of a serving operator see, as a stream: `scores.side_output(weir::kModelInputs)`. One record
/// for each call of a model; of speculate(), for the records of a key that leave together. What nobody listens to is
/// not made. Needs a job with a directory.
inline const SideOutput<ArchiveRecord> kModelInputs{"model-inputs"};

}  // namespace weir
