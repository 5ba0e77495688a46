// libFuzzer's entry for PMML documents (./dev fuzz): whatever the bytes, loading and scoring neither crash nor overrun
// a bound, the two readers of XML agree, and so do rows scored alone and together. Half of the mutations keep the XML
// together, the other half are libFuzzer's own.

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "models/pmml/load_and_score.hpp"
#include "models/pmml/mutate.hpp"
#include "models/pmml/readers_agree.hpp"

namespace {

void check(const char* what, const std::string& difference) {
  if (difference.empty()) return;
  std::fprintf(stderr, "%s: %s\n", what, difference.c_str());
  std::abort();
}

}  // namespace

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t max_size);

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  check("the readers disagree", weir::test::readers_disagree(bytes));
  check("a row scored alone and with others", weir::test::load_and_score(bytes).difference);
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
