#pragma once
/// Signatures of models: who may publish, checked where models are loaded (docs/serving.md#signatures).
///
/// A signature is Ed25519 (RFC 8032) over this text, in bytes, each line ended by one LF:
///
///   weir model signature 1
///   key <bytes>:<key>
///   name <bytes>:<name>
///   version <decimal>
///   type <bytes>:<type>
///   sha256 <64 lower-case hexadecimal digits>
///
/// `<bytes>` is the length of what follows the colon, in decimal, so that any bytes may be in it; the version is the
/// one the publisher gives, 0 when none. The digest is that of the model's bytes. Nothing else is signed: neither
/// effective_at nor the description. Without a version of its own a signed model can be published again by anybody who
/// has seen it; with one, an older version is stale.
///
/// Thread: all functions from any thread; ModelPublicKey is a value.

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <weir/model_record.hpp>
#include <weir/result.hpp>

namespace weir {

struct ModelPublicKey {
  std::array<std::uint8_t, 32> bytes{};

  /// From PEM (`-----BEGIN PUBLIC KEY-----`, as `openssl pkey -pubout` writes it) or 64 hexadecimal digits.
  static Result<ModelPublicKey> parse(std::string_view text);
  /// From a file with either.
  static Result<ModelPublicKey> read(const std::string& path);
  /// 64 lower-case hexadecimal digits.
  [[nodiscard]] std::string hex() const;
  friend bool operator==(const ModelPublicKey&, const ModelPublicKey&) = default;
};

/// Private keys as PEM (PKCS #8, `-----BEGIN PRIVATE KEY-----`), as `openssl genpkey -algorithm ed25519` makes them.
Result<std::string> make_model_private_key();
Result<ModelPublicKey> public_key_of(std::string_view private_key_pem);
/// PEM of a public key.
std::string to_pem(const ModelPublicKey& key);

/// The text that is signed. `digest` is SHA-256 of the model's bytes.
std::string model_signature_text(const ModelRecord& record, const std::array<std::uint8_t, 32>& digest);
/// 64 bytes: goes into ModelRecord::signature.
Result<std::string> sign_model(const ModelRecord& record, const std::array<std::uint8_t, 32>& digest,
                               std::string_view private_key_pem);
/// OK when one of `keys` made the record's signature. kFailedPrecondition says what is wrong: none there, of a wrong
/// length, or by none of the keys.
Status verify_model_signature(const ModelRecord& record, const std::array<std::uint8_t, 32>& digest,
                              const std::vector<ModelPublicKey>& keys);

}  // namespace weir
