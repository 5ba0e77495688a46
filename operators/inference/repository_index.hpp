#pragma once
/// POST /v2/repository/index: all models of the job and their versions.

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <weir/http.hpp>
#include <weir/job_control.hpp>
#include <weir/result.hpp>

namespace weir::serving {
class ServingRegistry;
}

namespace weir::inference {

class InferenceService;

/// Answers with the models of up to `?limit=` keys of each task (1 to 1,000, default 100) that start with `?prefix=`;
/// the header Weir-Complete says whether these are all.
void repository_index(const serving::ServingRegistry& registry, JobControl& control,
                      const std::shared_ptr<InferenceService>& service, const HttpRequest& request, HttpReply reply);

/// Adds the entries of one listing, StatePage::entries of a task's models. `only_ready`: of models that can be asked.
Status add_index_entries(std::string_view listing, bool only_ready, std::vector<std::string>& entries);

}  // namespace weir::inference
