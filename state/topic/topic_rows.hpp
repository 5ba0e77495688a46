#pragma once
/// The rows of a topic store, in RocksDB. Numbers in keys are big-endian, so that they order as they count.
///
///   directory/LOCK    one process has the store at a time
///   directory/FORMAT  "weir topics 1\n", written last when a store is made: its database is then never made anew
///   directory/db/     RocksDB, with write-ahead log
///
///   family    key                                            value
///   default   't' name                                       topic: id, begin, schema
///             'c' topic(4) name                              consumer: position, holds
///             'm' topic(4) name                              mark: the bytes noted
///             'p' topic(4) producer                          producer: serial committed; serial begun, records moved
///   index     topic(4) offset(8)                             appended, time, bytes before, size, checksum (fixed)
///   records   topic(4) offset(8)                             payload
///   staged    topic(4) size(2) producer serial(8) number(8)  event time or kMinTimestamp (fixed 8), payload
///
/// `bytes before` counts all payloads ever appended before this one; the checksum is XXH3-64 of the payload.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <weir/result.hpp>
#include <weir/topic.hpp>

namespace weir::topics {

struct TopicRow {
  std::uint32_t id = 0;
  std::uint64_t begin = 0;
  std::string schema;
};

struct IndexRow {
  Timestamp appended{};
  Timestamp time{};
  std::uint64_t bytes_before = 0;
  std::uint64_t size = 0;
  std::uint64_t checksum = 0;
};

struct ProducerRow {
  std::uint64_t committed = 0;  // serials up to this one
  std::uint64_t begun = 0;      // the serial being moved, when it is greater
  std::uint64_t moved = 0;      // its records moved so far
};

struct StagedKey {
  std::string producer;
  std::uint64_t serial = 0;
  std::uint64_t number = 0;
};

std::string topic_key(std::string_view name);
std::string consumer_key(std::uint32_t topic, std::string_view name);
std::string mark_key(std::uint32_t topic, std::string_view name);
std::string producer_key(std::uint32_t topic, std::string_view producer);
std::string record_key(std::uint32_t topic, std::uint64_t offset);
std::string staged_prefix(std::uint32_t topic);
std::string staged_prefix(std::uint32_t topic, std::string_view producer);
std::string staged_key(std::uint32_t topic, std::string_view producer, std::uint64_t serial, std::uint64_t number);

std::uint64_t offset_of_record_key(std::string_view key);  // precondition: made by record_key
std::optional<StagedKey> read_staged_key(std::string_view key);

std::string encode(const TopicRow& row);
std::string encode(const IndexRow& row);
std::string encode(const ProducerRow& row);
std::string encode(const TopicConsumer& consumer);
std::string encode_staged(Timestamp time, std::string_view payload);

// kDataLoss when the bytes are none.
Result<TopicRow> read_topic_row(std::string_view bytes);
Result<IndexRow> read_index_row(std::string_view bytes);
Result<ProducerRow> read_producer_row(std::string_view bytes);
Result<TopicConsumer> read_consumer(std::string name, std::string_view bytes);
Result<NewTopicRecord> read_staged(std::string_view bytes);

}  // namespace weir::topics
