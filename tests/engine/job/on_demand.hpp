#pragma once
// Checkpoints of a test's job: when the test asks for one.

#include <chrono>

#include <weir/checkpoint.hpp>

#include "support/temporary_directory.hpp"

namespace weir::test {

inline CheckpointOptions on_demand(const testing_support::TemporaryDirectory& directory) {
  return {.directory = directory.path() + "/job", .interval = std::chrono::milliseconds(0)};
}

}  // namespace weir::test
