#pragma once
/// Parts of the archive's bytes that several kinds of records have.

#include <cstdint>
#include <vector>

#include <weir/archived_ballots.hpp>
#include <weir/archived_model.hpp>
#include <weir/bytes.hpp>

namespace weir::archive {

void write_digest(ByteWriter& writer, const ModelDigest& digest);
void read_digest(ByteReader& reader, ModelDigest& digest);
void write_model(ByteWriter& writer, const ArchivedModel& model);
void read_model(ByteReader& reader, ArchivedModel& model);
void write_ballots(ByteWriter& writer, const ArchivedBallots& ballots);
void read_ballots(ByteReader& reader, ArchivedBallots& ballots);
/// Members and policies of an ArchivedSchema.
void write_parties(ByteWriter& writer, const std::vector<ArchivedMember>& members,
                   const std::vector<ArchivedPolicy>& policies);
void read_parties(ByteReader& reader, std::vector<ArchivedMember>& members, std::vector<ArchivedPolicy>& policies);

/// An enumeration that ends with `last`.
template <class Enum>
Enum read_enum(ByteReader& reader, Enum last) {
  const std::uint8_t value = reader.byte();
  if (value > static_cast<std::uint8_t>(last)) reader.fail();
  return static_cast<Enum>(value);
}

}  // namespace weir::archive
