#pragma once
/// Reading the rows of one topic, for whoever has the database open.

#include <cstdint>
#include <string>
#include <vector>

#include <weir/topic.hpp>

#include "state/topic/topic_database.hpp"
#include "state/topic/topic_rows.hpp"

namespace weir::topics {

/// A point between two records.
struct Place {
  std::uint64_t offset = 0;
  std::uint64_t bytes = 0;  // of all payloads before it
};

struct Extent {
  Place begin;
  Place end;
  Timestamp last_appended = kMinTimestamp;  // of the newest record; kMinTimestamp: there is none
};

/// XXH3-64, as IndexRow has it.
std::uint64_t checksum_of(std::string_view payload) noexcept;

Result<IndexRow> read_index(const TopicDatabase& database, std::uint32_t topic, std::uint64_t offset,
                            const std::string& what);
Result<Extent> read_extent(const TopicDatabase& database, const TopicRow& row, const std::string& what);

/// Records from `from` on, before `end`, as many as the limits allow. Precondition: from < end. kDataLoss when one is
/// missing or damaged. `what` begins messages: `read topic 'orders'`.
Result<std::vector<TopicRecord>> read_records(const TopicDatabase& database, std::uint32_t topic, std::uint64_t from,
                                              std::uint64_t end, TopicReadLimits limits, const std::string& what);

}  // namespace weir::topics
