#include <weir/status.hpp>

#include <iostream>

int main() {
  const weir::Status status = weir::Status::not_found("model 'a'");
  std::cout << status.to_string() << '\n';
  return status.is_ok() ? 1 : 0;
}
