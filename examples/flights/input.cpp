#include "input.hpp"

#include <algorithm>
#include <filesystem>
#include <string_view>
#include <unordered_set>
#include <utility>

#include <weir/runtimes.hpp>

#include "events.hpp"
#include "model_index.hpp"
#include "model_inputs.hpp"
#include "raw_data.hpp"

namespace flights {

using weir::Result;
using weir::Status;

namespace {

// Calls `visit(line, number)` for each line after the header.
template <class Visit>
Status for_each_line(std::string_view text, Visit visit) {
  std::size_t number = 0;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    ++number;
    if (number > 1) WEIR_RETURN_IF_ERROR(visit(text.substr(0, end), number));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return {};
}

Status make_event_files(const std::string& data) {
  const EventFiles files = event_files(data);
  if (std::filesystem::exists(files.requests) && std::filesystem::exists(files.outcomes)) return {};
  if (!std::filesystem::exists(data + "/flights.csv")) {
    return Status::not_found("find the flights in '" + data +
                             "': there is no flights.csv; ./dev setup fetches the data");
  }
  return prepare_events(data);
}

Status read_requests(const std::string& text, DemoInput& input) {
  WEIR_RETURN_IF_ERROR(for_each_line(text, [&](std::string_view line, std::size_t number) -> Status {
    WEIR_ASSIGN_OR_RETURN(const FlightRequest request, parse_request_line(line, number));
    if (input.ids.empty()) input.first = request.event_time;
    input.last = request.event_time;
    input.ids.push_back(request.id);
    return {};
  }));
  if (input.ids.empty()) return Status::invalid_argument("there are no requests");
  std::sort(input.ids.begin(), input.ids.end());
  return {};
}

// Requests before `until`, and the outcomes of those flights.
Status write_slice(const EventFiles& from, const EventFiles& to, weir::Timestamp until) {
  std::unordered_set<std::int64_t> ids;
  std::string csv;
  WEIR_ASSIGN_OR_RETURN(const std::string requests, read_text_file(from.requests));
  append_header(csv, request_columns());
  WEIR_RETURN_IF_ERROR(for_each_line(requests, [&](std::string_view line, std::size_t number) -> Status {
    WEIR_ASSIGN_OR_RETURN(const FlightRequest request, parse_request_line(line, number));
    if (request.event_time >= until) return {};
    ids.insert(request.id);
    csv.append(line) += '\n';
    return {};
  }));
  WEIR_RETURN_IF_ERROR(write_text_file(to.requests, csv));
  csv.clear();
  WEIR_ASSIGN_OR_RETURN(const std::string outcomes, read_text_file(from.outcomes));
  append_header(csv, outcome_columns());
  WEIR_RETURN_IF_ERROR(for_each_line(outcomes, [&](std::string_view line, std::size_t number) -> Status {
    WEIR_ASSIGN_OR_RETURN(const FlightOutcome outcome, parse_outcome_line(line, number));
    if (ids.contains(outcome.id)) csv.append(line) += '\n';
    return {};
  }));
  return write_text_file(to.outcomes, csv);
}

// A frozen graph does not say what its inputs and outputs are.
void say_what_it_is(const std::string& kind, weir::ModelRecord& record) {
  record.type = kind == "onnx" ? "ONNX" : kind == "tensorflow" ? "TENSORFLOW" : "PMML";
  if (kind != "tensorflow") return;
  const weir::FeatureSchema inputs = model_inputs();
  for (const weir::Field& field : inputs.fields()) record.options.inputs.push_back(field.name);
  record.options.outputs = {"probabilities"};
  record.options.classes = {"0", "1"};
}

// A year without models shows nothing: a runtime that is missing is said before.
Status try_runtime(const weir::ModelRecord& record) {
  return weir::all_runtimes().find(record.type)->load_with(*record.data, record.options, {}).status();
}

Status read_models(const DemoOptions& options, DemoInput& input) {
  WEIR_ASSIGN_OR_RETURN(const std::string index, read_text_file(options.model_files + "/index.csv"));
  WEIR_ASSIGN_OR_RETURN(const std::vector<ModelLine> lines, parse_model_index(index, options.models));
  if (lines.empty())
    return Status::not_found("'" + options.model_files + "/index.csv' has no '" + options.models + "'");
  input.frozen_version = lines.front().version;
  for (const ModelLine& line : lines) {
    if (line.effective_at > input.last) break;
    weir::ModelRecord& record = input.models.emplace_back();
    record.key = line.key;
    record.name = line.name;
    say_what_it_is(line.kind, record);
    record.version = line.version;
    record.effective_at = line.effective_at;
    record.lineage = line.file;
    WEIR_ASSIGN_OR_RETURN(record.data, read_text_file(options.model_files + '/' + line.file));
  }
  if (options.models == "onnx" || options.models == "tensorflow") {
    WEIR_RETURN_IF_ERROR(try_runtime(input.models.front()));
  }
  weir::ModelRecord& end = input.models.emplace_back();
  end.key = kEndMark;
  end.effective_at = input.last;
  return {};
}

}  // namespace

Result<DemoInput> prepare_input(const DemoOptions& options, const std::string& slice_directory) {
  WEIR_RETURN_IF_ERROR(make_event_files(options.data));
  DemoInput input;
  input.files = event_files(options.data);
  if (options.until) {
    std::error_code failed;
    std::filesystem::create_directories(slice_directory, failed);
    if (failed) return Status::from_errno("make '" + slice_directory + "'", failed.value());
    const EventFiles slice = event_files(slice_directory);
    WEIR_RETURN_IF_ERROR(write_slice(input.files, slice, *options.until));
    input.files = slice;
  }
  {
    WEIR_ASSIGN_OR_RETURN(const std::string text, read_text_file(input.files.requests));
    WEIR_RETURN_IF_ERROR(read_requests(text, input).with_context(input.files.requests));
  }
  WEIR_RETURN_IF_ERROR(read_models(options, input));
  return input;
}

}  // namespace flights
