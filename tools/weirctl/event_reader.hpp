#pragma once
/// Reads server-sent events (HTML Living Standard §9.2.6) out of bytes as they come.

#include <string>
#include <string_view>
#include <vector>

namespace weirctl {

struct ServerEvent {
  std::string id;  ///< of the last event that had one
  std::string type;
  std::string data;
};

class EventReader {
 public:
  /// The events that these bytes complete.
  std::vector<ServerEvent> feed(std::string_view bytes);
  /// To go on from, as Last-Event-ID; empty: none has come.
  [[nodiscard]] const std::string& last_id() const noexcept { return last_id_; }
  /// The connection is another one: what was begun is forgotten.
  void restart();

 private:
  void take_line(std::string_view line, std::vector<ServerEvent>& events);

  std::string line_;
  ServerEvent event_;
  bool has_data_ = false;
  std::string last_id_;
};

}  // namespace weirctl
