#include "examples/flights/demo_process.hpp"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>

namespace flights::test {

DemoProcess::DemoProcess(std::vector<std::string> command_line) {
  std::vector<char*> arguments;
  for (std::string& argument : command_line) arguments.push_back(argument.data());
  arguments.push_back(nullptr);
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) std::perror("pipe"), std::abort();
  process_ = ::fork();
  if (process_ < 0) std::perror("fork"), std::abort();
  if (process_ == 0) {
    ::dup2(ends[1], STDOUT_FILENO);
    ::dup2(ends[1], STDERR_FILENO);
    ::execv(arguments[0], arguments.data());
    ::_exit(127);
  }
  ::close(ends[1]);
  pipe_ = ends[0];
}

DemoProcess::~DemoProcess() {
  if (process_ > 0) {
    ::kill(process_, SIGKILL);
    ::waitpid(process_, nullptr, 0);
  }
  ::close(pipe_);
}

bool DemoProcess::read_some() {
  char buffer[4096];
  const ssize_t size = ::read(pipe_, buffer, sizeof buffer);
  if (size < 0 && errno == EINTR) return true;
  if (size <= 0) return false;
  output_.append(buffer, static_cast<std::size_t>(size));
  return true;
}

bool DemoProcess::read_until(const std::string& text) {
  while (true) {
    const std::size_t at = output_.find(text);
    if (at != std::string::npos && output_.find('\n', at) != std::string::npos) return true;
    if (!read_some()) return false;
  }
}

int DemoProcess::wait() {
  while (read_some()) {
  }
  int status = 0;
  ::waitpid(std::exchange(process_, -1), &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace flights::test
