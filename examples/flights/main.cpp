// The flights demo: see README.md, and job.hpp for the pipeline.

#include <cstdio>
#include <cstdlib>

#include <weir/log.hpp>

#include "kill.hpp"
#include "options.hpp"
#include "run.hpp"

int main(int argc, char** argv) {
  auto options = flights::parse_options({argv + 1, static_cast<std::size_t>(argc - 1)});
  if (!options) {
    std::fprintf(stderr, "flights_demo: %s\n", options.status().message().c_str());
    return flights::kExitUsage;
  }
  if (options->help) {
    std::fputs(flights::usage().c_str(), stdout);
    return flights::kExitOk;
  }
  if (options->model_files.empty()) options->model_files = FLIGHTS_MODELS_DIRECTORY;
  // Refusals are shown beside the progress line; a log line would break it.
  if (std::getenv("WEIR_LOG") == nullptr) weir::set_log_level(weir::LogLevel::kError);
  return options->kills != 0 ? flights::run_with_kills(*options) : flights::run_demo(*options);
}
