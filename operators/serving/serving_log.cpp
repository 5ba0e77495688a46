#include "operators/serving/serving_log.hpp"

#include <spdlog/spdlog.h>

namespace weir::serving {

void log_event(const std::string& uid, const ModelEvent& event) {
  if (event.state == ModelState::kRefused) {
    spdlog::warn("{}: key '{}': model '{}' version {} refused: {}", uid, event.key, event.name, event.version,
                 event.reason);
  } else if (event.state == ModelState::kCurrent) {
    spdlog::debug("{}: key '{}': model '{}' version {} is current", uid, event.key, event.name, event.version);
  } else if (event.state == ModelState::kRetired) {
    spdlog::debug("{}: key '{}': model '{}' version {} retired", uid, event.key, event.name, event.version);
  }
}

}  // namespace weir::serving
