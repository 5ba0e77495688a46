// A job that scores and archives ten readings a millisecond of one machine until it is killed:
//
//   archiving_job DIRECTORY

#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include <weir/archive.hpp>
#include <weir/memory_sink.hpp>
#include <weir/memory_source.hpp>
#include <weir/paced.hpp>
#include <weir/pipeline.hpp>
#include <weir/serving.hpp>

namespace {

struct Reading {
  std::string machine;
  double temperature = 0;
  double vibration = 0;
  std::int64_t at_us = 0;
};

std::string bytes_of(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

weir::Timestamp at(std::int64_t micros) { return weir::Timestamp{weir::Duration{micros}}; }

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  std::vector<Reading> readings;
  for (std::int64_t i = 0; i < 1'000'000; ++i)
    readings.push_back({"press", 60.0 + static_cast<double>(i % 400) / 7, static_cast<double>(i % 90) / 9, 100 * i});
  std::vector<weir::ModelRecord> models(2);
  for (int i = 0; i < 2; ++i) {
    models[i].key = "press";
    models[i].name = "risk";
    models[i].type = "PMML";
    models[i].version = i + 1;
    models[i].data = bytes_of(std::string("examples/serving/models/") + (i == 0 ? "spring.pmml" : "summer.pmml"));
    models[i].effective_at = at(i == 0 ? 0 : 10'000);
  }
  weir::Pipeline pipeline({.name = "machines"});
  pipeline.enable_checkpointing({.directory = argv[1], .interval = std::chrono::milliseconds(50)});
  auto stream = pipeline
                    .from_source(weir::paced(
                        weir::vector_source(readings, [](const Reading& reading) { return at(reading.at_us); }), {}))
                    .uid("readings")
                    .key_by([](const Reading& reading) { return reading.machine; });
  auto model_stream =
      pipeline
          .from_source(weir::vector_source(models, [](const weir::ModelRecord& model) { return *model.effective_at; }))
          .uid("models")
          .key_by([](const weir::ModelRecord& model) { return model.key; });
  auto features = weir::features<Reading>()
                      .number("temperature", [](const Reading& reading) { return reading.temperature; })
                      .number("vibration", [](const Reading& reading) { return reading.vibration; });
  weir::ServeOptions options{.effect = weir::ModelEffect::kEventTime, .outputs = {"probability(1)"}};
  auto scores = stream.connect(model_stream)
                    .co_process(weir::ServeModel<Reading>({weir::pmml_runtime()}, features, options))
                    .uid("risk");
  scores.sink_to(weir::for_each_sink<weir::Scored<Reading>>([](const weir::Scored<Reading>&) {})).uid("risks");
  weir::archive(scores, {.retain_bytes = std::uint64_t{1} << 20}).uid("archive");
  return weir::exit_code(pipeline.run());
}
