#pragma once
/// Events of a running job, for whoever listens over HTTP (docs/http.md, `GET /v1/events`).

#include <string>

namespace weir {

struct JobEvent {
  std::string type;  ///< `model`, `job`; a type of your own for operators of your own: letters, digits, `-`, `_`
  std::string uid;   ///< of the operator; empty: the job itself
  std::string key;   ///< text of the key it is about; may be empty
  std::string json;  ///< a JSON object, without line breaks, that says what happened
};

/// Takes events. Thread: any. Never blocks for long and never fails: the last few thousand are kept, older ones are
/// forgotten, and who does not keep up with them is sent away.
class EventSink {
 public:
  virtual ~EventSink() = default;
  virtual void publish(JobEvent event) = 0;
};

}  // namespace weir
