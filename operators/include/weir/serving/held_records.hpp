#pragma once
/// Records that wait in keyed state for a model: state `held-records`.

#include <cstdint>
#include <limits>
#include <utility>

#include <weir/json.hpp>
#include <weir/map_table.hpp>
#include <weir/serde.hpp>
#include <weir/time.hpp>

namespace weir::serving {

template <class T>
struct HeldRecord {
  T record{};
  Timestamp event_time = kMinTimestamp;
  std::uint64_t position = 0;

  void weir_write(ByteWriter& writer) const {
    Serde<T>::write(writer, record);
    Serde<Timestamp>::write(writer, event_time);
    writer.fixed64(position);
  }
  void weir_read(ByteReader& reader) {
    Serde<T>::read(reader, record);
    Serde<Timestamp>::read(reader, event_time);
    position = reader.fixed64();
  }
  static void weir_schema(std::string& out) {
    out += "held<";
    Serde<T>::schema(out);
    out += '>';
  }
  void weir_json(JsonWriter& json) const {
    json.begin_object();
    json.key("event_time");
    json.string(format_timestamp(event_time));
    json.key("position");
    json.number(position);
    json.end_object();
  }
};

/// Order of release within a key: by event time (kEventTime) or all equal (kHold), then by arrival.
using HeldOrder = std::pair<Timestamp, std::uint64_t>;
inline constexpr HeldOrder kFirstHeld{kMinTimestamp, 0};
inline constexpr HeldOrder kAfterHeld{kMaxTimestamp, std::numeric_limits<std::uint64_t>::max()};

template <class K, class T>
using HeldTable = MapTable<K, HeldOrder, HeldRecord<T>>;

}  // namespace weir::serving
