#pragma once
/// Speculated<T>: a record with the answer that several models gave to it, and how it came about. LateScore: what a
/// model said too late.

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include <weir/batch.hpp>
#include <weir/decision_policy.hpp>
#include <weir/json.hpp>
#include <weir/serde.hpp>
#include <weir/serving/identity_json.hpp>
#include <weir/short_text.hpp>
#include <weir/time.hpp>

namespace weir {

enum class AnswerStatus : unsigned char {
  kAnswered,  ///< the policy's answer, from what the models said
  kDefault,   ///< the policy's default
  kNone,      ///< the policy had no answer
};
/// `answered`, `default`, `none`.
std::string_view to_string(AnswerStatus status) noexcept;

/// The part of a result that does not depend on the record's type.
struct SpeculationAnswer {
  ScoreNumbers numbers;  ///< the answer
  ScoreTexts texts;
  std::string policy;               ///< the name of the policy that decided
  std::vector<MemberScore> scores;  ///< of every member, in the order declared
  std::int64_t latency_ns = 0;      ///< from the record's start to the decision, by the monotonic clock
  /// The share of those that voted who say what the answer says: the same first text or, where it has none, the same
  /// first number (within SpeculationOptions::agreement_tolerance). 0 without an answer or votes.
  double agreement = 0;
  std::int32_t winner = -1;  ///< index of the member that was answered (a class: of its best voter); -1: none
  AnswerStatus status = AnswerStatus::kNone;
  bool at_deadline = false;  ///< decided because the deadline had come

  [[nodiscard]] bool ok() const noexcept { return status == AnswerStatus::kAnswered; }
  /// Numeric output `index` of the answer; NaN when there is none.
  [[nodiscard]] double number(std::size_t index = 0) const noexcept {
    return index < numbers.size() ? numbers[index] : std::numeric_limits<double>::quiet_NaN();
  }
  /// Text output `index` of the answer; empty when there is none.
  [[nodiscard]] std::string_view text(std::size_t index = 0) const noexcept {
    return index < texts.size() ? texts[index] : std::string_view{};
  }
  /// Name of the winner; empty when there is none.
  [[nodiscard]] std::string_view winner_name() const noexcept {
    return winner < 0 ? std::string_view{} : scores[static_cast<std::size_t>(winner)].model.name();
  }

  void write_answer(ByteWriter& writer) const;
  void read_answer(ByteReader& reader);
  /// The members of a JSON object.
  void json_answer(JsonWriter& writer) const;
};

/// A result of speculate(). Thread: a value type.
template <class T>
struct Speculated : SpeculationAnswer {
  T record{};
  ShortText key;                         ///< the key's text (weir::key_text)
  Timestamp event_time = kMinTimestamp;  ///< kMinTimestamp when the record has none
  std::uint64_t position = kNoPosition;  ///< in the record's source; kNoPosition when it numbers nothing

  void weir_write(ByteWriter& writer) const {
    Serde<T>::write(writer, record);
    writer.sized(key);
    Serde<Timestamp>::write(writer, event_time);
    writer.fixed64(position);
    write_answer(writer);
  }
  void weir_read(ByteReader& reader) {
    Serde<T>::read(reader, record);
    key.weir_read(reader);
    Serde<Timestamp>::read(reader, event_time);
    position = reader.fixed64();
    read_answer(reader);
  }
  static void weir_schema(std::string& out) {
    out += "speculated<";
    Serde<T>::schema(out);
    out += '>';
  }
  /// `{"record": ..., "key": ..., "event_time": ..., "position": 7, "status": "answered", "policy": ..., "winner": ...,
  /// "agreement": 1, "at_deadline": false, "numbers": [...], "texts": [...], "latency_ns": 12, "scores": [...]}`; what
  /// is not there is left out.
  void weir_json(JsonWriter& writer) const {
    writer.begin_object();
    writer.key("record");
    write_json(writer, record);
    serving::write_record_identity(writer, key, event_time, position);
    json_answer(writer);
    writer.end_object();
  }
};

/// Name of the side output for what follows.
inline constexpr const char* kLateScoresName = "late-scores";

/// A score that came after its record had been decided. Its status is kVoted, kFailed or kAbstained; it was not heard.
struct LateScore {
  ShortText key;
  Timestamp event_time = kMinTimestamp;  ///< of the record
  std::uint64_t position = kNoPosition;  ///< of the record
  std::int64_t after_ns = 0;             ///< from the record's start
  MemberScore score;
};

}  // namespace weir
