#pragma once
/// Log lines of a model's life.

#include <weir/serve_options.hpp>

namespace weir::serving {

/// A warning for refusals, information for swaps; other steps are not worth a line.
void log_event(const std::string& uid, const ModelEvent& event);

}  // namespace weir::serving
