#pragma once
/// POST /v1/models...: puts models and orders into the inbox.

#include <memory>
#include <string_view>
#include <vector>

#include <weir/http.hpp>
#include <weir/job_control.hpp>
#include <weir/result.hpp>
#include <weir/time.hpp>

namespace weir::serving {

class ModelInbox;

std::vector<HttpRoute> inbox_routes(std::shared_ptr<ModelInbox> inbox, JobControl& control);

/// `2013-07-04T10:00:00Z`, with up to six decimals of a second, or microseconds since 1970-01-01 UTC.
Result<Timestamp> parse_effective_at(std::string_view text);

}  // namespace weir::serving
