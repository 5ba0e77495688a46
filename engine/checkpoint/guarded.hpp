#pragma once
// Work that operators and sinks give us to run outside their tasks: what it throws becomes a Status.

#include <exception>
#include <string>

#include <weir/status.hpp>

namespace weir::checkpoint {

template <class Work>
Status guarded(const std::string& what, const Work& work) {
  try {
    return work().with_context(what);
  } catch (const std::exception& error) {
    return Status::internal(what + " threw: " + error.what());
  } catch (...) {
    return Status::internal(what + " threw something that is not a std::exception");
  }
}

}  // namespace weir::checkpoint
