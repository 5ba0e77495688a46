#pragma once
// Operators' own metrics, kept for the life of the job, across restarts. Thread: any.

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <tuple>

#include <weir/operator.hpp>

namespace weir::runtime {

class MetricsRegistry {
 public:
  Metric& metric(std::string_view name, const std::string& uid, std::uint32_t task_index) {
    const std::lock_guard lock(mutex_);
    auto& metric = metrics_[{std::string(name), uid, task_index}];
    if (!metric) metric = std::make_unique<Metric>();
    return *metric;
  }
  // `visit(name, uid, task_index, value)`, ordered by name.
  template <class Visitor>
  void for_each(Visitor&& visit) const {
    const std::lock_guard lock(mutex_);
    for (const auto& [key, metric] : metrics_)
      visit(std::get<0>(key), std::get<1>(key), std::get<2>(key), metric->value());
  }

 private:
  mutable std::mutex mutex_;
  std::map<std::tuple<std::string, std::string, std::uint32_t>, std::unique_ptr<Metric>> metrics_;
};

}  // namespace weir::runtime
