#include "operators/speculation/speculation_rig.hpp"

namespace weir::test {
namespace {

Speculation<Event> definition(ModelRuntimes runtimes, SpeculationOptions options) {
  return {std::move(runtimes), features<Event>().number("value", [](const Event& event) { return event.value; }),
          std::move(options)};
}

}  // namespace

std::unique_ptr<Operator> make_speculation(const SpeculationOptions& options) {
  return definition({std::make_shared<const ToyRuntime>()}, options).make_operator(KeyOfEvent{}, KeyOfModel{});
}

Stream<Speculated<Event>> add_speculation(const Stream<Event>& records, const Stream<ModelRecord>& models,
                                          const Stream<SpeculationControl>* control, ModelRuntimes runtimes,
                                          SpeculationOptions options) {
  const auto what = definition(std::move(runtimes), std::move(options));
  return control == nullptr ? speculate(records.key_by(KeyOfEvent{}), models.key_by(KeyOfModel{}), what)
                            : speculate(records.key_by(KeyOfEvent{}), models.key_by(KeyOfModel{}), *control, what);
}

}  // namespace weir::test
