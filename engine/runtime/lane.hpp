#pragma once
// A lane: an executor with threads of its own, for jobs that may hang.

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <weir/executor.hpp>

namespace weir::runtime {

class Lane final : public Executor {
 public:
  // `name` is cut to the 15 bytes a thread's name may have.
  Lane(std::string name, std::uint32_t threads);
  // Drops what waits; joins the threads whose job ends within a second, leaves the others to themselves.
  ~Lane() override;
  Status submit(std::string_view what, std::function<void()> job) override;

 private:
  static constexpr std::size_t kCapacity = 1024;
  // Outlives the lane while a job hangs.
  struct Shared {
    std::mutex mutex;
    std::condition_variable changed;
    std::deque<std::function<void()>> queue;  // guarded by mutex
    bool stopping = false;                    // guarded by mutex
    std::size_t running = 0;                  // guarded by mutex
    std::vector<bool> busy;                   // guarded by mutex; by thread
  };
  static void loop(Shared& shared, std::size_t index);

  std::shared_ptr<Shared> shared_ = std::make_shared<Shared>();
  std::vector<std::thread> threads_;
};

}  // namespace weir::runtime
