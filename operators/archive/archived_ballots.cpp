// The bytes of ballots in the archive; `sized`, fixed64, `model` and `text` as in archived_inputs.cpp.
//
//   ballots  = key:sized  features:32 bytes  count:varint model*  count:varint (1 and up) ballot*
//   ballot   = time:fixed64  position:fixed64  numbers  count:varint text*  policy:sized  deadline:varint
//              latency:varint  flags:byte (1 at the deadline, 2 there is a winner)  [winner:varint]  status:byte
//              numbers  strings  count:varint vote*
//   vote     = status:byte  model:varint (0: nobody, else index + 1)  order:varint  latency:varint  numbers  strings
//              reason:sized
//   numbers  = count:varint fixed64*
//   strings  = count:varint sized*
//
//   members  = count:varint (name:sized  priority:fixed64  quality:fixed64  weight:fixed64  wait:byte  strings)*
//   policies = count:varint (name:sized  definition:sized)*

#include <weir/archived_ballots.hpp>

#include <bit>
#include <cstring>

#include "operators/archive/archive_bytes.hpp"

namespace weir::archive {
namespace {

constexpr std::uint8_t kAtDeadline = 1;
constexpr std::uint8_t kWinner = 2;

// How many things of at least `least` bytes follow; fails when so many cannot.
std::size_t read_count(ByteReader& reader, std::size_t least) {
  const std::uint64_t count = reader.varint();
  if (count <= reader.remaining() / least) return static_cast<std::size_t>(count);
  reader.fail();
  return 0;
}

void write_numbers(ByteWriter& writer, const std::vector<double>& numbers) {
  writer.varint(numbers.size());
  writer.bytes(numbers.data(), numbers.size() * sizeof(double));
}
void read_numbers(ByteReader& reader, std::vector<double>& numbers) {
  numbers.resize(read_count(reader, sizeof(double)));
  if (const char* bytes = reader.bytes(numbers.size() * sizeof(double)); bytes != nullptr && !numbers.empty())
    std::memcpy(numbers.data(), bytes, numbers.size() * sizeof(double));
}

void write_strings(ByteWriter& writer, const std::vector<std::string>& strings) {
  writer.varint(strings.size());
  for (const std::string& text : strings) writer.sized(text);
}
void read_strings(ByteReader& reader, std::vector<std::string>& strings) {
  strings.resize(read_count(reader, 1));
  for (std::string& text : strings) text = reader.sized();
}

void write_vote(ByteWriter& writer, const ArchivedVote& vote) {
  writer.byte(static_cast<std::uint8_t>(vote.status));
  writer.varint(vote.model == ArchivedVote::kNobody ? 0 : std::uint64_t{vote.model} + 1);
  writer.varint(vote.order);
  writer.varint(static_cast<std::uint64_t>(vote.latency_ns));
  write_numbers(writer, vote.numbers);
  write_strings(writer, vote.texts);
  writer.sized(vote.reason);
}
void read_vote(ByteReader& reader, std::size_t models, ArchivedVote& vote) {
  vote.status = read_enum(reader, VoteStatus::kUnneeded);
  const std::uint64_t model = reader.varint();
  if (model > models) return reader.fail();
  vote.model = model == 0 ? ArchivedVote::kNobody : static_cast<std::uint32_t>(model - 1);
  vote.order = static_cast<std::uint32_t>(reader.varint());
  vote.latency_ns = static_cast<std::int64_t>(reader.varint());
  read_numbers(reader, vote.numbers);
  read_strings(reader, vote.texts);
  vote.reason = reader.sized();
}

void write_ballot(ByteWriter& writer, const ArchivedBallot& ballot) {
  writer.fixed64(static_cast<std::uint64_t>(ballot.time.time_since_epoch().count()));
  writer.fixed64(ballot.position);
  write_numbers(writer, ballot.numbers);
  writer.varint(ballot.texts.size());
  for (const std::optional<std::string>& text : ballot.texts) {
    writer.varint(text ? text->size() + 1 : 0);
    if (text) writer.bytes(text->data(), text->size());
  }
  writer.sized(ballot.policy);
  writer.varint(static_cast<std::uint64_t>(ballot.deadline_ns));
  writer.varint(static_cast<std::uint64_t>(ballot.latency_ns));
  writer.byte(static_cast<std::uint8_t>((ballot.at_deadline ? kAtDeadline : 0) | (ballot.winner >= 0 ? kWinner : 0)));
  if (ballot.winner >= 0) writer.varint(static_cast<std::uint64_t>(ballot.winner));
  writer.byte(static_cast<std::uint8_t>(ballot.status));
  write_numbers(writer, ballot.answer_numbers);
  write_strings(writer, ballot.answer_texts);
  writer.varint(ballot.votes.size());
  for (const ArchivedVote& vote : ballot.votes) write_vote(writer, vote);
}
void read_ballot(ByteReader& reader, std::size_t models, ArchivedBallot& ballot) {
  ballot.time = Timestamp{Duration{static_cast<std::int64_t>(reader.fixed64())}};
  ballot.position = reader.fixed64();
  read_numbers(reader, ballot.numbers);
  ballot.texts.resize(read_count(reader, 1));
  for (std::optional<std::string>& text : ballot.texts) {
    const std::uint64_t length = reader.varint();
    if (length == 0) continue;
    if (length - 1 > reader.remaining()) return reader.fail();
    text.emplace(reader.bytes(length - 1), length - 1);
  }
  ballot.policy = reader.sized();
  ballot.deadline_ns = static_cast<std::int64_t>(reader.varint());
  ballot.latency_ns = static_cast<std::int64_t>(reader.varint());
  const std::uint8_t flags = reader.byte();
  if (flags > (kAtDeadline | kWinner)) return reader.fail();
  ballot.at_deadline = (flags & kAtDeadline) != 0;
  const std::uint64_t winner = (flags & kWinner) != 0 ? reader.varint() : 0;
  ballot.status = read_enum(reader, AnswerStatus::kNone);
  read_numbers(reader, ballot.answer_numbers);
  read_strings(reader, ballot.answer_texts);
  ballot.votes.resize(read_count(reader, 7));  // bytes of the shortest vote
  for (ArchivedVote& vote : ballot.votes) read_vote(reader, models, vote);
  if (winner != 0 && winner >= ballot.votes.size()) return reader.fail();
  if ((flags & kWinner) != 0) ballot.winner = static_cast<std::int32_t>(winner);
}

}  // namespace

void write_ballots(ByteWriter& writer, const ArchivedBallots& ballots) {
  writer.sized(ballots.key);
  write_digest(writer, ballots.features);
  writer.varint(ballots.models.size());
  for (const ArchivedModel& model : ballots.models) write_model(writer, model);
  writer.varint(ballots.ballots.size());
  for (const ArchivedBallot& ballot : ballots.ballots) write_ballot(writer, ballot);
}

void read_ballots(ByteReader& reader, ArchivedBallots& ballots) {
  ballots.key = reader.sized();
  read_digest(reader, ballots.features);
  ballots.models.resize(read_count(reader, 1));
  for (ArchivedModel& model : ballots.models) read_model(reader, model);
  ballots.ballots.resize(read_count(reader, 16));
  if (ballots.ballots.empty()) reader.fail();
  for (ArchivedBallot& ballot : ballots.ballots)
    if (reader.ok()) read_ballot(reader, ballots.models.size(), ballot);
}

void write_parties(ByteWriter& writer, const std::vector<ArchivedMember>& members,
                   const std::vector<ArchivedPolicy>& policies) {
  writer.varint(members.size());
  for (const ArchivedMember& member : members) {
    writer.sized(member.name);
    writer.fixed64(static_cast<std::uint64_t>(std::int64_t{member.priority}));
    writer.fixed64(std::bit_cast<std::uint64_t>(member.quality));
    writer.fixed64(std::bit_cast<std::uint64_t>(member.weight));
    writer.byte(member.wait_for_model ? 1 : 0);
    write_strings(writer, member.outputs);
  }
  writer.varint(policies.size());
  for (const ArchivedPolicy& policy : policies) {
    writer.sized(policy.name);
    writer.sized(policy.definition);
  }
}

void read_parties(ByteReader& reader, std::vector<ArchivedMember>& members, std::vector<ArchivedPolicy>& policies) {
  members.resize(read_count(reader, 27));
  for (ArchivedMember& member : members) {
    member.name = reader.sized();
    member.priority = static_cast<int>(static_cast<std::int64_t>(reader.fixed64()));
    member.quality = std::bit_cast<double>(reader.fixed64());
    member.weight = std::bit_cast<double>(reader.fixed64());
    member.wait_for_model = reader.byte() != 0;
    read_strings(reader, member.outputs);
  }
  policies.resize(read_count(reader, 2));
  for (ArchivedPolicy& policy : policies) {
    policy.name = reader.sized();
    policy.definition = reader.sized();
  }
}

}  // namespace weir::archive
