#pragma once
/// Which version scored a record: the answer the swap log gives.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <weir/result.hpp>
#include <weir/serving/serving_state.hpp>

namespace weir::serving {

/// One record, by its position in its source or by its event time: exactly one of the two is set.
struct AuditQuestion {
  std::optional<std::uint64_t> position;
  std::optional<Timestamp> time;
};

/// What a parameter says: `2013-07-04T10:00:00Z`, with up to six decimals of a second, or microseconds since 1970-01-01
/// UTC.
Result<Timestamp> parse_event_time(std::string_view what, std::string_view text);

/// What a swap log can say about records of one key.
struct AuditOptions {
  bool by_event_time = false;  ///< ModelEffect::kEventTime: a record's time alone decides
  bool one_order = true;       ///< one task scored all records of the key in the order of their positions
};

/// `{"key", "position" or "time", "model": {"name", "version", "digest"} or null, "exact", "why", "swap": {...}}`.
/// `exact` is false, with the reason in `why`, when the log allows only a guess: records that are not in the order of
/// their times, several tasks, a swap whose first record is not known.
/// kNotFound when the log no longer reaches so far back; kFailedPrecondition when the question cannot be answered in
/// this mode (a position, by event time: the log knows when versions take effect, not where).
Result<std::string> audit_json(const std::string& key_text, const SwapLog& log, const AuditQuestion& question,
                               const AuditOptions& options);

}  // namespace weir::serving
