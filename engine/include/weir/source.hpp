#pragma once
/// Sources as definitions: small copyable values that say how to make the operator of each task.
///
/// A source is an Operator without inputs: `poll` puts records (with timestamps and positions where it has them) into
/// output 0 and says kProgress, kIdle (nothing now; its waker fires later) or kEnd. `snapshot` stores its position, and
/// `open` finds the positions of *all* its tasks in OperatorContext::restored_entries(), so that splits can move
/// between tasks when the parallelism changes: name a blob after its split, and take the splits that are this task's.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <weir/http.hpp>
#include <weir/operator.hpp>

namespace weir {

class JobControl;

template <class T>
struct Source {
  using Record = T;
  std::string kind{};  ///< `csv-file`, for people
  std::function<std::unique_ptr<Operator>()> make_operator{};
  std::uint32_t max_parallelism = 0;                            ///< 0: any
  std::vector<std::string> faults{};                            ///< wrong options; reported by validation
  std::function<std::vector<HttpRoute>(JobControl&)> routes{};  ///< HTTP paths this source adds (ingest); may be empty
};

}  // namespace weir
