#pragma once
/// The bytes of a policy's definition: a kind byte and what policy_definition.cpp describes.

#include <cstdint>
#include <string>

#include <weir/bytes.hpp>

namespace weir {

enum class PolicyKind : unsigned char {
  kFirstGood = 1,
  kBestQuality,
  kByPriority,
  kRanked,
  kMajority,
  kMedian,
  kWeightedMean,
  kQuorum,
  kOtherwise,
  kFixedAnswer,
  kNamed,
};

/// The kind, and what `write` adds.
template <class Write>
std::string define(PolicyKind kind, const Write& write) {
  std::string bytes;
  ByteWriter writer(bytes);
  writer.byte(static_cast<std::uint8_t>(kind));
  write(writer);
  return bytes;
}
inline std::string define(PolicyKind kind) {
  return define(kind, [](ByteWriter&) {});
}

}  // namespace weir
