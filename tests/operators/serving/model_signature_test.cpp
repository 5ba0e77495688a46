#include <weir/model_signature.hpp>

#include <fstream>

#include <gtest/gtest.h>

#include <weir/blob_store.hpp>
#include <weir/serving/model_loader.hpp>

#include "operators/serving/base64.hpp"
#include "operators/serving/toy_runtime.hpp"
#include "state/support/temporary_directory.hpp"

namespace weir::test {
namespace {

// The first key of RFC 8032, section 7.1, and a signature that OpenSSL's command made with it, as docs/serving.md says.
constexpr const char* kPrivate =
    "-----BEGIN PRIVATE KEY-----\n"
    "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n"
    "-----END PRIVATE KEY-----\n";
constexpr const char* kPublic =
    "-----BEGIN PUBLIC KEY-----\n"
    "MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n"
    "-----END PUBLIC KEY-----\n";
constexpr const char* kPublicHex = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
constexpr const char* kSignature =
    "rK64pHIgue8sFRuFlIFop3u7gPIpyoMTMN849wQZItb0p5Mjpt8Pmxu7om9o8JvQOUbhdcMT2RR90tM4TbgnAg==";

ModelRecord record() {
  ModelRecord record;
  record.key = "JFK";
  record.name = "delay";
  record.version = 3;
  record.type = "TOY";
  return record;
}
const auto kDigest = sha256("CONST 1");

TEST(ModelSignature, HasOneTextForAllTime) {
  EXPECT_EQ(model_signature_text(record(), kDigest),
            "weir model signature 1\nkey 3:JFK\nname 5:delay\nversion 3\ntype 3:TOY\n"
            "sha256 7108c86a5495a4c0415b600da40255b376ba2e40a4c96fa1fc82677ea13e55a6\n");
  ModelRecord tricky;
  tricky.key = "a\nname 1:x";
  EXPECT_EQ(
      model_signature_text(tricky, {}),
      "weir model signature 1\nkey 10:a\nname 1:x\nname 0:\nversion 0\ntype 0:\nsha256 " + std::string(64, '0') + "\n");
}

TEST(ModelSignature, IsTheOneOpensslMakes) {
  const auto key = ModelPublicKey::parse(kPublic);
  ASSERT_TRUE(key.is_ok()) << key.status().to_string();
  EXPECT_EQ(key->hex(), kPublicHex);
  EXPECT_EQ(*ModelPublicKey::parse(std::string(" ") + kPublicHex + "\n"), *key);
  EXPECT_EQ(*public_key_of(kPrivate), *key);
  EXPECT_EQ(to_pem(*key), kPublic);
  const auto signature = sign_model(record(), kDigest, kPrivate);
  ASSERT_TRUE(signature.is_ok()) << signature.status().to_string();
  EXPECT_EQ(*signature, *serving::decode_base64(kSignature));
  ModelRecord signed_record = record();
  signed_record.signature = *signature;
  EXPECT_TRUE(verify_model_signature(signed_record, kDigest, {*key}).is_ok());
}

TEST(ModelSignature, CoversKeyNameVersionTypeAndContent) {
  const auto key = *ModelPublicKey::parse(kPublic);
  ModelRecord good = record();
  good.signature = *serving::decode_base64(kSignature);
  ASSERT_TRUE(verify_model_signature(good, kDigest, {key}).is_ok());
  const auto refused = [&](const ModelRecord& changed, const std::array<std::uint8_t, 32>& digest = kDigest) {
    return verify_model_signature(changed, digest, {key}).code() == StatusCode::kFailedPrecondition;
  };
  ModelRecord changed = good;
  changed.key = "LGA";
  EXPECT_TRUE(refused(changed));
  changed = good;
  changed.name = "other";
  EXPECT_TRUE(refused(changed));
  changed = good;
  changed.version = 4;
  EXPECT_TRUE(refused(changed));
  changed = good;
  changed.type = "PMML";
  EXPECT_TRUE(refused(changed));
  EXPECT_TRUE(refused(good, sha256("CONST 2")));
  changed = good;
  changed.description = "not covered";
  EXPECT_FALSE(refused(changed));
  for (std::size_t i = 0; i < good.signature.size(); ++i) {
    changed = good;
    changed.signature[i] = static_cast<char>(changed.signature[i] ^ 1);
    EXPECT_TRUE(refused(changed)) << "byte " << i;
  }
  changed.signature.pop_back();
  EXPECT_NE(verify_model_signature(changed, kDigest, {key}).message().find("63 bytes"), std::string::npos);
  changed.signature.clear();
  EXPECT_NE(verify_model_signature(changed, kDigest, {key}).message().find("not signed"), std::string::npos);
}

TEST(ModelSignature, AnyOfTheKeysWillDo) {
  const auto other = public_key_of(*make_model_private_key());
  ASSERT_TRUE(other.is_ok()) << other.status().to_string();
  const auto key = *ModelPublicKey::parse(kPublic);
  EXPECT_NE(*other, key);
  ModelRecord good = record();
  good.signature = *serving::decode_base64(kSignature);
  EXPECT_TRUE(verify_model_signature(good, kDigest, {*other, key}).is_ok());
  EXPECT_FALSE(verify_model_signature(good, kDigest, {*other}).is_ok());
  EXPECT_FALSE(verify_model_signature(good, kDigest, {}).is_ok());
  EXPECT_FALSE(verify_model_signature(good, kDigest, {ModelPublicKey{}}).is_ok());
}

TEST(ModelSignature, KeysOfOtherKindsAreRefused) {
  for (const char* wrong : {"", "hello", "d75a98", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
                            // An elliptic curve's key.
                            "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VuAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n"
                            "-----END PUBLIC KEY-----\n"}) {
    EXPECT_EQ(ModelPublicKey::parse(wrong).status().code(), StatusCode::kInvalidArgument) << wrong;
  }
  EXPECT_FALSE(ModelPublicKey::parse(std::string(64, 'g')).is_ok());
  EXPECT_FALSE(public_key_of(kPublic).is_ok()) << "not a private one";
  EXPECT_FALSE(sign_model(record(), kDigest, "nonsense").is_ok());
  const weir::testing::TemporaryDirectory directory;
  std::ofstream(directory / "key.pem") << kPublic;
  EXPECT_EQ(ModelPublicKey::read(directory / "key.pem")->hex(), kPublicHex);
  EXPECT_NE(ModelPublicKey::read(directory / "missing").status().message().find("missing"), std::string::npos);
}

// The policy, where models are loaded.
TEST(ModelSignature, PolicyRefusesBeforeTheModelIsParsed) {
  serving::LoaderConfig config;
  config.runtimes = {std::make_shared<const ToyRuntime>()};
  config.features = FeatureSchema({{"x", FieldType::kNumber}});
  const auto load = [&](const ModelRecord& one, const std::string& bytes) {
    return serving::load_model(config, {1, one, std::make_shared<const std::string>(bytes), {}}, {}).status;
  };
  EXPECT_TRUE(load(record(), "CONST 1").is_ok()) << "no policy";
  config.signature_keys = {*ModelPublicKey::parse(kPublic)};
  EXPECT_NE(load(record(), "CONST 1").message().find("not signed"), std::string::npos);
  EXPECT_NE(load(record(), "THROW").message().find("not signed"), std::string::npos) << "the runtime saw it";
  ModelRecord good = record();
  good.signature = *serving::decode_base64(kSignature);
  EXPECT_TRUE(load(good, "CONST 1").is_ok());
  EXPECT_NE(load(good, "CONST 2").message().find("none of the 1 keys"), std::string::npos);
  // As it is loaded again after a restart: the record went through the wire form, without its bytes.
  const auto restored = parse_model_record(encode_model_record(good));
  EXPECT_TRUE(load(*restored, "CONST 1").is_ok());
}

}  // namespace
}  // namespace weir::test
