#pragma once
/// Content-addressed bytes on disk: `<directory>/sha256/<first 2 hex digits>/<64 hex digits>`. Model bytes live here.

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include <weir/result.hpp>

namespace weir {

class Filesystem;

std::array<std::uint8_t, 32> sha256(std::string_view bytes);
/// 64 lower-case hexadecimal digits.
std::string sha256_hex(std::string_view bytes);

/// Thread: all methods from any thread; they block on disk.
class BlobStore {
 public:
  /// Makes the directory. `filesystem` is for tests; it must outlive the store.
  static Result<std::unique_ptr<BlobStore>> open(std::string directory, Filesystem* filesystem = nullptr);

  /// Stores the bytes, durably when it returns, and gives their address. Storing what is there already is cheap.
  Result<std::string> put(std::string_view bytes);
  /// kNotFound when nothing is stored under `hex`; kDataLoss when what is there has another digest; kInvalidArgument
  /// when `hex` is no address.
  [[nodiscard]] Result<std::string> get(std::string_view hex) const;

 private:
  BlobStore(std::string directory, Filesystem& filesystem);
  [[nodiscard]] std::string path_of(std::string_view hex) const;

  std::string directory_;
  Filesystem& filesystem_;
};

}  // namespace weir
