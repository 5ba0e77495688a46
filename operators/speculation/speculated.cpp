#include <weir/speculated.hpp>

namespace weir {

std::string_view to_string(VoteStatus status) noexcept {
  switch (status) {
    case VoteStatus::kWaiting: return "waiting";
    case VoteStatus::kVoted: return "voted";
    case VoteStatus::kLate: return "late";
    case VoteStatus::kFailed: return "failed";
    case VoteStatus::kAbsent: return "absent";
    case VoteStatus::kAbstained: return "abstained";
    case VoteStatus::kUnneeded: return "unneeded";
  }
  return "unknown";
}

std::string_view to_string(AnswerStatus status) noexcept {
  switch (status) {
    case AnswerStatus::kAnswered: return "answered";
    case AnswerStatus::kDefault: return "default";
    case AnswerStatus::kNone: return "none";
  }
  return "unknown";
}

void MemberScore::weir_write(ByteWriter& writer) const {
  model.weir_write(writer);
  numbers.weir_write(writer);
  texts.weir_write(writer);
  writer.fixed64(static_cast<std::uint64_t>(latency_ns));
  writer.varint(order);
  writer.byte(static_cast<std::uint8_t>(status));
}

void MemberScore::weir_read(ByteReader& reader) {
  model.weir_read(reader);
  numbers.weir_read(reader);
  texts.weir_read(reader);
  latency_ns = static_cast<std::int64_t>(reader.fixed64());
  order = static_cast<std::uint32_t>(reader.varint());
  const std::uint8_t byte = reader.byte();
  if (byte > static_cast<std::uint8_t>(VoteStatus::kUnneeded)) return reader.fail();
  status = static_cast<VoteStatus>(byte);
}

void MemberScore::weir_schema(std::string& out) { out += "member_score"; }

void MemberScore::weir_json(JsonWriter& writer) const {
  writer.begin_object();
  writer.key("model");
  model.weir_json(writer);
  writer.key("status");
  writer.string(to_string(status));
  if (status == VoteStatus::kFailed) {
    writer.key("reason");
    writer.string(texts.size() == 0 ? std::string_view{} : texts[0]);
  } else if (status == VoteStatus::kVoted) {
    writer.key("numbers");
    numbers.weir_json(writer);
    if (texts.size() != 0) {
      writer.key("texts");
      texts.weir_json(writer);
    }
  }
  if (latency_ns != 0) {
    writer.key("latency_ns");
    writer.number(latency_ns);
  }
  writer.end_object();
}

void SpeculationAnswer::write_answer(ByteWriter& writer) const {
  numbers.weir_write(writer);
  texts.weir_write(writer);
  writer.sized(policy);
  Serde<std::vector<MemberScore>>::write(writer, scores);
  writer.fixed64(static_cast<std::uint64_t>(latency_ns));
  Serde<double>::write(writer, agreement);
  Serde<std::int32_t>::write(writer, winner);
  writer.byte(static_cast<std::uint8_t>(status));
  writer.byte(at_deadline ? 1 : 0);
}

void SpeculationAnswer::read_answer(ByteReader& reader) {
  numbers.weir_read(reader);
  texts.weir_read(reader);
  policy = reader.sized();
  Serde<std::vector<MemberScore>>::read(reader, scores);
  latency_ns = static_cast<std::int64_t>(reader.fixed64());
  Serde<double>::read(reader, agreement);
  Serde<std::int32_t>::read(reader, winner);
  const std::uint8_t status_byte = reader.byte();
  const std::uint8_t deadline_byte = reader.byte();
  if (status_byte > static_cast<std::uint8_t>(AnswerStatus::kNone) || deadline_byte > 1) return reader.fail();
  if (winner < -1 || winner >= static_cast<std::int64_t>(scores.size())) return reader.fail();
  status = static_cast<AnswerStatus>(status_byte);
  at_deadline = deadline_byte != 0;
}

void SpeculationAnswer::json_answer(JsonWriter& writer) const {
  writer.key("status");
  writer.string(to_string(status));
  writer.key("policy");
  writer.string(policy);
  if (winner >= 0) {
    writer.key("winner");
    writer.string(winner_name());
  }
  writer.key("agreement");
  writer.number(agreement);
  writer.key("at_deadline");
  writer.boolean(at_deadline);
  if (status != AnswerStatus::kNone) {
    writer.key("numbers");
    numbers.weir_json(writer);
    if (texts.size() != 0) {
      writer.key("texts");
      texts.weir_json(writer);
    }
  }
  writer.key("latency_ns");
  writer.number(latency_ns);
  writer.key("scores");
  write_json(writer, scores);
}

}  // namespace weir
