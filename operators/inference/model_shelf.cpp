#include "operators/inference/model_shelf.hpp"

#include <algorithm>

namespace weir::inference {
namespace {

using serving::ServedModel;

constexpr std::size_t kMaxScorers = 4;  // of one model

std::string identity_of(const ServedModel& served) {
  std::string text = served.uid;
  for (const std::string& part : {served.key, served.name, std::to_string(served.version)})
    text.append(1, '\0') += part;
  return text.append(reinterpret_cast<const char*>(served.digest.data()), served.digest.size());
}

}  // namespace

// A stale copy goes: when the stream has loaded the model, one in memory is enough.
ModelShelf::Entry* ModelShelf::find(const std::string& identity, const ServedModel& served) {
  const auto found =
      std::find_if(entries_.begin(), entries_.end(), [&](const Entry& entry) { return entry.identity == identity; });
  if (found == entries_.end()) return nullptr;
  if (served.model != nullptr && served.model != found->model) {
    bytes_ -= found->bytes;
    entries_.erase(found);
    return nullptr;
  }
  entries_.splice(entries_.begin(), entries_, found);
  return &entries_.front();
}

void ModelShelf::put(std::string identity, std::shared_ptr<const Model> model) {
  const std::uint64_t bytes = model->memory_bytes();
  if (bytes > max_bytes_ || max_models_ == 0) return;
  entries_.push_front({std::move(identity), std::move(model), bytes, {}});
  bytes_ += bytes;
  while (entries_.size() > max_models_ || bytes_ > max_bytes_) {
    bytes_ -= entries_.back().bytes;
    entries_.pop_back();
  }
}

Result<std::shared_ptr<const Model>> ModelShelf::model(const ServedModel& served) {
  if (served.model != nullptr) return served.model;
  const std::string identity = identity_of(served);
  {
    const std::lock_guard lock(mutex_);
    if (const Entry* entry = find(identity, served)) return entry->model;
  }
  serving::LoadResult loaded = serving::load_model(*served.config, served.load, {});
  WEIR_RETURN_IF_ERROR(loaded.status.with_context("load model '" + served.key + "' version " +
                                                  std::to_string(served.version) + " again"));
  const std::lock_guard lock(mutex_);
  ++loads_;
  if (const Entry* entry = find(identity, served)) return entry->model;  // another request was faster
  put(identity, loaded.model);
  return loaded.model;
}

Result<std::shared_ptr<const Scorer>> ModelShelf::scorer(const ServedModel& served,
                                                         const std::vector<std::string>& outputs) {
  const std::string identity = identity_of(served);
  {
    const std::lock_guard lock(mutex_);
    if (const Entry* entry = find(identity, served)) {
      for (const auto& [names, scorer] : entry->scorers)
        if (names == outputs) return scorer;
    }
  }
  WEIR_ASSIGN_OR_RETURN(const std::shared_ptr<const Model> loaded, model(served));
  WEIR_ASSIGN_OR_RETURN(std::shared_ptr<const Scorer> scorer, loaded->bind(served.config->features, outputs));
  const std::lock_guard lock(mutex_);
  Entry* entry = find(identity, served);
  if (entry == nullptr) {
    put(identity, loaded);
    entry = find(identity, served);
  }
  if (entry != nullptr && entry->model == loaded) {
    if (entry->scorers.size() >= kMaxScorers) entry->scorers.erase(entry->scorers.begin());
    entry->scorers.emplace_back(outputs, scorer);
  }
  return scorer;
}

std::size_t ModelShelf::size() const {
  const std::lock_guard lock(mutex_);
  return entries_.size();
}

std::uint64_t ModelShelf::loads() const {
  const std::lock_guard lock(mutex_);
  return loads_;
}

}  // namespace weir::inference
