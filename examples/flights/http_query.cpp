#include "http_query.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cerrno>

namespace flights {

using weir::Result;
using weir::Status;

namespace {

class Socket {
 public:
  Socket() : descriptor_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {}
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  ~Socket() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  [[nodiscard]] int get() const { return descriptor_; }

 private:
  int descriptor_;
};

Status failed(const std::string& target) { return Status::from_errno("GET " + target, errno); }

Result<std::string> exchange(std::uint16_t port, const std::string& target) {
  const Socket socket;
  const timeval timeout{2, 0};
  ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
  ::setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return failed(target);
  // HTTP/1.0: the server closes at the end, and sends no chunks.
  const std::string request = "GET " + target + " HTTP/1.0\r\nHost: localhost\r\n\r\n";
  if (::send(socket.get(), request.data(), request.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(request.size()))
    return failed(target);
  std::string reply;
  char buffer[16384];
  while (true) {
    const ssize_t size = ::recv(socket.get(), buffer, sizeof buffer, 0);
    if (size == 0) return reply;
    if (size < 0) return failed(target);
    reply.append(buffer, static_cast<std::size_t>(size));
  }
}

}  // namespace

Result<std::string> http_get(std::uint16_t port, const std::string& target) {
  const Result<std::string> reply = exchange(port, target);
  if (!reply) return Status::unavailable(reply.status().message());
  const std::size_t body = reply->find("\r\n\r\n");
  const std::size_t code = reply->find(' ');
  if (body == std::string::npos || code == std::string::npos || code > body)
    return Status::unavailable("GET " + target + ": the answer is no HTTP");
  const std::string status = reply->substr(code + 1, 3);
  if (status == "200") return reply->substr(body + 4);
  const std::string message = "GET " + target + ": " + status + " " + reply->substr(body + 4);
  return status == "404" ? Status::not_found(message) : Status::unavailable(message);
}

}  // namespace flights
