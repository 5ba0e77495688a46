#pragma once
/// The demo as a child process: its arguments in, its output and exit code out.

#include <string>
#include <utility>
#include <vector>

namespace flights::test {

class DemoProcess {
 public:
  /// `program` and its arguments. What it writes to standard output and error can be read here. Aborts the test program
  /// when the process cannot be started.
  explicit DemoProcess(std::vector<std::string> command_line);
  /// Kills it if it still runs.
  ~DemoProcess();
  DemoProcess(const DemoProcess&) = delete;
  DemoProcess& operator=(const DemoProcess&) = delete;

  /// Reads until the output so far contains `text` and the line is complete; false when the process ended before.
  bool read_until(const std::string& text);
  /// Reads to the end; the exit code, or 128 and the number of the signal that ended it.
  int wait();
  [[nodiscard]] const std::string& output() const noexcept { return output_; }

 private:
  bool read_some();
  int process_ = -1;
  int pipe_ = -1;
  std::string output_;
};

}  // namespace flights::test
