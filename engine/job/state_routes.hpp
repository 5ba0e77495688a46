#pragma once
// The HTTP paths of a job's state.

#include <vector>

#include <weir/http.hpp>

#include "engine/job/job_impl.hpp"

namespace weir {

// `job` must outlive the routes.
std::vector<HttpRoute> state_routes(Job::Impl& job);

}  // namespace weir
