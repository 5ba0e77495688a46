#pragma once
/// Payloads that tell their number, of a few bytes to 70 KB: some lie in blob files.

#include <cstdint>
#include <string>

namespace weir::testing {

inline std::string churned_payload(std::uint64_t number) {
  std::uint64_t random = number * 0x9e3779b97f4a7c15 + 1;
  std::string payload = std::to_string(number) + ' ';
  const std::uint64_t size = random % 11 == 0 ? random % 70'000 : random % 3'000;
  while (payload.size() < size) {
    random ^= random << 13;
    random ^= random >> 7;
    random ^= random << 17;
    payload.append(reinterpret_cast<const char*>(&random), sizeof random);
  }
  return payload;
}

}  // namespace weir::testing
