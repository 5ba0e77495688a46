#pragma once
/// Opens plug-in libraries, once for the process each.

#include <string>

#include <weir/runtime_plugin.h>
#include <weir/result.hpp>
#include <weir/runtimes.hpp>

namespace weir::plugin {

/// The runtime for `type` of the plug-in with this file name, opened when it is not yet. Every failure says what was
/// looked for, where, and how to get it. Any thread; blocks while libraries are read.
Result<const weir_runtime*> open_runtime(const std::string& type, const std::string& file_name,
                                         const RuntimeOptions& options);

/// A sink that stores into `text`.
weir_text_sink sink_of(std::string& text) noexcept;

}  // namespace weir::plugin
