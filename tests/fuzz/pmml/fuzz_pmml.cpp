// libFuzzer's entry for PMML documents (./dev fuzz): whatever the bytes, loading and scoring neither crash nor overrun
// a bound. Half of the mutations keep the XML together, the other half are libFuzzer's own.

#include <cstdint>
#include <cstring>
#include <string_view>

#include "models/pmml/load_and_score.hpp"
#include "models/pmml/mutate.hpp"

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t max_size);

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  weir::test::load_and_score({reinterpret_cast<const char*>(data), size});
  return 0;
}

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size,
                                               unsigned int seed) {
  std::mt19937 random(seed);
  if (size == 0 || random() % 2 == 0) return LLVMFuzzerMutate(data, size, max_size);
  const std::string mutated = weir::test::mutate({reinterpret_cast<const char*>(data), size}, random);
  if (mutated.size() > max_size) return LLVMFuzzerMutate(data, size, max_size);
  std::memcpy(data, mutated.data(), mutated.size());
  return mutated.size();
}
