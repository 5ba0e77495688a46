#pragma once
// One run of the demo: start or go on, watch, finish, look at what came out.

#include <string>
#include <vector>

#include "options.hpp"

namespace flights {

inline constexpr int kExitOk = 0;
inline constexpr int kExitFailed = 1;  // it could not run
inline constexpr int kExitUsage = 2;
inline constexpr int kExitWrong = 3;      // something was lost, doubled or does not agree
inline constexpr int kExitStopped = 130;  // by SIGINT or SIGTERM

// The directory of the runs of one kind of model.
std::string run_directory(const DemoOptions& options);

// Runs in this process until everything has been scored or a signal comes; gives the exit code.
int run_demo(const DemoOptions& options);

}  // namespace flights
