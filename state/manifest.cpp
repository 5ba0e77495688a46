#include "state/manifest.hpp"

#include <weir/blob_store.hpp>

namespace weir {
namespace {

constexpr std::string_view kMagic = "WEIRMAN1";
constexpr std::size_t kDigestBytes = 32;

std::string digest_of(std::string_view bytes) {
  const auto digest = sha256(bytes);
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

}  // namespace

std::string encode_manifest(const proto::Manifest& manifest) {
  std::string bytes(kMagic);
  bytes += manifest.SerializeAsString();
  return bytes + digest_of(bytes);
}

Result<proto::Manifest> decode_manifest(std::string_view bytes) {
  const std::string size = std::to_string(bytes.size()) + " bytes";
  if (bytes.size() < kMagic.size() + kDigestBytes || !bytes.starts_with(kMagic))
    return Status::data_loss("read manifest: its " + size + " are none");
  const std::string_view body = bytes.substr(0, bytes.size() - kDigestBytes);
  if (digest_of(body) != bytes.substr(body.size()))
    return Status::data_loss("read manifest: its " + size + " do not have the digest they end with");
  proto::Manifest manifest;
  if (!manifest.ParseFromArray(body.data() + kMagic.size(), static_cast<int>(body.size() - kMagic.size())))
    return Status::data_loss("read manifest: its " + size + " are no manifest message");
  if (manifest.format_version() != kManifestVersion)
    return Status::unimplemented("read manifest: format version " + std::to_string(manifest.format_version()) +
                                 ", but this program knows " + std::to_string(kManifestVersion));
  return manifest;
}

}  // namespace weir
