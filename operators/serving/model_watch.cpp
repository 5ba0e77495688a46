#include "operators/serving/model_watch.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <weir/log.hpp>

#include "operators/serving/open_beneath.hpp"

namespace weir::serving {
namespace {

constexpr std::uint32_t kEvents = IN_MOVED_TO | IN_CLOSE_WRITE | IN_CREATE | IN_ONLYDIR;
constexpr int kScansInARow = 3;

}  // namespace

ModelWatch::~ModelWatch() {
  directory_.stop();
  if (thread_.joinable()) {
    const std::uint64_t one = 1;
    while (::write(stop_, &one, sizeof one) < 0 && errno == EINTR) {
    }
    thread_.join();
  }
  if (events_ >= 0) ::close(events_);
  if (stop_ >= 0) ::close(stop_);
}

Status ModelWatch::start() {
  const std::string what = "watch the model directory '" + options_.path + "'";
  if (::access(options_.path.c_str(), R_OK | X_OK) != 0) return Status::from_errno(what, errno);
  WEIR_RETURN_IF_ERROR(directory_.open().with_context(what));
  stop_ = ::eventfd(0, EFD_CLOEXEC);
  if (stop_ < 0) return Status::from_errno(what, errno);
  events_ = ::inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  if (events_ < 0)
    log(LogLevel::kWarn, "models", what + ": no inotify (" + std::strerror(errno) + "), scans alone find new files");
  thread_ = std::thread([this] {
    pthread_setname_np(pthread_self(), "weir-models");
    loop();
  });
  return {};
}

void ModelWatch::loop() {
  scan_now_ = true;
  for (;;) {
    const Timestamp now = system_clock().now();
    if (scan_now_ || !next_scan_ || *next_scan_ <= now) scan();
    const auto wait = std::chrono::ceil<std::chrono::milliseconds>(*next_scan_ - system_clock().now());
    std::array<pollfd, 2> files{{{stop_, POLLIN, 0}, {events_, POLLIN, 0}}};
    const auto timeout = std::clamp<std::int64_t>(wait.count(), 0, 3'600'000);
    const int ready = ::poll(files.data(), files.size(), static_cast<int>(timeout));
    if (ready < 0 && errno != EINTR) {
      log(LogLevel::kError, "models", std::string("wait for changes in a model directory: ") + std::strerror(errno));
      return;
    }
    if (files[0].revents != 0) return;
    if (files[1].revents != 0) take_events();
    problems_.store(directory_.problems(), std::memory_order_relaxed);
    changed_();
  }
}

// A directory that is new is watched first and then looked at once more: nothing falls between the two.
void ModelWatch::scan() {
  scan_now_ = false;
  watch("");
  std::optional<Timestamp> settled_at;
  for (int scans = 0; scans < kScansInARow; ++scans) {
    settled_at = directory_.scan(system_clock().now());
    if (!watch_subdirectories()) break;
  }
  next_scan_ = system_clock().now() + options_.rescan;
  if (settled_at) next_scan_ = std::min(*next_scan_, *settled_at);
  problems_.store(directory_.problems(), std::memory_order_relaxed);
  changed_();
}

bool ModelWatch::watch_subdirectories() {
  bool added = false;
  for (const std::string& subdirectory : directory_.subdirectories()) added = watch(subdirectory) || added;
  return added;
}

// True when it was not watched before.
bool ModelWatch::watch(const std::string& subdirectory) {
  if (events_ < 0) return false;
  const std::string path = subdirectory.empty() ? options_.path : options_.path + "/" + subdirectory;
  // For a directory that is watched already this gives the same number; for one made anew another.
  const int number = ::inotify_add_watch(events_, path.c_str(), kEvents | (subdirectory.empty() ? 0 : IN_DONT_FOLLOW));
  if (number < 0) return false;  // gone, or too many: scans find its files
  const auto known = watched_.find(subdirectory);
  if (known != watched_.end() && known->second == number) return false;
  if (known != watched_.end()) watches_.erase(known->second);
  watched_[subdirectory] = number;
  watches_[number] = subdirectory;
  return true;
}

void ModelWatch::take_events() {
  alignas(inotify_event) std::array<char, 16'384> buffer;
  for (;;) {
    const ssize_t size = ::read(events_, buffer.data(), buffer.size());
    if (size <= 0) return;  // nothing more for now
    for (ssize_t at = 0; at < size;) {
      inotify_event event{};
      std::memcpy(&event, buffer.data() + at, sizeof event);
      const char* const text = buffer.data() + at + sizeof event;
      at += static_cast<ssize_t>(sizeof event + event.len);
      if ((event.mask & IN_Q_OVERFLOW) != 0) scan_now_ = true;
      const auto watch = watches_.find(event.wd);
      if (watch == watches_.end()) continue;
      if ((event.mask & IN_IGNORED) != 0) {
        watched_.erase(watch->second);
        watches_.erase(watch);
        continue;
      }
      const std::string name(text, event.len == 0 ? 0 : ::strnlen(text, event.len));
      const std::string path = watch->second.empty() ? name : watch->second + "/" + name;
      if ((event.mask & IN_ISDIR) != 0) {
        scan_now_ = true;
      } else if ((event.mask & IN_MOVED_TO) != 0 && !name.ends_with(".json")) {
        directory_.moved_in(path);
      } else if ((event.mask & (IN_CLOSE_WRITE | IN_MOVED_TO)) != 0) {
        // Written in place, or a descriptor: once it has settled.
        const Timestamp due = system_clock().now() + options_.settle;
        next_scan_ = next_scan_ ? std::min(*next_scan_, due) : due;
      }
    }
  }
}

}  // namespace weir::serving
