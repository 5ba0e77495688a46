#include "job.hpp"

#include <array>
#include <chrono>
#include <memory>

#include <weir/file_sink.hpp>
#include <weir/file_source.hpp>
#include <weir/memory_source.hpp>
#include <weir/model_inbox.hpp>
#include <weir/paced.hpp>
#include <weir/runtimes.hpp>
#include <weir/serving.hpp>

#include "model_inputs.hpp"
#include "stages.hpp"

namespace flights {

using weir::ModelRecord;

namespace {

// weir splits the line; what the fields mean is the event's own business.
template <class Event, std::size_t kColumns>
auto parser(std::span<const std::string_view> names, weir::Result<Event> (*parse)(const CsvRow&)) {
  return [names, parse](const weir::CsvRow& row) -> weir::Result<Event> {
    std::array<std::string_view, kColumns> fields;
    if (row.size() != kColumns) return weir::Status::invalid_argument(std::to_string(row.size()) + " fields");
    for (std::size_t i = 0; i < kColumns; ++i) fields[i] = row[i];
    return parse({"line", 0, names, fields});
  };
}

weir::Features<FlightRequest> request_features() {
  return {model_inputs(), [](const FlightRequest& request, double* numbers, std::string_view* texts) {
            fill_model_inputs(request, std::span<double, kNumberInputs>(numbers, kNumberInputs),
                              std::span<std::string_view, kTextInputs>(texts, kTextInputs));
          }};
}

weir::ServeModel<FlightRequest> serve(weir::ScorePath path) {
  weir::ServeOptions options;
  options.effect = weir::ModelEffect::kEventTime;
  options.no_model = weir::NoModelPolicy::kEmit;
  options.outputs = {std::string(kLateProbability)};
  options.path = path;
  options.keep_versions = 64;  // the year's and what is posted, for rollback and statistics
  options.max_logged_refusals = 64;
  return {weir::all_runtimes(), request_features(), std::move(options)};
}

}  // namespace

weir::Pipeline make_pipeline(const DemoOptions& options, const DemoInput& input, const RunDirectory& directory) {
  weir::Pipeline pipeline(
      {.name = "flights-" + options.models, .parallelism = options.parallelism, .batch_size = options.batch_size});
  pipeline.enable_checkpointing(
      {.directory = directory.job(), .interval = std::chrono::milliseconds(options.checkpoint_interval_ms)});
  pipeline.serve_http({.port = options.port});

  const double speed = options.days_per_second ? *options.days_per_second * 24 * 60 * 60 : weir::Timeline::kMaxSpeed;
  const auto timeline = std::make_shared<weir::Timeline>(weir::Timeline::Options{speed, input.first});
  const auto event_time = [](const auto& event) { return event.event_time; };

  const auto requests = pipeline
                            .from_source(weir::paced(weir::csv_file_source<FlightRequest>(
                                                         {.path = input.files.requests, .timestamp = event_time},
                                                         parser<FlightRequest, 16>(request_columns(), parse_request)),
                                                     {.timeline = timeline}))
                            .uid("requests")
                            .parallelism(1)
                            .key_by(&FlightRequest::origin);
  const auto outcomes = pipeline
                            .from_source(weir::paced(weir::csv_file_source<FlightOutcome>(
                                                         {.path = input.files.outcomes, .timestamp = event_time},
                                                         parser<FlightOutcome, 4>(outcome_columns(), parse_outcome)),
                                                     {.timeline = timeline}))
                            .uid("outcomes")
                            .parallelism(1)
                            .key_by(&FlightOutcome::id);

  // One task: models keep their order.
  const auto models =
      pipeline
          .from_source(weir::paced(
              weir::vector_source(input.models, [](const ModelRecord& model) { return *model.effective_at; }),
              {.timeline = timeline}))
          .uid("model-files")
          .parallelism(1)
          .filter([](const ModelRecord& model) { return model.key != kEndMark; })
          .parallelism(1);
  const auto posted = pipeline.from_source(weir::model_inbox_source()).uid("model-inbox").parallelism(1);
  const auto first_models =
      models.filter([first = input.frozen_version](const ModelRecord& model) { return model.version == first; })
          .parallelism(1);

  const auto live = requests.connect(models.merge(posted).key_by(&ModelRecord::key))
                        .co_process(serve(weir::ScorePath::kCurrent))
                        .uid("score-live")
                        .map([](const weir::Scored<FlightRequest>& scored) { return to_score(scored, false); });
  const auto frozen = requests.connect(first_models.key_by(&ModelRecord::key))
                          .co_process(serve(weir::ScorePath::kShadow))
                          .uid("score-frozen")
                          .map([](const weir::Scored<FlightRequest>& scored) { return to_score(scored, true); });

  const auto evaluated =
      live.merge(frozen).key_by(&Score::id).connect(outcomes).co_process(MeetOutcome{}).uid("evaluate");
  evaluated
      .sink_to(weir::file_sink<Evaluated>(
          {.directory = directory.output(),
           .prefix = kFlightsPrefix,
           .suffix = ".csv",
           .format = [](const Evaluated& flight, std::string& text) { append_line(flight, text); }}))
      .uid(kLastOperator);
  evaluated.key_by(&Evaluated::month)
      .process(MonthQuality{})
      .uid("quality")
      .sink_to(
          weir::file_sink<MonthRow>({.directory = directory.output(),
                                     .prefix = kMonthsPrefix,
                                     .suffix = ".csv",
                                     .format = [](const MonthRow& row, std::string& text) { append_line(row, text); }}))
      .uid("months-out");
  return pipeline;
}

}  // namespace flights
