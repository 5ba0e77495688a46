#pragma once
// --kill: what a run puts out must not depend on how often it was killed.

#include "options.hpp"

namespace flights {

// Runs the job unbroken, then again in a process of its own that is killed with SIGKILL options.kills times on the way
// and restarted each time; compares what the two put out. Gives the exit code.
int run_with_kills(const DemoOptions& options);

}  // namespace flights
