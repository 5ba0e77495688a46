// Machines report what they feel; models that tell how likely a machine is to fail arrive over HTTP while this runs.
//
//   serving_example DIRECTORY [PORT]      see README.md
#include <weir/weir.hpp>

#include <charconv>
#include <chrono>
#include <cmath>
#include <cstring>
#include <iostream>

#include "reading.hpp"

namespace {

/// Reading number `index`: three machines in turn, ten readings a second.
Reading reading_at(std::uint64_t index) {
  static constexpr const char* kMachines[] = {"lathe", "mill", "press"};
  const auto phase = static_cast<double>(index);
  return {.time = weir::Timestamp{std::chrono::sys_days{std::chrono::January / 1 / 2026}} +
                  std::chrono::milliseconds(100 * index),
          .machine = kMachines[index % 3],
          .temperature = 60 + 20 * std::sin(phase / 50),
          .vibration = 1 + std::sin(phase / 7)};
}

int run(const std::string& directory, std::uint16_t port) {
  using namespace std::chrono_literals;
  weir::Pipeline pipeline({.name = "machines", .parallelism = 2});
  pipeline.enable_checkpointing({.directory = directory + "/job", .interval = 1s});
  pipeline.serve_http({.port = port});

  const auto time_of = [](const Reading& reading) { return reading.time; };
  auto readings = pipeline.from_source(weir::paced(weir::generator_source(reading_at, time_of), {.speed = 1}))
                      .uid("readings")
                      .key_by(&Reading::machine);

  auto models =
      pipeline.from_source(weir::model_inbox_source()).uid("models").key_by([](const weir::ModelRecord& model) {
        return model.key;
      });

  auto features = weir::features<Reading>()
                      .number("temperature", [](const Reading& reading) { return reading.temperature; })
                      .number("vibration", [](const Reading& reading) { return reading.vibration; });

  readings.connect(models)
      .co_process(weir::ServeModel<Reading>(weir::all_runtimes(), features, {.outputs = {"probability(1)"}}))
      .uid("risk")
      .map([](const weir::Scored<Reading>& scored) {
        return Risk{.machine = scored.key,
                    .time = scored.event_time,
                    .position = scored.position,
                    .model = scored.model.version,
                    .probability = scored.number(),
                    .status = std::string(to_string(scored.status))};
      })
      .sink_to(weir::file_sink<Risk>({.directory = directory + "/risks",
                                      .prefix = "risk",
                                      .suffix = ".csv",
                                      .format = weir::CsvFormat<Risk>{},
                                      .header = weir::csv_header<Risk>()}))
      .uid("risks");

  weir::Result<weir::Job> job = pipeline.start();
  if (!job) return weir::exit_code(job.status());
  std::cout << "http://127.0.0.1:" << job->http_port() << std::endl;
  return weir::exit_code(job->wait());
}

}  // namespace

int main(int count, char** arguments) {
  std::uint16_t port = 0;
  if (count == 3) {
    const char* end = arguments[2] + std::strlen(arguments[2]);
    if (std::from_chars(arguments[2], end, port).ptr != end) count = 0;
  }
  if (count != 2 && count != 3) {
    std::cerr << "usage: serving_example DIRECTORY [PORT]\n";
    return 2;
  }
  return run(arguments[1], port);
}
