// ModelLifecycle: what it shows to those who score outside of the stream.

#include <weir/serving/served_model.hpp>

#include <utility>

#include <weir/serving/model_lifecycle.hpp>

namespace weir::serving {
namespace {

ServedModel served_of(const ModelSlot& slot, const StoredVersion& facts) {
  ServedModel served;
  served.key = slot.key_text;
  served.name = facts.record.name;
  served.version = facts.version;
  served.digest = facts.digest;
  served.type = facts.record.type;
  served.state = facts.state;
  return served;
}

}  // namespace

void ModelLifecycle::add_served(const ModelSlot& slot, std::vector<ServedModel>& served) const {
  for (const auto& version : slot.versions) {
    ServedModel& added = served.emplace_back(served_of(slot, version->facts));
    added.is_current = slot.current == version.get();
    added.model = version->rest->model;
    added.load = {0, version->facts.record, version->rest->bytes, version->facts.digest};
    added.config = loader_->config();
  }
  for (const PendingModel& pending : slot.pending) {
    if (pending.facts.record.control != ModelControl::kNone) continue;
    ServedModel& added = served.emplace_back(served_of(slot, pending.facts));
    added.state = pending.done ? ModelState::kReady : loader_->stage(pending.load_id);
    added.is_pending = true;
  }
}

}  // namespace weir::serving
