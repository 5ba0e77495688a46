#pragma once
/// A record that is not decided yet, or decided and not sent yet: state `undecided-records`.

#include <cstdint>
#include <string>

#include <weir/speculated.hpp>
#include <weir/speculation/ballot_archive.hpp>

namespace weir::speculation {

template <class T>
struct UndecidedRecord {
  Speculated<T> result;         ///< policy: the one that decides it
  std::int64_t started_ns = 0;  ///< monotonic, of the process that wrote it; a restore moves it
  std::int64_t allowed_ns = 0;  ///< from start to deadline
  std::uint32_t votes = 0;      ///< numbered so far
  bool decided = false;
  OpenBallot ballot;  ///< where the inputs are archived

  void weir_write(ByteWriter& writer) const {
    result.weir_write(writer);
    writer.fixed64(static_cast<std::uint64_t>(started_ns));
    writer.fixed64(static_cast<std::uint64_t>(allowed_ns));
    writer.varint(votes);
    writer.byte(static_cast<std::uint8_t>((decided ? kDecided : 0) | (ballot.has_value() ? kBallot : 0)));
    if (ballot.has_value()) ballot.weir_write(writer);
  }
  void weir_read(ByteReader& reader) {
    result.weir_read(reader);
    started_ns = static_cast<std::int64_t>(reader.fixed64());
    allowed_ns = static_cast<std::int64_t>(reader.fixed64());
    votes = static_cast<std::uint32_t>(reader.varint());
    const std::uint8_t byte = reader.byte();
    if (byte > (kDecided | kBallot)) return reader.fail();
    decided = (byte & kDecided) != 0;
    ballot = {};
    if ((byte & kBallot) != 0) ballot.weir_read(reader);
  }
  static void weir_schema(std::string& out) {
    out += "undecided<";
    Serde<T>::schema(out);
    out += '>';
  }
  void weir_json(JsonWriter& writer) const { result.weir_json(writer); }

 private:
  static constexpr std::uint8_t kDecided = 1;
  static constexpr std::uint8_t kBallot = 2;
};

}  // namespace weir::speculation
