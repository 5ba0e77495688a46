#pragma once
/// POST /v1/models...: puts models and orders into the inbox.

#include <memory>
#include <vector>

#include <weir/http.hpp>
#include <weir/job_control.hpp>

namespace weir::serving {

class ModelInbox;

std::vector<HttpRoute> inbox_routes(std::shared_ptr<ModelInbox> inbox, JobControl& control);

}  // namespace weir::serving
