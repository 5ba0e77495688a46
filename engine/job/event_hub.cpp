#include "engine/job/event_hub.hpp"

#include <weir/json.hpp>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

namespace weir {
namespace {

constexpr std::size_t kPieceBytes = 64 << 10;  // about what one take() gives at most

bool matches(const EventFilter& filter, const JobEvent& event) {
  return (filter.type.empty() || filter.type == event.type) && (filter.uid.empty() || filter.uid == event.uid) &&
         (!filter.key || *filter.key == event.key) &&
         (filter.prefix.empty() || std::string_view(event.key).starts_with(filter.prefix));
}

// `{"uid":…` before the rest of the event's own object.
std::string data_of(const JobEvent& event) {
  std::string data = "{\"uid\":" + to_json(event.uid);
  if (event.json.size() > 2) data += ',';
  return data.append(event.json, 1);
}

}  // namespace

struct EventHub::Shared {
  struct Kept {
    JobEvent facts;    // its json is in `text`
    std::string text;  // as sent
  };

  explicit Shared(Options given) : options(std::move(given)) {}
  [[nodiscard]] std::uint64_t next() const { return first + events.size(); }
  [[nodiscard]] std::string id_of(std::uint64_t number) const { return options.epoch + "-" + std::to_string(number); }

  const Options options;
  mutable std::mutex mutex;
  // Guarded by mutex:
  std::deque<std::shared_ptr<const Kept>> events;  // numbers first, first + 1, ...
  std::uint64_t first = 1;
  std::size_t bytes = 0;
  bool is_closed = false;
  std::vector<Subscription*> subscriptions;
  std::uint64_t dropped = 0;
};

// take(), has_ended() and heartbeat() on the HTTP thread; the hub reaches it only under the lock.
class EventHub::Subscription final : public HttpStream {
 public:
  Subscription(std::shared_ptr<Shared> shared, EventFilter filter, std::uint64_t cursor, std::string greeting)
      : shared_(std::move(shared)), filter_(std::move(filter)), greeting_(std::move(greeting)), cursor_(cursor) {
    shared_->subscriptions.push_back(this);  // the caller has the lock
  }
  ~Subscription() override {
    const std::lock_guard lock(shared_->mutex);
    std::erase(shared_->subscriptions, this);
  }
  Subscription(const Subscription&) = delete;
  Subscription& operator=(const Subscription&) = delete;

  void start(std::function<void()> wake) override {
    const std::lock_guard lock(shared_->mutex);
    wake_ = std::move(wake);
  }

  std::string take() override {
    std::string piece = std::exchange(greeting_, {});
    const std::lock_guard lock(shared_->mutex);
    is_woken_ = false;
    if (has_ended_) return piece;
    if (cursor_ < shared_->first) {  // slower than the ring is long
      has_ended_ = true;
      ++shared_->dropped;
      return piece;
    }
    for (; cursor_ < shared_->next() && piece.size() < kPieceBytes; ++cursor_) {
      const Shared::Kept& event = *shared_->events[cursor_ - shared_->first];
      if (matches(filter_, event.facts)) piece += event.text;
    }
    has_ended_ = shared_->is_closed && cursor_ == shared_->next();
    return piece;
  }
  [[nodiscard]] bool has_ended() const override { return has_ended_; }
  [[nodiscard]] std::string heartbeat() override { return ":\n\n"; }

  // The hub has the lock. The event is the newest.
  void notice(const JobEvent& event, std::uint64_t number) {
    if (matches(filter_, event)) return wake();
    if (cursor_ == number) ++cursor_;  // so that what it does not want cannot make it fall behind
  }
  // Once until the next take().
  void wake() {
    if (!std::exchange(is_woken_, true) && wake_) wake_();
  }

 private:
  const std::shared_ptr<Shared> shared_;
  const EventFilter filter_;
  std::string greeting_;
  bool has_ended_ = false;
  // Guarded by shared_->mutex:
  std::uint64_t cursor_;
  std::function<void()> wake_;
  bool is_woken_ = false;
};

EventHub::EventHub(Options options) : shared_(std::make_shared<Shared>(std::move(options))) {}
EventHub::~EventHub() { close(); }

void EventHub::publish(JobEvent event) {
  std::string data = data_of(event);
  if (data.size() > shared_->options.max_event_bytes) data = "{\"uid\":" + to_json(event.uid) + ",\"too_large\":true}";
  event.json.clear();
  const std::lock_guard lock(shared_->mutex);
  if (shared_->is_closed) return;
  const std::uint64_t number = shared_->next();
  std::string text = "id: " + shared_->id_of(number) + "\nevent: " + event.type + "\ndata: " + data + "\n\n";
  shared_->bytes += text.size();
  const auto kept = std::make_shared<const Shared::Kept>(Shared::Kept{std::move(event), std::move(text)});
  shared_->events.push_back(kept);
  while (shared_->events.size() > shared_->options.max_events || shared_->bytes > shared_->options.max_bytes) {
    shared_->bytes -= shared_->events.front()->text.size();
    shared_->events.pop_front();
    ++shared_->first;
  }
  for (Subscription* const one : shared_->subscriptions) one->notice(kept->facts, number);
}

Result<std::shared_ptr<HttpStream>> EventHub::subscribe(EventFilter filter, const std::string& after) {
  const std::lock_guard lock(shared_->mutex);
  if (shared_->is_closed) return Status::unavailable("follow events: the job has ended");
  if (shared_->subscriptions.size() >= shared_->options.max_subscribers) {
    return Status::unavailable("follow events: " + std::to_string(shared_->subscriptions.size()) +
                               " are listening already, no more may");
  }
  std::uint64_t cursor = shared_->next();
  std::string greeting = "retry: 1000\n\n";
  if (after == "0") {
    cursor = shared_->first;
  } else if (!after.empty()) {
    const std::size_t dash = after.rfind('-');
    std::uint64_t number = 0;
    const char* const end = after.data() + after.size();
    const auto parsed = dash == std::string::npos ? std::from_chars_result{nullptr, std::errc::invalid_argument}
                                                  : std::from_chars(after.data() + dash + 1, end, number);
    if (parsed.ec != std::errc{} || parsed.ptr != end)
      return Status::invalid_argument("follow events after '" + after + "': it is not the id of an event");
    const bool is_kept =
        after.substr(0, dash) == shared_->options.epoch && number + 1 >= shared_->first && number < shared_->next();
    cursor = is_kept ? number + 1 : shared_->first;
    if (!is_kept) greeting += "event: missed\ndata: {\"after\":" + to_json(after) + "}\n\n";
  }
  return std::shared_ptr<HttpStream>(
      std::make_shared<Subscription>(shared_, std::move(filter), cursor, std::move(greeting)));
}

void EventHub::close() {
  const std::lock_guard lock(shared_->mutex);
  shared_->is_closed = true;
  for (Subscription* const one : shared_->subscriptions) one->wake();
}

std::size_t EventHub::subscribers() const {
  const std::lock_guard lock(shared_->mutex);
  return shared_->subscriptions.size();
}

std::uint64_t EventHub::dropped() const {
  const std::lock_guard lock(shared_->mutex);
  return shared_->dropped;
}

}  // namespace weir
