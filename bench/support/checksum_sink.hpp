#pragma once
/// A sink that adds up what a benchmark's results look like, a batch at a time, and tells the sum at the end.

#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>

#include <weir/sink.hpp>

namespace weir::bench {

/// What the sinks of one job saw.
struct SinkTotals {
  std::atomic<std::uint64_t> checksum{0};
  std::atomic<std::uint64_t> records{0};
  std::atomic<double> ended{0};  ///< on now_seconds()
};

/// Sums `fingerprint_of(record)` over all records; the order does not matter. Adds to `totals` once, at the end.
template <class T, class FingerprintOf>
class ChecksumSink final : public Operator {
 public:
  ChecksumSink(FingerprintOf fingerprint_of, std::shared_ptr<SinkTotals> totals)
      : fingerprint_of_(std::move(fingerprint_of)), totals_(std::move(totals)) {}

  void process(std::size_t /*input*/, BatchPtr& in, Outbox& /*out*/) override {
    const auto& records = static_cast<Batch<T>&>(*in).records;
    const std::size_t size = records.size();
    std::uint64_t sum = 0;
    for (std::size_t i = in->cursor; i < size; ++i) sum += fingerprint_of_(records[i]);
    checksum_ += sum;
    records_ += size - in->cursor;
    in->cursor = size;
  }
  bool on_end(Outbox& /*out*/) override {
    totals_->checksum.fetch_add(checksum_, std::memory_order_relaxed);
    totals_->records.fetch_add(records_, std::memory_order_relaxed);
    totals_->ended.store(now_seconds(), std::memory_order_relaxed);
    return true;
  }

 private:
  FingerprintOf fingerprint_of_;
  std::shared_ptr<SinkTotals> totals_;
  std::uint64_t checksum_ = 0;
  std::uint64_t records_ = 0;
};

template <class T, class FingerprintOf>
Sink<T> checksum_sink(FingerprintOf fingerprint_of, std::shared_ptr<SinkTotals> totals) {
  Sink<T> sink;
  sink.kind = "checksum";
  sink.make_operator = [fingerprint_of, totals] {
    return std::make_unique<ChecksumSink<T, FingerprintOf>>(fingerprint_of, totals);
  };
  return sink;
}

}  // namespace weir::bench
