#pragma once
/// Log lines of a model's life.

#include <weir/serve_options.hpp>

namespace weir::serving {

/// A warning for refusals; swaps are debug lines, for there may be many a second.
void log_event(const std::string& uid, const ModelEvent& event);

}  // namespace weir::serving
