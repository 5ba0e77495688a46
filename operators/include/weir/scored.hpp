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

/// A result of ServeModel. Thread: a value type.
template <class T>
struct Scored {
  T record{};
  std::string key;                       ///< the key's text (weir::key_text)
  Timestamp event_time = kMinTimestamp;  ///< kMinTimestamp when the record has none
  std::uint64_t position = kNoPosition;  ///< in the record's source; kNoPosition when it numbers nothing
  ModelId model;                         ///< default (no model) unless status is kOk or kError
  ScoreNumbers numbers;                  ///< numeric outputs, in the order of ServeOptions::outputs
  ScoreTexts texts;                      ///< text outputs (labels), in that order; with kError the reason
  std::int64_t latency_ns = 0;           ///< of scoring: the time of its group of records divided by their number
  ScoreStatus status = ScoreStatus::kNoModel;
  ScorePath path = ScorePath::kNone;

  Scored() = default;
  /// A record that met no model.
  Scored(T&& of, const std::string& with_key, Timestamp at, std::uint64_t from)
      : record(std::move(of)), key(with_key), event_time(at), position(from) {}
  /// A record that was scored.
  Scored(T&& of, const std::string& with_key, Timestamp at, std::uint64_t from, const ModelId& by, const double* values,
         std::size_t count, std::int64_t nanoseconds, ScorePath way)
      : record(std::move(of)),
        key(with_key),
        event_time(at),
        position(from),
        model(by),
        numbers(values, count),
        latency_ns(nanoseconds),
        status(ScoreStatus::kOk),
        path(way) {}

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

  void weir_write(ByteWriter& writer) const {
    Serde<T>::write(writer, record);
    writer.sized(key);
    Serde<Timestamp>::write(writer, event_time);
    writer.fixed64(position);
    model.weir_write(writer);
    numbers.weir_write(writer);
    texts.weir_write(writer);
    writer.fixed64(static_cast<std::uint64_t>(latency_ns));
    writer.byte(static_cast<std::uint8_t>(status));
    writer.byte(static_cast<std::uint8_t>(path));
  }
  void weir_read(ByteReader& reader) {
    Serde<T>::read(reader, record);
    key = reader.sized();
    Serde<Timestamp>::read(reader, event_time);
    position = reader.fixed64();
    model.weir_read(reader);
    numbers.weir_read(reader);
    texts.weir_read(reader);
    latency_ns = static_cast<std::int64_t>(reader.fixed64());
    const std::uint8_t status_byte = reader.byte();
    const std::uint8_t path_byte = reader.byte();
    if (status_byte > static_cast<std::uint8_t>(ScoreStatus::kLate)) reader.fail();
    if (path_byte > static_cast<std::uint8_t>(ScorePath::kFallback)) reader.fail();
    status = static_cast<ScoreStatus>(status_byte);
    path = static_cast<ScorePath>(path_byte);
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
    writer.key("key");
    writer.string(key);
    if (event_time != kMinTimestamp) {
      writer.key("event_time");
      writer.string(format_timestamp(event_time));
    }
    if (position != kNoPosition) {
      writer.key("position");
      writer.number(position);
    }
    if (model.has_value()) {
      writer.key("model");
      model.weir_json(writer);
    }
    writer.key("status");
    writer.string(to_string(status));
    writer.key("path");
    writer.string(to_string(path));
    if (status == ScoreStatus::kError) {
      writer.key("reason");
      writer.string(reason());
    } else {
      writer.key("numbers");
      numbers.weir_json(writer);
      if (texts.size() != 0) {
        writer.key("texts");
        texts.weir_json(writer);
      }
    }
    writer.key("latency_ns");
    writer.number(latency_ns);
    writer.end_object();
  }
};

}  // namespace weir
