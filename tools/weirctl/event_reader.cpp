#include "tools/weirctl/event_reader.hpp"

#include <utility>

namespace weirctl {

std::vector<ServerEvent> EventReader::feed(std::string_view bytes) {
  std::vector<ServerEvent> events;
  for (const char byte : bytes) {
    if (byte != '\n') {
      line_ += byte;
      continue;
    }
    std::string_view line = line_;
    if (line.ends_with('\r')) line.remove_suffix(1);
    take_line(line, events);
    line_.clear();
  }
  return events;
}

void EventReader::take_line(std::string_view line, std::vector<ServerEvent>& events) {
  if (line.empty()) {
    event_.id = last_id_;
    if (has_data_) events.push_back(std::move(event_));
    event_ = {};
    has_data_ = false;
    return;
  }
  const std::size_t colon = line.find(':');
  const std::string_view name = line.substr(0, colon);
  std::string_view value = colon == std::string_view::npos ? std::string_view() : line.substr(colon + 1);
  if (value.starts_with(' ')) value.remove_prefix(1);
  if (name == "event") event_.type = value;
  if (name == "id") last_id_ = value;
  if (name != "data") return;
  if (std::exchange(has_data_, true)) event_.data += '\n';
  event_.data += value;
}

void EventReader::restart() {
  line_.clear();
  event_ = {};
  has_data_ = false;
}

}  // namespace weirctl
