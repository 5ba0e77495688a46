#pragma once
// Asks the demo's own HTTP server, as a person with curl would.

#include <cstdint>
#include <string>

#include <weir/result.hpp>

namespace flights {

// The body of the answer to GET `target` from 127.0.0.1; kNotFound for 404, kUnavailable for any other failure. Blocks
// for two seconds at most.
weir::Result<std::string> http_get(std::uint16_t port, const std::string& target);

}  // namespace flights
