#include "engine/http/http_response.hpp"

#include <gtest/gtest.h>

namespace weir::http {
namespace {

TEST(HttpResponse, ErrorFitsTheStatus) {
  const auto not_found = HttpResponse::error(Status::not_found("find model \"a\\b\"\n"));
  EXPECT_EQ(not_found.status, 404);
  EXPECT_EQ(not_found.content_type, "application/json");
  EXPECT_EQ(not_found.body, R"({"error":{"code":"not_found","message":"find model \"a\\b\"\n"}})");
  EXPECT_EQ(HttpResponse::error(Status::invalid_argument("")).status, 400);
  EXPECT_EQ(HttpResponse::error(Status::already_exists("")).status, 409);
  EXPECT_EQ(HttpResponse::error(Status::failed_precondition("")).status, 409);
  EXPECT_EQ(HttpResponse::error(Status::resource_exhausted("")).status, 429);
  EXPECT_EQ(HttpResponse::error(Status::unavailable("")).status, 503);
  EXPECT_EQ(HttpResponse::error(Status::unavailable("")).headers.at("Retry-After"), "1");
  EXPECT_EQ(HttpResponse::error(Status::deadline_exceeded("")).status, 504);
  EXPECT_EQ(HttpResponse::error(Status::unimplemented("")).status, 501);
  for (const StatusCode code :
       {StatusCode::kDataLoss, StatusCode::kIoError, StatusCode::kCancelled, StatusCode::kInternal}) {
    EXPECT_EQ(HttpResponse::error(Status(code, "")).status, 500);
  }
}

TEST(HttpResponse, MessagesAreAlwaysUtf8) {
  EXPECT_EQ(valid_utf8("gr\xC3\xBC\xC3\x9F \xE2\x82\xAC \xF0\x9F\x8C\x8A"),
            "gr\xC3\xBC\xC3\x9F \xE2\x82\xAC \xF0\x9F\x8C\x8A");
  const std::string replacement = "\xEF\xBF\xBD";
  EXPECT_EQ(valid_utf8("a\xFF"
                       "b"),
            "a" + replacement + "b");
  EXPECT_EQ(valid_utf8("\xC3"), replacement);
  EXPECT_EQ(valid_utf8("\xC0\xAF"), replacement + replacement);                    // overlong
  EXPECT_EQ(valid_utf8("\xED\xA0\x80"), replacement + replacement + replacement);  // surrogate
  EXPECT_EQ(valid_utf8("\xF4\x90\x80\x80").size(), 4 * replacement.size());        // past U+10FFFF
  EXPECT_EQ(valid_utf8("\xE2\x82"), replacement + replacement);                    // cut short
}

TEST(HttpResponse, FaultsOfHandlersAreFound) {
  EXPECT_EQ(response_fault(HttpResponse::json("{}")), "");
  EXPECT_EQ(response_fault({200, "text/plain", "", {{"Location", "/a b\t"}}}), "");
  for (const HttpResponse& bad :
       {HttpResponse{100, "a/b", "", {}}, HttpResponse{600, "a/b", "", {}}, HttpResponse{200, "a/b\r\nX: y", "", {}},
        HttpResponse{200, "a/b", "", {{"A", "b\r\nC: d"}}},
        HttpResponse{200, "a/b", "", {{"A", std::string("b\0", 2)}}}, HttpResponse{200, "a/b", "", {{"A:", "b"}}},
        HttpResponse{200, "a/b", "", {{"", "b"}}}, HttpResponse{200, "a/b", "", {{"content-LENGTH", "1"}}},
        HttpResponse{200, "a/b", "", {{"Transfer-Encoding", "chunked"}}}}) {
    EXPECT_NE(response_fault(bad), "");
  }
}

}  // namespace
}  // namespace weir::http
