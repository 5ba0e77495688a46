#include <weir/blob_store.hpp>

#include <openssl/evp.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>

#include <weir/check.hpp>

#include "state/filesystem.hpp"

namespace weir {

std::array<std::uint8_t, 32> sha256(std::string_view bytes) {
  std::array<std::uint8_t, 32> digest{};
  unsigned size = 0;
  const int done = EVP_Digest(bytes.data(), bytes.size(), digest.data(), &size, EVP_sha256(), nullptr);
  WEIR_CHECK(done == 1 && size == digest.size(), "SHA-256 needs nothing but memory");
  return digest;
}

std::string sha256_hex(std::string_view bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string hex;
  for (const std::uint8_t byte : sha256(bytes)) (hex += kDigits[byte >> 4]) += kDigits[byte & 15];
  return hex;
}

BlobStore::BlobStore(std::string directory, Filesystem& filesystem)
    : directory_(std::move(directory)), filesystem_(filesystem) {}

Result<std::unique_ptr<BlobStore>> BlobStore::open(std::string directory, Filesystem* filesystem) {
  Filesystem& files = filesystem != nullptr ? *filesystem : real_filesystem();
  WEIR_RETURN_IF_ERROR(files.make_directories(directory + "/sha256"));
  WEIR_RETURN_IF_ERROR(files.sync_directory(directory));
  return std::unique_ptr<BlobStore>(new BlobStore(std::move(directory), files));
}

std::string BlobStore::path_of(std::string_view hex) const {
  return directory_ + "/sha256/" + std::string(hex.substr(0, 2)) + "/" + std::string(hex);
}

Result<std::string> BlobStore::put(std::string_view bytes) {
  static std::atomic<std::uint64_t> serial{0};
  std::string hex = sha256_hex(bytes);
  const std::string path = path_of(hex);
  // A name that is there was renamed after its bytes were synced; damage is for who reads it to find, and for a new
  // put to heal when even the size is wrong.
  if (const auto size = filesystem_.file_size(path); size.is_ok() && *size == bytes.size()) return hex;

  const std::string folder = path.substr(0, path.rfind('/'));
  const std::string temporary = path + ".tmp-" + std::to_string(::getpid()) + "-" + std::to_string(++serial);
  WEIR_RETURN_IF_ERROR(filesystem_.make_directories(folder));
  Status status = filesystem_.write_file(temporary, bytes);
  if (status.is_ok()) status = filesystem_.rename(temporary, path);
  if (!status.is_ok()) {
    filesystem_.remove_all(temporary).ignore("the write's own failure is what counts");
    return status.with_context("store a blob of " + std::to_string(bytes.size()) + " bytes");
  }
  WEIR_RETURN_IF_ERROR(filesystem_.sync_directory(folder));
  WEIR_RETURN_IF_ERROR(filesystem_.sync_directory(directory_ + "/sha256"));
  return hex;
}

Result<std::string> BlobStore::get(std::string_view hex) const {
  const bool is_address = hex.size() == 64 && std::all_of(hex.begin(), hex.end(), [](char c) {
                            return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
                          });
  if (!is_address) return Status::invalid_argument("read blob '" + std::string(hex) + "': no SHA-256 in hexadecimal");
  WEIR_ASSIGN_OR_RETURN(std::string bytes, filesystem_.read_file(path_of(hex)));
  if (const std::string actual = sha256_hex(bytes); actual != hex)
    return Status::data_loss("read blob " + std::string(hex) + ": its " + std::to_string(bytes.size()) +
                             " bytes have the digest " + actual);
  return bytes;
}

}  // namespace weir
