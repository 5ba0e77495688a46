#include "state/topic/topic_rows.hpp"

#include <weir/bytes.hpp>

namespace weir::topics {
namespace {

constexpr std::uint8_t kVersion = 1;

template <class Number>
void put_big_endian(std::string& key, Number number) {
  for (std::size_t i = sizeof number; i-- > 0;) key.push_back(static_cast<char>(number >> (8 * i)));
}

std::uint64_t big_endian(std::string_view bytes) {
  std::uint64_t number = 0;
  for (const char byte : bytes) number = number << 8 | static_cast<unsigned char>(byte);
  return number;
}

std::string named_key(char kind, std::uint32_t topic, std::string_view name) {
  std::string key(1, kind);
  put_big_endian(key, topic);
  key += name;
  return key;
}

std::uint64_t micros(Timestamp time) { return static_cast<std::uint64_t>(time.time_since_epoch().count()); }
Timestamp timestamp(std::uint64_t micros) { return Timestamp{Duration{static_cast<std::int64_t>(micros)}}; }

Status damaged(std::string_view what, std::size_t size) {
  return Status::data_loss("read the " + std::string(what) + " in a topic store: its " + std::to_string(size) +
                           " bytes are malformed");
}

}  // namespace

std::string topic_key(std::string_view name) { return "t" + std::string(name); }
std::string consumer_key(std::uint32_t topic, std::string_view name) { return named_key('c', topic, name); }
std::string mark_key(std::uint32_t topic, std::string_view name) { return named_key('m', topic, name); }
std::string producer_key(std::uint32_t topic, std::string_view producer) { return named_key('p', topic, producer); }

std::string record_key(std::uint32_t topic, std::uint64_t offset) {
  std::string key;
  key.reserve(sizeof topic + sizeof offset);
  put_big_endian(key, topic);
  put_big_endian(key, offset);
  return key;
}
std::uint64_t offset_of_record_key(std::string_view key) { return big_endian(key.substr(sizeof(std::uint32_t))); }

std::string staged_prefix(std::uint32_t topic) {
  std::string key;
  put_big_endian(key, topic);
  return key;
}
std::string staged_prefix(std::uint32_t topic, std::string_view producer) {
  std::string key = staged_prefix(topic);
  put_big_endian(key, static_cast<std::uint16_t>(producer.size()));
  key += producer;
  return key;
}
std::string staged_key(std::uint32_t topic, std::string_view producer, std::uint64_t serial, std::uint64_t number) {
  std::string key = staged_prefix(topic, producer);
  put_big_endian(key, serial);
  put_big_endian(key, number);
  return key;
}
std::optional<StagedKey> read_staged_key(std::string_view key) {
  constexpr std::size_t kHead = sizeof(std::uint32_t) + sizeof(std::uint16_t);
  constexpr std::size_t kTail = 2 * sizeof(std::uint64_t);
  if (key.size() < kHead + kTail) return std::nullopt;
  const std::size_t size = big_endian(key.substr(sizeof(std::uint32_t), sizeof(std::uint16_t)));
  if (key.size() != kHead + size + kTail) return std::nullopt;
  return StagedKey{std::string(key.substr(kHead, size)), big_endian(key.substr(kHead + size, 8)),
                   big_endian(key.substr(kHead + size + 8, 8))};
}

std::string encode(const TopicRow& row) {
  std::string bytes;
  ByteWriter writer(bytes);
  writer.byte(kVersion);
  writer.varint(row.id);
  writer.varint(row.begin);
  writer.sized(row.schema);
  return bytes;
}
Result<TopicRow> read_topic_row(std::string_view bytes) {
  ByteReader reader(bytes);
  TopicRow row;
  const bool known = reader.byte() == kVersion;
  row.id = static_cast<std::uint32_t>(reader.varint());
  row.begin = reader.varint();
  row.schema = reader.sized();
  if (!known || !reader.at_end()) return damaged("description of a topic", bytes.size());
  return row;
}

std::string encode(const IndexRow& row) {
  std::string bytes;
  bytes.reserve(5 * sizeof(std::uint64_t));
  ByteWriter writer(bytes);
  writer.fixed64(micros(row.appended));
  writer.fixed64(micros(row.time));
  writer.fixed64(row.bytes_before);
  writer.fixed64(row.size);
  writer.fixed64(row.checksum);
  return bytes;
}
Result<IndexRow> read_index_row(std::string_view bytes) {
  ByteReader reader(bytes);
  IndexRow row;
  row.appended = timestamp(reader.fixed64());
  row.time = timestamp(reader.fixed64());
  row.bytes_before = reader.fixed64();
  row.size = reader.fixed64();
  row.checksum = reader.fixed64();
  if (!reader.at_end()) return damaged("index of a record", bytes.size());
  return row;
}

std::string encode(const ProducerRow& row) {
  std::string bytes;
  ByteWriter writer(bytes);
  writer.byte(kVersion);
  writer.varint(row.committed);
  writer.varint(row.begun);
  writer.varint(row.moved);
  return bytes;
}
Result<ProducerRow> read_producer_row(std::string_view bytes) {
  ByteReader reader(bytes);
  ProducerRow row;
  const bool known = reader.byte() == kVersion;
  row.committed = reader.varint();
  row.begun = reader.varint();
  row.moved = reader.varint();
  if (!known || !reader.at_end()) return damaged("progress of a producer", bytes.size());
  return row;
}

std::string encode(const TopicConsumer& consumer) {
  std::string bytes;
  ByteWriter writer(bytes);
  writer.byte(kVersion);
  writer.varint(consumer.position);
  writer.varint(consumer.holds.size());
  for (const auto& [checkpoint, offset] : consumer.holds) {
    writer.varint(checkpoint);
    writer.varint(offset);
  }
  return bytes;
}
Result<TopicConsumer> read_consumer(std::string name, std::string_view bytes) {
  ByteReader reader(bytes);
  TopicConsumer consumer;
  consumer.name = std::move(name);
  const bool known = reader.byte() == kVersion;
  consumer.position = reader.varint();
  for (std::uint64_t left = reader.varint(); left != 0 && reader.ok(); --left) {
    const std::uint64_t checkpoint = reader.varint();
    consumer.holds[checkpoint] = reader.varint();
  }
  if (!known || !reader.at_end()) return damaged("position of consumer '" + consumer.name + "'", bytes.size());
  return consumer;
}

std::string encode_staged(Timestamp time, std::string_view payload) {
  std::string bytes;
  bytes.reserve(sizeof(std::uint64_t) + payload.size());
  ByteWriter writer(bytes);
  writer.fixed64(micros(time));
  writer.bytes(payload.data(), payload.size());
  return bytes;
}
Result<NewTopicRecord> read_staged(std::string_view bytes) {
  ByteReader reader(bytes);
  const Timestamp time = timestamp(reader.fixed64());
  if (!reader.ok()) return damaged("staged record", bytes.size());
  NewTopicRecord record;
  if (time != kMinTimestamp) record.time = time;
  record.payload = bytes.substr(sizeof(std::uint64_t));
  return record;
}

}  // namespace weir::topics
