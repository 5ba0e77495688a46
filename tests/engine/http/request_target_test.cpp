#include "engine/http/request_target.hpp"

#include <gtest/gtest.h>

namespace weir::http {
namespace {

TEST(RequestTarget, SplitsBeforeItDecodes) {
  const auto target = parse_target("/v1/state/my%2Fkey/%41%00b?x=1&x=2&y=a%26b+c&flag&&=v");
  ASSERT_TRUE(target.is_ok()) << target.status().to_string();
  EXPECT_EQ(target->path, "/v1/state/my%2Fkey/%41%00b");
  EXPECT_EQ(target->segments, (std::vector<std::string>{"v1", "state", "my/key", std::string("A\0b", 3)}));
  EXPECT_EQ(target->query, (std::map<std::string, std::string>{{"x", "2"}, {"y", "a&b c"}, {"flag", ""}, {"", "v"}}));
  EXPECT_EQ(parse_target("/")->segments, std::vector<std::string>{""});
  EXPECT_EQ(parse_target("/a/")->segments, (std::vector<std::string>{"a", ""}));
  EXPECT_TRUE(parse_target("/a?")->query.empty());
}

TEST(RequestTarget, TakesTheAbsoluteForm) {
  const auto target = parse_target("http://example.org:80/a?b=c");
  ASSERT_TRUE(target.is_ok());
  EXPECT_EQ(target->authority, "example.org:80");
  EXPECT_EQ(target->path, "/a");
  EXPECT_EQ(target->query.at("b"), "c");
  EXPECT_EQ(parse_target("http://example.org")->path, "/");
  EXPECT_EQ(parse_target("http://example.org?q=1")->query.at("q"), "1");
}

TEST(RequestTarget, RefusesWhatItCannotRead) {
  for (const char* const bad :
       {"", "*", "a", "host:80", "/a#b", "/%", "/%4", "/%zz", "/%-1", "/a?b=%", "/a?%g0=1", "ftp://h/"}) {
    EXPECT_EQ(parse_target(bad).status().code(), StatusCode::kInvalidArgument) << bad;
  }
}

}  // namespace
}  // namespace weir::http
