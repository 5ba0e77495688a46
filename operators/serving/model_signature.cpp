#include <weir/model_signature.hpp>

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include <charconv>
#include <fstream>
#include <iterator>
#include <memory>

#include <weir/check.hpp>

namespace weir {
namespace {

constexpr std::size_t kSignatureBytes = 64;
constexpr std::size_t kMostKeyFileBytes = 16'384;

struct Free {
  void operator()(EVP_PKEY* key) const noexcept { EVP_PKEY_free(key); }
  void operator()(EVP_MD_CTX* context) const noexcept { EVP_MD_CTX_free(context); }
  void operator()(BIO* bio) const noexcept { BIO_free(bio); }
};
using Key = std::unique_ptr<EVP_PKEY, Free>;
using Context = std::unique_ptr<EVP_MD_CTX, Free>;
using Memory = std::unique_ptr<BIO, Free>;

const unsigned char* unsigned_bytes(std::string_view text) noexcept {
  return reinterpret_cast<const unsigned char*>(text.data());
}

Memory reading(std::string_view text) { return Memory(BIO_new_mem_buf(text.data(), static_cast<int>(text.size()))); }

std::string text_of(BIO* memory) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(memory, &data);
  return {data, static_cast<std::size_t>(size)};
}

// A password would be asked for on the terminal.
int no_password(char* /*buffer*/, int /*size*/, int /*writing*/, void* /*user*/) { return -1; }

bool is_ed25519(const Key& key) { return key && EVP_PKEY_get_base_id(key.get()) == EVP_PKEY_ED25519; }

Result<Key> read_private_key(std::string_view pem) {
  Key key(PEM_read_bio_PrivateKey(reading(pem).get(), nullptr, no_password, nullptr));
  if (!is_ed25519(key)) return Status::invalid_argument("read a private key: no unencrypted Ed25519 key in PEM");
  return key;
}

Result<ModelPublicKey> raw(const Key& key) {
  ModelPublicKey result;
  std::size_t size = result.bytes.size();
  if (EVP_PKEY_get_raw_public_key(key.get(), result.bytes.data(), &size) != 1 || size != result.bytes.size())
    return Status::invalid_argument("read an Ed25519 key: it has no public part");
  return result;
}

bool verifies(const ModelPublicKey& key, std::string_view signature, std::string_view text) {
  const Key loaded(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, key.bytes.data(), key.bytes.size()));
  const Context context(EVP_MD_CTX_new());
  return loaded && context && EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, loaded.get()) == 1 &&
         EVP_DigestVerify(context.get(), unsigned_bytes(signature), signature.size(), unsigned_bytes(text),
                          text.size()) == 1;
}

std::string to_hex_text(const std::array<std::uint8_t, 32>& bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string hex;
  for (const std::uint8_t byte : bytes) (hex += kDigits[byte >> 4]) += kDigits[byte & 15];
  return hex;
}

std::string_view trim(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

}  // namespace

Result<ModelPublicKey> ModelPublicKey::parse(std::string_view text) {
  const std::string_view trimmed = trim(text);
  if (trimmed.starts_with("-----BEGIN PUBLIC KEY-----")) {
    const Key key(PEM_read_bio_PUBKEY(reading(trimmed).get(), nullptr, no_password, nullptr));
    if (!is_ed25519(key)) return Status::invalid_argument("read a public key: the PEM holds no Ed25519 key");
    return raw(key);
  }
  ModelPublicKey key;
  bool good = trimmed.size() == 2 * key.bytes.size();
  for (std::size_t i = 0; good && i < key.bytes.size(); ++i) {
    const char* const digits = trimmed.data() + 2 * i;
    const auto [end, error] = std::from_chars(digits, digits + 2, key.bytes[i], 16);
    good = error == std::errc{} && end == digits + 2;
  }
  if (!good)
    return Status::invalid_argument(
        "read a public key: neither PEM ('-----BEGIN PUBLIC KEY-----') nor 64 hexadecimal "
        "digits");
  return key;
}

Result<ModelPublicKey> ModelPublicKey::read(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string text(kMostKeyFileBytes, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (file.gcount() == 0) return Status::io_error("read the public key '" + path + "': there is nothing to read");
  text.resize(static_cast<std::size_t>(file.gcount()));
  Result<ModelPublicKey> key = parse(text);
  if (!key.is_ok()) return key.status().with_context("'" + path + "'");
  return key;
}

std::string ModelPublicKey::hex() const { return to_hex_text(bytes); }

Result<std::string> make_model_private_key() {
  const Key key(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
  const Memory memory(BIO_new(BIO_s_mem()));
  if (!key || !memory ||
      PEM_write_bio_PKCS8PrivateKey(memory.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) != 1)
    return Status::internal("make an Ed25519 key: OpenSSL refused");
  return text_of(memory.get());
}

Result<ModelPublicKey> public_key_of(std::string_view private_key_pem) {
  WEIR_ASSIGN_OR_RETURN(const Key key, read_private_key(private_key_pem));
  return raw(key);
}

std::string to_pem(const ModelPublicKey& key) {
  const Key loaded(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, key.bytes.data(), key.bytes.size()));
  const Memory memory(BIO_new(BIO_s_mem()));
  WEIR_CHECK(loaded && memory && PEM_write_bio_PUBKEY(memory.get(), loaded.get()) == 1,
             "writing 32 bytes as PEM needs nothing but memory");
  return text_of(memory.get());
}

std::string model_signature_text(const ModelRecord& record, const std::array<std::uint8_t, 32>& digest) {
  const auto sized = [](std::string_view name, const std::string& value) {
    return std::string(name) + " " + std::to_string(value.size()) + ":" + value + "\n";
  };
  return "weir model signature 1\n" + sized("key", record.key) + sized("name", record.name) + "version " +
         std::to_string(record.version) + "\n" + sized("type", record.type) + "sha256 " + to_hex_text(digest) + "\n";
}

Result<std::string> sign_model(const ModelRecord& record, const std::array<std::uint8_t, 32>& digest,
                               std::string_view private_key_pem) {
  WEIR_ASSIGN_OR_RETURN(const Key key, read_private_key(private_key_pem));
  const std::string text = model_signature_text(record, digest);
  std::string signature(kSignatureBytes, '\0');
  std::size_t size = signature.size();
  const Context context(EVP_MD_CTX_new());
  if (!context || EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key.get()) != 1 ||
      EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &size, unsigned_bytes(text),
                     text.size()) != 1 ||
      size != signature.size())
    return Status::internal("sign a model: OpenSSL refused");
  return signature;
}

Status verify_model_signature(const ModelRecord& record, const std::array<std::uint8_t, 32>& digest,
                              const std::vector<ModelPublicKey>& keys) {
  if (record.signature.empty())
    return Status::failed_precondition("it is not signed, and models must be (ServeOptions::signature_keys)");
  if (record.signature.size() != kSignatureBytes)
    return Status::failed_precondition("its signature has " + std::to_string(record.signature.size()) +
                                       " bytes, an Ed25519 signature has " + std::to_string(kSignatureBytes));
  const std::string text = model_signature_text(record, digest);
  for (const ModelPublicKey& key : keys)
    if (verifies(key, record.signature, text)) return {};
  return Status::failed_precondition("its signature is by none of the " + std::to_string(keys.size()) +
                                     " keys allowed, or not for this key, name, version, type and content");
}

}  // namespace weir
