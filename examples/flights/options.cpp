#include "options.hpp"

#include <charconv>
#include <string_view>

#include <weir/csv.hpp>

namespace flights {

using weir::Result;
using weir::Status;

namespace {

template <class Number>
Status read_number(std::string_view name, std::string_view text, Number least, Number most, Number& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error == std::errc{} && end == text.data() + text.size() && number >= least && number <= most) return {};
  return Status::invalid_argument(std::string(name) + " is '" + std::string(text) + "'; it must be a number from " +
                                  std::to_string(least) + " to " + std::to_string(most));
}

Status read_speed(std::string_view text, DemoOptions& options) {
  if (text == "max") {
    options.days_per_second.reset();
    return {};
  }
  double days = 0;
  WEIR_RETURN_IF_ERROR(read_number("--speed", text, 0.001, 1e6, days).with_context("days a second, or 'max'"));
  options.days_per_second = days;
  return {};
}

Status read_value(std::string_view name, std::string_view text, DemoOptions& options) {
  if (name == "--data") return options.data = text, Status{};
  if (name == "--model-files") return options.model_files = text, Status{};
  if (name == "--directory") return options.directory = text, Status{};
  if (name == "--json") return options.json = text, Status{};
  if (name == "--speed") return read_speed(text, options);
  if (name == "--parallelism") return read_number<std::uint32_t>(name, text, 1, 128, options.parallelism);
  if (name == "--batch-size") return read_number<std::size_t>(name, text, 1, 65536, options.batch_size);
  if (name == "--port") return read_number<std::uint16_t>(name, text, 0, 65535, options.port);
  if (name == "--seed") return read_number<std::uint64_t>(name, text, 0, ~std::uint64_t{0}, options.seed);
  if (name == "--checkpoint-interval")
    return read_number<std::int64_t>(name, text, 10, 3'600'000, options.checkpoint_interval_ms);
  if (name == "--models") {
    options.models = text == "pmml" ? "lr" : text;
    for (const std::string_view kind : {"lr", "boosting", "onnx", "tensorflow"})
      if (options.models == kind) return {};
    return Status::invalid_argument("--models is '" + std::string(text) +
                                    "'; it must be lr, pmml, boosting, onnx or tensorflow");
  }
  if (name == "--until") {
    WEIR_ASSIGN_OR_RETURN(options.until, weir::parse_timestamp(text));
    return {};
  }
  return Status::invalid_argument("unknown argument '" + std::string(name) + "'; --help lists them");
}

bool read_flag(std::string_view name, DemoOptions& options) {
  if (name == "--help" || name == "-h") return options.help = true;
  if (name == "--fresh") return options.fresh = true;
  if (name == "--serve") return options.serve = true;
  if (name == "--quiet") return options.quiet = true;
  return false;
}

}  // namespace

Result<DemoOptions> parse_options(std::span<const char* const> arguments) {
  DemoOptions options;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string_view name = arguments[i];
    if (read_flag(name, options)) continue;
    const bool has_next = i + 1 < arguments.size();
    if (name == "--kill") {
      options.kills = 1;
      const std::string_view next = has_next ? arguments[i + 1] : "";
      if (!next.empty() && next.front() >= '0' && next.front() <= '9') {
        WEIR_RETURN_IF_ERROR(read_number<std::uint32_t>(name, next, 1, 1000, options.kills));
        ++i;
      }
      continue;
    }
    if (!has_next) {
      WEIR_RETURN_IF_ERROR(read_value(name, "", options));
      return Status::invalid_argument(std::string(name) + " needs a value");
    }
    WEIR_RETURN_IF_ERROR(read_value(name, arguments[++i], options));
  }
  if (options.kills != 0 && options.serve) return Status::invalid_argument("--kill and --serve do not go together");
  return options;
}

std::string usage() {
  return
      R"(usage: flights_demo [argument...]

A year of flights from New York, scored by models that are replaced while it runs. Stopped or killed, it goes on where
it was when it is started again with the same --models and --directory.

  --models KIND               lr or pmml: logistic regressions as PMML (default); boosting: boosted trees as PMML;
                              onnx, tensorflow: the same logistic regressions for these runtimes
  --speed N|max               days of flights a second (default 18: the year in about 20 s), or as fast as it goes
  --until DATE                only flights requested before, such as 2013-04-01
  --kill [N]                  SIGKILL N times (default once) on the way, restart, compare with an unbroken run
  --seed N                    of the moments of --kill (default: from the clock; it is printed)
  --serve                     keep the HTTP server up at the end, until Ctrl-C or SIGTERM
  --port N                    of the HTTP server, on 127.0.0.1 (default: a free one)
  --json FILE                 write the summary
  --parallelism N             tasks per operator (default 2)
  --batch-size N              records in a full batch (default 256)
  --checkpoint-interval MS    milliseconds between checkpoints (default 1000)
  --fresh                     begin anew instead of going on where a stopped run was
  --quiet                     print only what went wrong
  --data DIR                  raw data and event files (default .weir/data/flights)
  --directory DIR             checkpoints and output (default .weir/demo)
  --model-files DIR           directory of index.csv and its models (default: the repository's)

Exit code: 0 when nothing was lost, doubled or disagreed; 3 when something was; 1 when it could not run; 2 for a wrong
command line; 130 when it was stopped on the way.
)";
}

}  // namespace flights
