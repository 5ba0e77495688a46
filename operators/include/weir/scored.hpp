#pragma once
/// Scored<T>: a record with what a model said about it, and which model, how and how fast.

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <utility>

#include <weir/batch.hpp>
#include <weir/json.hpp>
#include <weir/model_id.hpp>
#include <weir/score_values.hpp>
#include <weir/serde.hpp>
#include <weir/short_text.hpp>
#include <weir/time.hpp>

namespace weir {

enum class ScoreStatus : unsigned char {
  kOk,        ///< scored
  kNoModel,   ///< the key has no model (ServeOptions::no_model)
  kError,     ///< the model could not score it; reason() says why
  kFallback,  ///< the key has no model; the outputs are ServeOptions::fallback
  kLate,      ///< answered after its deadline
};
/// `ok`, `no_model`, `error`, `fallback`, `late`.
std::string_view to_string(ScoreStatus status) noexcept;

/// Which way a score came about.
enum class ScorePath : unsigned char { kNone, kCurrent, kShadow, kCanary, kDecoy, kFallback };
/// `none`, `current`, `shadow`, `canary`, `decoy`, `fallback`.
std::string_view to_string(ScorePath path) noexcept;

/// The part of a result that does not depend on the record's type.
struct ScoreAnswer {
  ShortText key;                         ///< the key's text (weir::key_text)
  ModelId model;                         ///< default (no model) unless status is kOk or kError
  std::int64_t latency_ns = 0;           ///< of scoring: the time of its group of records divided by their number
  ScoreNumbers numbers;                  ///< numeric outputs, in the order of ServeOptions::outputs
  ScoreTexts texts;                      ///< text outputs (labels), in that order; with kError the reason
  Timestamp event_time = kMinTimestamp;  ///< kMinTimestamp when the record has none
  std::uint64_t position = kNoPosition;  ///< in the record's source; kNoPosition when it numbers nothing
  ScoreStatus status = ScoreStatus::kNoModel;
  ScorePath path = ScorePath::kNone;

  ScoreAnswer() = default;
  /// An answer like `like`, which has neither numbers nor texts, with numbers for one record.
  ScoreAnswer(const ScoreAnswer& like, const double* values, std::size_t count, Timestamp at, std::uint64_t from)
      : key(like.key),
        model(like.model),
        latency_ns(like.latency_ns),
        numbers(values, count),
        event_time(at),
        position(from),
        status(like.status),
        path(like.path) {}

  [[nodiscard]] bool ok() const noexcept { return status == ScoreStatus::kOk; }
  /// Numeric output `index`; NaN when there is none.
  [[nodiscard]] double number(std::size_t index = 0) const noexcept {
    return index < numbers.size() ? numbers[index] : std::numeric_limits<double>::quiet_NaN();
  }
  /// Text output `index`; empty when there is none.
  [[nodiscard]] std::string_view text(std::size_t index = 0) const noexcept {
    return status != ScoreStatus::kError && index < texts.size() ? texts[index] : std::string_view{};
  }
  /// Why the record could not be scored; empty unless status is kError.
  [[nodiscard]] std::string_view reason() const noexcept {
    return status == ScoreStatus::kError && texts.size() != 0 ? texts[0] : std::string_view{};
  }

  void write_answer(ByteWriter& writer) const;
  void read_answer(ByteReader& reader);
  /// The members of a JSON object.
  void json_answer(JsonWriter& writer) const;
};

/// A result of ServeModel. Thread: a value type.
template <class T>
struct Scored : ScoreAnswer {
  T record{};

  Scored() = default;
  Scored(T&& of, const ScoreAnswer& like, const double* values, std::size_t count, Timestamp at, std::uint64_t from)
      : ScoreAnswer(like, values, count, at, from), record(std::move(of)) {}

  void weir_write(ByteWriter& writer) const {
    Serde<T>::write(writer, record);
    write_answer(writer);
  }
  void weir_read(ByteReader& reader) {
    Serde<T>::read(reader, record);
    read_answer(reader);
  }
  static void weir_schema(std::string& out) {
    out += "scored<";
    Serde<T>::schema(out);
    out += '>';
  }
  /// `{"record": ..., "key": ..., "event_time": ..., "position": 7, "model": {...}, "status": "ok", "path": "current",
  /// "numbers": [...], "texts": [...], "reason": "...", "latency_ns": 12}`; what is not there is left out.
  void weir_json(JsonWriter& writer) const {
    writer.begin_object();
    writer.key("record");
    write_json(writer, record);
    json_answer(writer);
    writer.end_object();
  }
};

}  // namespace weir
