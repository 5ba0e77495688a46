// Machines are scored by event time, all inputs are archived; then the archive is scored again: with the versions that
// scored it, which must give every bit again, and with another one.
//
//   event_time_replay DIRECTORY [PARALLELISM [MODELS]]      see README.md
#include <weir/weir.hpp>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <map>
#include <string>

#include <boost/describe/class.hpp>

namespace {

using namespace std::chrono_literals;

struct Reading {
  weir::Timestamp time;
  std::string machine;
  double temperature = 0;  // degrees Celsius
  double vibration = 0;    // millimetres a second
};
BOOST_DESCRIBE_STRUCT(Reading, (), (time, machine, temperature, vibration))

const weir::Timestamp kBegin{std::chrono::sys_days{std::chrono::January / 1 / 2026}};
constexpr std::uint64_t kReadings = 300'000;

/// Reading number `index`: three machines in turn, ten readings a second, 500 minutes.
Reading reading_at(std::uint64_t index) {
  static constexpr const char* kMachines[] = {"lathe", "mill", "press"};
  const auto phase = static_cast<double>(index);
  return {.time = kBegin + std::chrono::milliseconds(100 * index),
          .machine = kMachines[index % 3],
          .temperature = 60 + 20 * std::sin(phase / 50),
          .vibration = 1 + std::sin(phase / 7)};
}

/// The model in `file` for every machine, in force `after` the first reading.
void add_models(std::vector<weir::ModelRecord>& models, const std::string& file, std::int64_t version,
                weir::Duration after) {
  std::ifstream in(file, std::ios::binary);
  for (const char* machine : {"lathe", "mill", "press"}) {
    weir::ModelRecord& model = models.emplace_back();
    model.key = machine;
    model.name = "risk";
    model.type = "PMML";
    model.version = version;
    model.effective_at = kBegin + after;
    in.clear();
    in.seekg(0);
    model.data = std::string(std::istreambuf_iterator<char>(in), {});
  }
}

weir::Status score(const std::string& directory, std::uint32_t parallelism, std::vector<weir::ModelRecord> models) {
  weir::Pipeline pipeline({.name = "machines", .parallelism = parallelism});
  pipeline.enable_checkpointing({.directory = directory, .interval = 20ms});

  const auto time_of = [](const Reading& reading) { return reading.time; };
  const auto effective_at = [](const weir::ModelRecord& model) { return *model.effective_at; };
  auto readings = pipeline.from_source(weir::generator_source(reading_at, time_of, {.count = kReadings}))
                      .uid("readings")
                      .key_by(&Reading::machine);
  auto model_stream = pipeline.from_source(weir::vector_source(std::move(models), effective_at))
                          .uid("models")
                          .parallelism(1)  // versions in their order
                          .key_by([](const weir::ModelRecord& model) { return model.key; });

  auto features = weir::features<Reading>()
                      .number("temperature", [](const Reading& reading) { return reading.temperature; })
                      .number("vibration", [](const Reading& reading) { return reading.vibration; });
  weir::ServeOptions options{.effect = weir::ModelEffect::kEventTime, .outputs = {"probability(1)"}};

  auto scores = readings.connect(model_stream)
                    .co_process(weir::ServeModel<Reading>({weir::pmml_runtime()}, features, options))
                    .uid("risk");
  scores.sink_to(weir::for_each_sink<weir::Scored<Reading>>([](const weir::Scored<Reading>&) {})).uid("risks");
  weir::archive(scores, {.topic = "risk-inputs", .retain_for = 30 * 24h, .retain_bytes = std::uint64_t{1} << 30})
      .uid("risk-archive");
  return pipeline.run();
}

weir::Result<bool> replay(const std::string& directory) {
  WEIR_ASSIGN_OR_RETURN(const weir::Archive archive, weir::Archive::open(directory));
  const weir::ReplayOptions options{.runtimes = {weir::pmml_runtime()}};

  std::map<std::int64_t, std::size_t> by_version;
  WEIR_RETURN_IF_ERROR(
      archive.for_each("", [&](std::uint64_t, const weir::ArchiveRecord& record) -> weir::Result<bool> {
        if (const weir::ArchivedInputs* inputs = record.inputs()) by_version[inputs->model.version] += inputs->rows();
        return true;
      }));
  for (const auto& [version, records] : by_version)
    std::printf("version %d scored %zu readings\n", static_cast<int>(version), records);

  WEIR_ASSIGN_OR_RETURN(const weir::VerifyReport again, weir::verify_archive(archive, options));
  std::printf("scored again: %d, of which another bit: %d\n", static_cast<int>(again.scored),
              static_cast<int>(again.different));

  WEIR_ASSIGN_OR_RETURN(const weir::CompareReport change, weir::compare_archive(archive, {.version = 2}, options));
  std::printf("version 2 throughout: mean %.4f instead of %.4f, at most %.4f away, %d the same\n", change.after.mean,
              change.before.mean, change.max_absolute, static_cast<int>(change.identical));
  return again.different == 0;
}

}  // namespace

int main(int count, char** arguments) {
  if (count < 2 || count > 4) {
    std::fprintf(stderr, "usage: event_time_replay DIRECTORY [PARALLELISM [MODELS]]\n");
    return 2;
  }
  const auto parallelism = static_cast<std::uint32_t>(count > 2 ? std::atoi(arguments[2]) : 1);
  const std::string folder = count > 3 ? arguments[3] : "examples/serving/models";
  std::vector<weir::ModelRecord> models;
  add_models(models, folder + "/spring.pmml", 1, 50min);
  add_models(models, folder + "/summer.pmml", 2, 200min);
  add_models(models, folder + "/wrong-input.pmml", 3, 300min);  // is refused; version 2 goes on

  if (const weir::Status status = score(arguments[1], parallelism, models); !status.is_ok())
    return weir::exit_code(status);
  const weir::Result<bool> same = replay(arguments[1]);
  if (!same) return weir::exit_code(same.status());
  return *same ? EXIT_SUCCESS : EXIT_FAILURE;
}
