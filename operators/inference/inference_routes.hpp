#pragma once
/// The paths of the Open Inference Protocol v2 (docs/inference.md).

#include <memory>
#include <vector>

#include <weir/http.hpp>
#include <weir/job_control.hpp>

namespace weir::serving {
class ServingRegistry;
}

namespace weir::inference {

/// For all serving operators of the registry.
std::vector<HttpRoute> inference_routes(std::shared_ptr<const serving::ServingRegistry> registry, JobControl& control);

}  // namespace weir::inference
