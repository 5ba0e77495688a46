#include <weir/log.hpp>

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <cstdlib>
#include <memory>

namespace weir {
namespace {

spdlog::level::level_enum spdlog_level(LogLevel level) {
  switch (level) {
    case LogLevel::kTrace: return spdlog::level::trace;
    case LogLevel::kDebug: return spdlog::level::debug;
    case LogLevel::kInfo: return spdlog::level::info;
    case LogLevel::kWarn: return spdlog::level::warn;
    case LogLevel::kError: return spdlog::level::err;
    case LogLevel::kOff: return spdlog::level::off;
  }
  return spdlog::level::info;
}

// A logger of our own: the program's default one is the program's. Never destroyed, so that late lines are safe.
spdlog::logger& logger() {
  static spdlog::logger* const kLogger = [] {
    auto* made = new spdlog::logger("weir", std::make_shared<spdlog::sinks::stderr_sink_mt>());
    made->set_pattern("%Y-%m-%d %H:%M:%S.%e %l %v");
    const char* const wanted = std::getenv("WEIR_LOG");
    made->set_level(wanted == nullptr ? spdlog::level::info : spdlog::level::from_str(wanted));
    return made;
  }();
  return *kLogger;
}

}  // namespace

void log(LogLevel level, std::string_view component, std::string_view message) {
  logger().log(spdlog_level(level), "{}: {}", component, message);
}

void set_log_level(LogLevel level) noexcept { logger().set_level(spdlog_level(level)); }

}  // namespace weir
