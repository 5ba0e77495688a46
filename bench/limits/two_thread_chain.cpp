#include <algorithm>
#include <array>
#include <memory>
#include <thread>
#include <vector>

#include "bench/limits/limits.hpp"
#include "bench/limits/ring.hpp"
#include "bench/support/readings.hpp"

namespace weir::bench {
namespace {

constexpr std::size_t kBatches = 64;

struct ReadingBatch {
  std::size_t count = 0;
  bool is_last = false;
  std::array<Reading, kLimitBatch> readings;
};

using ReadingRing = Ring<ReadingBatch, kBatches>;

void produce(std::uint64_t records, unsigned key_bits, ReadingRing& forward, ReadingRing& back) {
  std::array<Reading, kLimitBatch> made;
  std::array<Reading, kLimitBatch> mapped;
  for (std::uint64_t first = 0; first < records; first += kLimitBatch) {
    const std::size_t count = std::min<std::uint64_t>(kLimitBatch, records - first);
    for (std::size_t i = 0; i < count; ++i) made[i] = reading_at(first + i, key_bits);
    for (std::size_t i = 0; i < count; ++i) mapped[i] = calibrated(made[i]);
    ReadingBatch* batch = back.pop();
    std::size_t left = 0;
    for (std::size_t i = 0; i < count; ++i) {
      batch->readings[left] = mapped[i];
      left += is_wanted(mapped[i]) ? 1 : 0;
    }
    batch->count = left;
    batch->is_last = first + kLimitBatch >= records;
    forward.push(batch);
  }
}

std::uint64_t consume(ReadingRing& forward, ReadingRing& back) {
  std::array<Reading, kLimitBatch> shifted;
  std::uint64_t checksum = 0;
  for (bool is_last = false; !is_last;) {
    ReadingBatch* batch = forward.pop();
    const std::size_t count = batch->count;
    is_last = batch->is_last;
    for (std::size_t i = 0; i < count; ++i) shifted[i] = offset_by_key(batch->readings[i]);
    back.push(batch);
    for (std::size_t i = 0; i < count; ++i) checksum += fingerprint(shifted[i]);
  }
  return checksum;
}

}  // namespace

Measured two_thread_chain_limit(std::uint64_t records, unsigned key_bits) {
  if (records == 0) return {};
  std::vector<ReadingBatch> batches(kBatches);
  const auto forward = std::make_unique<ReadingRing>();
  const auto back = std::make_unique<ReadingRing>();
  for (ReadingBatch& batch : batches) back->push(&batch);

  const double start = now_seconds();
  std::thread producer([&] { produce(records, key_bits, *forward, *back); });
  const std::uint64_t checksum = consume(*forward, *back);
  const double seconds = now_seconds() - start;
  producer.join();
  return {records, seconds, checksum};
}

}  // namespace weir::bench
