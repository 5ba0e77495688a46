// libFuzzer's entry; build with clang++ -fsanitize=fuzzer,address and the conformance models as seeds.

#include <cstdint>

#include "models/pmml/fuzz_entry.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  weir::test::load_and_score({reinterpret_cast<const char*>(data), size});
  return 0;
}
