// What GET /v1/models/{key} shows of a speculating operator.

#include <weir/json.hpp>
#include <weir/serving/serving_view.hpp>
#include <weir/speculation/speculator.hpp>

namespace weir::speculation {

Result<std::string> show_members(Speculator& speculator, const KeySlot& slot, const SpeculationStatistics& statistics,
                                 std::int64_t version) {
  std::string members;
  Status last = Status::not_found("no members");
  for (std::size_t index = 0; index < speculator.members(); ++index) {
    const MemberSlot& models = *slot.models[index];
    const Result<std::string> shown =
        serving::show_key(speculator.models_of(index).view_of(models), {}, models.swaps, slot.key_text, 0, version);
    if (!shown.is_ok()) {
      last = shown.status();
      continue;
    }
    if (!members.empty()) members += ',';
    members += to_json(speculator.member(index).name) + ':' + *shown;
  }
  if (members.empty()) return last;
  return "{\"key\":" + to_json(slot.key_text) + ",\"members\":{" + members +
         "},\"speculation\":" + to_json(statistics) + "}";
}

}  // namespace weir::speculation
