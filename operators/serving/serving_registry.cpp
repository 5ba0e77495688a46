#include "operators/serving/serving_registry.hpp"

#include <map>

namespace weir::serving {

std::shared_ptr<ServingRegistry> ServingRegistry::of(const JobControl& control) {
  static std::mutex mutex;
  static std::map<const JobControl*, std::weak_ptr<ServingRegistry>> registries;  // guarded by mutex
  const std::lock_guard lock(mutex);
  std::erase_if(registries, [](const auto& entry) { return entry.second.expired(); });
  auto& known = registries[&control];
  std::shared_ptr<ServingRegistry> registry = known.lock();
  if (!registry) known = registry = std::make_shared<ServingRegistry>();
  return registry;
}

bool ServingRegistry::add(const std::string& uid) {
  const std::lock_guard lock(mutex_);
  if (std::find(uids_.begin(), uids_.end(), uid) == uids_.end()) uids_.push_back(uid);
  return uids_.front() == uid;
}

Result<std::vector<std::string>> ServingRegistry::chosen(const HttpRequest& request) const {
  const std::lock_guard lock(mutex_);
  const std::string uid = request.query_or("uid", "");
  if (uid.empty()) return uids_;
  if (std::find(uids_.begin(), uids_.end(), uid) == uids_.end())
    return Status::not_found("no serving operator '" + uid + "'");
  return std::vector<std::string>{uid};
}

void list_all_models(JobControl& control, const std::vector<std::string>& uids, const PageQuery& query,
                     std::function<void(std::vector<TaskAnswer<std::string>>&)> finish) {
  const auto collection = std::make_shared<AnswerCollection<std::string>>(control, uids, std::move(finish));
  collection->for_each([&](std::size_t index, const std::string& uid, std::uint32_t task) {
    control.list_state(uid, task, kModelsState, query, [collection, index](Result<StatePage> page) {
      TaskAnswer<std::string>& answer = collection->at(index);
      answer.status = page.status();
      if (page.is_ok()) {
        answer.is_complete = page->next_cursor.empty();
        answer.answer = std::move(page->entries);
      }
      collection->done();
    });
  });
}

}  // namespace weir::serving
