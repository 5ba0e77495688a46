#pragma once
// What goes into the demo's job: event files, and the model stream.

#include <cstdint>
#include <string>
#include <vector>

#include <weir/model_record.hpp>
#include <weir/result.hpp>

#include "features.hpp"
#include "options.hpp"

namespace flights {

struct DemoInput {
  EventFiles files;
  std::vector<std::int64_t> ids;          // of all requests, ascending
  weir::Timestamp first;                  // request
  weir::Timestamp last;                   // request
  std::vector<weir::ModelRecord> models;  // by effective_at; the last one is the end mark (is_end_mark)
  std::int64_t frozen_version = 0;        // of the first model
};

// Key of the record that ends the model stream: without it the stream would be over with the last model, and models
// posted later would come too late.
inline constexpr const char* kEndMark = "end-of-models";

// Makes the event files when they are missing, cuts them when options.until says so (into `slice_directory`), and reads
// the models. Blocks on the disk for a second or two.
weir::Result<DemoInput> prepare_input(const DemoOptions& options, const std::string& slice_directory);

}  // namespace flights
