// The bytes of the archive. `sized` is a varint length and that many bytes; fixed64 is little-endian.
//
//   record  = version:byte (1, with kind 3: 2)  kind:byte  body
//   body 1  = key:sized  features:32 bytes  path:byte  model  rows:varint (1 and up)
//             flags:byte (1 all statuses are alike, 2 times, 4 positions)
//             statuses: one byte, or one for each row
//             times, positions, if there are any: for each row a varint, the zigzag difference to the row before
//             columns:varint, then rows x columns fixed64        numbers, the bits of an IEEE 754 double
//             columns:varint, then rows x columns text           texts
//             columns:varint, then rows x columns fixed64        numeric outputs
//             columns:varint, then rows x columns sized          text outputs
//   body 2  = key:sized  state:byte  model  reason:sized  effective_at:fixed64  at:fixed64
//   body 3  = ballots, see archived_ballots.cpp
//   model   = 0 | 1 name:sized version:varint digest:32 bytes type:sized options
//   options = 0 | 1 Serde<ModelOptions>
//   text    = 0 (missing) | varint length + 1, bytes
//
//   schema  = version:byte (1, of speculate() 2)  Serde<vector<Field>>  Serde<vector<string>>
//             with version 2: members, policies, see archived_ballots.cpp

#include <weir/archived_inputs.hpp>

#include <algorithm>
#include <cstring>
#include <utility>

#include <weir/serde.hpp>

#include "operators/archive/archive_bytes.hpp"
#include "operators/archive/archive_key.hpp"

namespace weir {
using archive::read_digest;
using archive::read_enum;
using archive::read_model;
using archive::write_digest;
using archive::write_model;
namespace {

constexpr std::uint8_t kVersion = 1;
constexpr std::uint8_t kVersionOfBallots = 2;
constexpr std::uint8_t kInputs = 1;
constexpr std::uint8_t kEvent = 2;
constexpr std::uint8_t kBallots = 3;
constexpr std::uint8_t kOneStatus = 1;
constexpr std::uint8_t kTimes = 2;
constexpr std::uint8_t kPositions = 4;

// Differences wrap around, so any numbers come back.
void write_differences(ByteWriter& writer, const std::vector<std::uint64_t>& values) {
  std::uint64_t before = 0;
  for (const std::uint64_t value : values) {
    const std::uint64_t difference = value - before;
    const std::uint64_t sign = difference >> 63 != 0 ? ~std::uint64_t{0} : 0;
    writer.varint((difference << 1) ^ sign);
    before = value;
  }
}
void read_differences(ByteReader& reader, std::size_t count, std::vector<std::uint64_t>& values) {
  values.resize(count);
  std::uint64_t before = 0;
  for (std::uint64_t& value : values) {
    const std::uint64_t coded = reader.varint();
    before += (coded >> 1) ^ ((coded & 1) != 0 ? ~std::uint64_t{0} : 0);
    value = before;
  }
}

std::vector<std::uint64_t> counts_of(const std::vector<Timestamp>& times) {
  std::vector<std::uint64_t> counts;
  counts.reserve(times.size());
  for (const Timestamp time : times) counts.push_back(static_cast<std::uint64_t>(time.time_since_epoch().count()));
  return counts;
}

// How many cells of at least `least` bytes a matrix of `rows` rows has; fails when so many cannot follow.
std::size_t read_cells(ByteReader& reader, std::size_t rows, std::size_t least) {
  const std::uint64_t columns = reader.varint();
  if (columns <= reader.remaining() / least / rows) return static_cast<std::size_t>(columns) * rows;
  reader.fail();
  return 0;
}

void write_numbers(ByteWriter& writer, const std::vector<double>& numbers, std::size_t columns) {
  writer.varint(columns);
  writer.bytes(numbers.data(), numbers.size() * sizeof(double));
}
void read_numbers(ByteReader& reader, std::size_t rows, std::vector<double>& numbers) {
  numbers.resize(read_cells(reader, rows, sizeof(double)));
  if (const char* bytes = reader.bytes(numbers.size() * sizeof(double)); bytes != nullptr && !numbers.empty())
    std::memcpy(numbers.data(), bytes, numbers.size() * sizeof(double));
}

void write_inputs(ByteWriter& writer, const ArchivedInputs& inputs) {
  writer.sized(inputs.key);
  write_digest(writer, inputs.features);
  writer.byte(static_cast<std::uint8_t>(inputs.path));
  write_model(writer, inputs.model);
  writer.varint(inputs.rows());
  const bool alike = std::all_of(inputs.statuses.begin(), inputs.statuses.end(),
                                 [&](ScoreStatus status) { return status == inputs.statuses.front(); });
  writer.byte(static_cast<std::uint8_t>((alike ? kOneStatus : 0) | (inputs.times.empty() ? 0 : kTimes) |
                                        (inputs.positions.empty() ? 0 : kPositions)));
  for (std::size_t row = 0; row < (alike ? 1 : inputs.rows()); ++row)
    writer.byte(static_cast<std::uint8_t>(inputs.statuses[row]));
  if (!inputs.times.empty()) write_differences(writer, counts_of(inputs.times));
  if (!inputs.positions.empty()) write_differences(writer, inputs.positions);
  write_numbers(writer, inputs.numbers, inputs.number_columns());
  writer.varint(inputs.text_columns());
  for (const std::optional<std::string>& text : inputs.texts) {
    writer.varint(text ? text->size() + 1 : 0);
    if (text) writer.bytes(text->data(), text->size());
  }
  write_numbers(writer, inputs.number_outputs, inputs.numbers_out());
  writer.varint(inputs.texts_out());
  for (const std::string& text : inputs.text_outputs) writer.sized(text);
}

void read_statuses(ByteReader& reader, bool alike, std::size_t rows, std::vector<ScoreStatus>& statuses) {
  // One status may stand for many rows, which all take bytes of their own later on; none is bounded by 2^20.
  constexpr std::size_t kMostRows = std::size_t{1} << 20;
  if (rows == 0 || rows > kMostRows) return reader.fail();
  statuses.resize(rows);
  for (std::size_t row = 0; row < (alike ? 1 : rows); ++row) statuses[row] = read_enum(reader, ScoreStatus::kLate);
  if (alike) std::fill(statuses.begin(), statuses.end(), statuses.front());
}

void read_texts(ByteReader& reader, std::size_t rows, std::vector<std::optional<std::string>>& texts) {
  texts.resize(read_cells(reader, rows, 1));
  for (std::optional<std::string>& text : texts) {
    const std::uint64_t length = reader.varint();
    if (length == 0) continue;
    if (length - 1 > reader.remaining()) return reader.fail();
    text.emplace(reader.bytes(length - 1), length - 1);
  }
}

void read_inputs(ByteReader& reader, ArchivedInputs& inputs) {
  inputs.key = reader.sized();
  read_digest(reader, inputs.features);
  inputs.path = read_enum(reader, ScorePath::kFallback);
  read_model(reader, inputs.model);
  const std::uint64_t rows = reader.varint();
  const std::uint8_t flags = reader.byte();
  read_statuses(reader, (flags & kOneStatus) != 0, rows, inputs.statuses);
  if (!reader.ok()) return;
  if ((flags & kTimes) != 0) {
    std::vector<std::uint64_t> counts;
    read_differences(reader, rows, counts);
    for (const std::uint64_t count : counts) inputs.times.emplace_back(Duration{static_cast<std::int64_t>(count)});
  }
  if ((flags & kPositions) != 0) read_differences(reader, rows, inputs.positions);
  read_numbers(reader, rows, inputs.numbers);
  read_texts(reader, rows, inputs.texts);
  read_numbers(reader, rows, inputs.number_outputs);
  inputs.text_outputs.resize(read_cells(reader, rows, 1));
  for (std::string& text : inputs.text_outputs) text = reader.sized();
}

void write_event(ByteWriter& writer, const ArchivedEvent& event) {
  writer.sized(event.key);
  writer.byte(static_cast<std::uint8_t>(event.state));
  write_model(writer, event.model);
  writer.sized(event.reason);
  Serde<Timestamp>::write(writer, event.effective_at);
  Serde<Timestamp>::write(writer, event.at);
}
void read_event(ByteReader& reader, ArchivedEvent& event) {
  event.key = reader.sized();
  event.state = read_enum(reader, ModelState::kRefused);
  read_model(reader, event.model);
  event.reason = reader.sized();
  Serde<Timestamp>::read(reader, event.effective_at);
  Serde<Timestamp>::read(reader, event.at);
}

}  // namespace

std::string ArchivedSchema::encode() const {
  std::string bytes;
  ByteWriter writer(bytes);
  writer.byte(members.empty() ? kVersion : kVersionOfBallots);
  Serde<std::vector<Field>>::write(writer, features);
  Serde<std::vector<std::string>>::write(writer, outputs);
  if (!members.empty()) archive::write_parties(writer, members, policies);
  return bytes;
}

Result<ArchivedSchema> ArchivedSchema::decode(std::string_view bytes) {
  ByteReader reader(bytes);
  Result<ArchivedSchema> schema(ArchivedSchema{});
  const std::uint8_t version = reader.byte();
  const bool is_known = version == kVersion || version == kVersionOfBallots;
  Serde<std::vector<Field>>::read(reader, schema->features);
  Serde<std::vector<std::string>>::read(reader, schema->outputs);
  if (version == kVersionOfBallots) archive::read_parties(reader, schema->members, schema->policies);
  if (!is_known || !reader.at_end()) return Status::data_loss("the archive's list of features is malformed");
  std::vector<std::string> names;
  for (const Field& field : schema->features) names.push_back(field.name);
  std::sort(names.begin(), names.end());
  if ((!names.empty() && names.front().empty()) || std::adjacent_find(names.begin(), names.end()) != names.end())
    return Status::data_loss("the archive's list of features names one twice, or none");
  return schema;
}

std::string_view archived_key(std::string_view bytes) {
  ByteReader reader(bytes);
  reader.bytes(2);
  return reader.sized();
}

void ArchiveRecord::weir_write(ByteWriter& writer) const {
  writer.byte(ballots() != nullptr ? kVersionOfBallots : kVersion);
  writer.byte(ballots() != nullptr ? kBallots : inputs() != nullptr ? kInputs : kEvent);
  if (ballots() != nullptr)
    archive::write_ballots(writer, *ballots());
  else if (inputs() != nullptr)
    write_inputs(writer, *inputs());
  else
    write_event(writer, *event());
}

void ArchiveRecord::weir_read(ByteReader& reader) {
  const std::uint8_t version = reader.byte();
  const std::uint8_t kind = reader.byte();
  if (version == kVersionOfBallots && kind == kBallots)
    return archive::read_ballots(reader, what.emplace<ArchivedBallots>());
  if (version != kVersion || (kind != kInputs && kind != kEvent)) return reader.fail();
  if (kind == kInputs)
    read_inputs(reader, what.emplace<ArchivedInputs>());
  else
    read_event(reader, what.emplace<ArchivedEvent>());
}

void ArchiveRecord::weir_schema(std::string& out) { out += "weir-archive"; }

}  // namespace weir
