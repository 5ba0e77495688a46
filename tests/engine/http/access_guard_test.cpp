#include "engine/http/access_guard.hpp"

#include <gtest/gtest.h>

namespace weir::http {
namespace {

TEST(AccessGuard, KnowsItselfByLoopbackNamesAndAllowedHosts) {
  const auto guard =
      AccessGuard::build({.address = "10.1.2.3", .token = "t", .allowed_hosts = {"Weir.Example.org", "[fd00::1]"}});
  ASSERT_TRUE(guard.is_ok()) << guard.status().to_string();
  for (const char* const known :
       {"localhost", "LOCALHOST:8080", "127.0.0.1", "127.9.8.7:1", "[::1]:80", "weir.example.ORG.",
        "weir.example.org:443", "[fd00::1]:8080", "10.1.2.3:8080", "localhost:"}) {
    EXPECT_TRUE(guard->knows_host(known)) << known;
  }
  for (const char* const strange :
       {"", ":80", "evil.example", "127.0.0.1.evil.example", "127.0.0", "127.0.0.1.1", "127.0.0.256", "localhost:http",
        "localhost:123456", "localhost@evil", "user@localhost", "localhost evil", "[::1", "[]", "[::1]x", "128.0.0.1",
        "10.1.2.4", "localhost/", "evil.localhost"}) {
    EXPECT_FALSE(guard->knows_host(strange)) << strange;
  }
  EXPECT_TRUE(guard->knows_origin("http://localhost:3000"));
  EXPECT_TRUE(guard->knows_origin("https://weir.example.org"));
  for (const char* const strange :
       {"null", "", "localhost", "ftp://localhost", "http://evil.example", "http://localhost/x"}) {
    EXPECT_FALSE(guard->knows_origin(strange)) << strange;
  }
}

TEST(AccessGuard, ComparesTheWholeToken) {
  const auto guard = AccessGuard::build({.token = "s3cret"});
  ASSERT_TRUE(guard.is_ok());
  EXPECT_TRUE(guard->accepts("Bearer s3cret"));
  EXPECT_TRUE(guard->accepts("bearer  s3cret"));
  for (const char* const wrong : {"", "Bearer", "Bearer ", "Bearer s3cre", "Bearer s3cret2", "Bearer s3crets3cret",
                                  "Basic s3cret", "Bearers3cret", "s3cret", "Bearer S3cret"}) {
    EXPECT_FALSE(guard->accepts(wrong)) << wrong;
  }
  EXPECT_TRUE(AccessGuard::build({})->accepts(""));
  EXPECT_FALSE(equal_in_constant_time("", "a"));
  EXPECT_FALSE(equal_in_constant_time("a", ""));
  EXPECT_TRUE(equal_in_constant_time("", ""));
}

TEST(AccessGuard, RefusesOptionsThatCannotWork) {
  EXPECT_EQ(AccessGuard::build({.token = "two words"}).status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(AccessGuard::build({.token = "line\r\n"}).status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(AccessGuard::build({.allowed_hosts = {"http://x"}}).status().code(), StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace weir::http
