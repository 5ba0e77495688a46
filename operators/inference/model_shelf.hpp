#pragma once
/// ModelShelf: models and their scorers for use outside of the stream.
///
/// A model that the stream has loaded is shared with it; one that is unloaded, or kept for rollback only, is loaded
/// again from the content-addressed store. The last ones stay on the shelf, within two bounds: number and memory.

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include <weir/model.hpp>
#include <weir/result.hpp>
#include <weir/serving/served_model.hpp>

namespace weir::inference {

/// Thread: any.
class ModelShelf {
 public:
  explicit ModelShelf(std::size_t max_models = 16, std::uint64_t max_bytes = std::uint64_t{256} << 20)
      : max_models_(max_models), max_bytes_(max_bytes) {}

  /// The model, loaded if need be. Blocks.
  Result<std::shared_ptr<const Model>> model(const serving::ServedModel& served);
  /// The model bound to the features of its job and these outputs. Blocks.
  Result<std::shared_ptr<const Scorer>> scorer(const serving::ServedModel& served,
                                               const std::vector<std::string>& outputs);
  /// Models on the shelf, and loads since the start.
  [[nodiscard]] std::size_t size() const;
  [[nodiscard]] std::uint64_t loads() const;

 private:
  using BoundScorer = std::pair<std::vector<std::string>, std::shared_ptr<const Scorer>>;
  struct Entry {
    std::string identity;
    std::shared_ptr<const Model> model;
    std::uint64_t bytes = 0;
    std::vector<BoundScorer> scorers;  // the last few
  };

  Entry* find(const std::string& identity, const serving::ServedModel& served);
  void put(std::string identity, std::shared_ptr<const Model> model);

  const std::size_t max_models_;
  const std::uint64_t max_bytes_;
  mutable std::mutex mutex_;
  // Guarded by mutex_:
  std::list<Entry> entries_;  // the one used last first
  std::uint64_t bytes_ = 0;
  std::uint64_t loads_ = 0;
};

}  // namespace weir::inference
