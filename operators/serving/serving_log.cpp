#include "operators/serving/serving_log.hpp"

#include <weir/log.hpp>

namespace weir::serving {

void log_event(const std::string& uid, const ModelEvent& event) {
  const std::string model =
      "key '" + event.key + "': model '" + event.name + "' version " + std::to_string(event.version);
  switch (event.state) {
    case ModelState::kRefused: log(LogLevel::kWarn, uid, model + " refused: " + event.reason); break;
    case ModelState::kCurrent: log(LogLevel::kDebug, uid, model + " is current"); break;
    case ModelState::kRetired: log(LogLevel::kDebug, uid, model + " retired"); break;
    default: break;  // the steps between are in the model's state
  }
}

}  // namespace weir::serving
