#pragma once
/// The log: one line per event on standard error, never per record. Thread: all functions from any thread.
///
/// The level is `info` unless the environment variable WEIR_LOG says trace, debug, info, warn, error or off, or the
/// program calls set_log_level(). weir's errors are returned, not only logged: the log is for people.

#include <string_view>

namespace weir {

enum class LogLevel : unsigned char { kTrace, kDebug, kInfo, kWarn, kError, kOff };

/// `2026-11-21 14:05:09.123 warn component: message`.
void log(LogLevel level, std::string_view component, std::string_view message);
/// From now on lines below `level` are dropped.
void set_log_level(LogLevel level) noexcept;

}  // namespace weir
