#pragma once
// Operators' own metrics, kept for the life of the job, across restarts. Thread: any.

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <weir/operator.hpp>

namespace weir::runtime {

class MetricsRegistry {
 public:
  using Labels = std::vector<std::pair<std::string, std::string>>;
  static constexpr std::size_t kMaxLabelSets = 1000;  // of one name, operator and task

  Metric& metric(std::string_view name, const std::string& uid, std::uint32_t task_index, const MetricInfo& info) {
    const std::lock_guard lock(mutex_);
    Family& family = families_[std::string(name)];
    if (family.help.empty()) family.help = info.help;
    std::map<Labels, std::unique_ptr<Metric>>& sets = family.metrics[{uid, task_index}];
    Labels labels = info.labels;
    if (sets.size() >= kMaxLabelSets && sets.find(labels) == sets.end())
      for (auto& label : labels) label.second = "other";
    std::unique_ptr<Metric>& metric = sets[std::move(labels)];
    if (!metric) metric = std::make_unique<Metric>();
    return *metric;
  }
  // `visit(name, help, uid, task_index, labels, value)`, ordered by name.
  template <class Visitor>
  void for_each(Visitor&& visit) const {
    const std::lock_guard lock(mutex_);
    for (const auto& [name, family] : families_)
      for (const auto& [place, sets] : family.metrics)
        for (const auto& [labels, metric] : sets)
          visit(name, family.help, place.first, place.second, labels, metric->value());
  }

 private:
  struct Family {
    std::string help;
    std::map<std::pair<std::string, std::uint32_t>, std::map<Labels, std::unique_ptr<Metric>>> metrics;
  };

  mutable std::mutex mutex_;
  std::map<std::string, Family> families_;  // guarded by mutex_
};

}  // namespace weir::runtime
