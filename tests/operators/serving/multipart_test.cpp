#include "operators/serving/multipart.hpp"

#include <random>

#include <gtest/gtest.h>

namespace weir::serving {
namespace {

constexpr const char* kType = "multipart/form-data; boundary=XX";

std::string part(const std::string& name, const std::string& body, const std::string& more = "") {
  return "--XX\r\nContent-Disposition: form-data; name=\"" + name + "\"" + more + "\r\n\r\n" + body + "\r\n";
}

std::string refusal(const std::string& body, const std::string& type = kType) {
  const auto parts = parse_form(type, body);
  if (parts.is_ok()) return "accepted";
  EXPECT_EQ(parts.status().code(), StatusCode::kInvalidArgument);
  return parts.status().message();
}

TEST(Multipart, GivesNamesFilesAndBodies) {
  const std::string body =
      part("key", "JFK") + part("model", "a\r\nb\r\n--X\r\n", "; filename=\"m \\\"1\\\".pmml\"") +
      "--XX\r\ncontent-type: text/plain\r\nCONTENT-DISPOSITION: Form-Data; name=empty\r\n\r\n\r\n" +
      "--XX--\r\nan epilogue";
  const auto parts = parse_form(kType, body);
  ASSERT_TRUE(parts.is_ok()) << parts.status().to_string();
  ASSERT_EQ(parts->size(), 3U);
  EXPECT_EQ((*parts)[0].name, "key");
  EXPECT_EQ((*parts)[0].body, "JFK");
  EXPECT_EQ((*parts)[1].filename, "m \"1\".pmml");
  EXPECT_EQ((*parts)[1].body, "a\r\nb\r\n--X\r\n");
  EXPECT_EQ((*parts)[2].name, "empty");
  EXPECT_EQ((*parts)[2].body, "");
}

TEST(Multipart, TakesAPreambleAndQuotedBoundaries) {
  const auto parts = parse_form("Multipart/Form-Data; charset=utf-8; boundary=\"X X\"",
                                "hello\r\n--X X \r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--X X--");
  ASSERT_TRUE(parts.is_ok()) << parts.status().to_string();
  EXPECT_EQ((*parts)[0].body, "1");
  EXPECT_TRUE(parse_form(kType, "--XX--").is_ok()) << "no parts at all";
  EXPECT_TRUE(is_form("multipart/form-data"));
  EXPECT_FALSE(is_form("multipart/form-data-x"));
  EXPECT_FALSE(is_form("application/octet-stream"));
}

TEST(Multipart, RefusesWhatIsMalformed) {
  EXPECT_NE(refusal(part("a", "1") + "--XX--", "multipart/form-data").find("boundary"), std::string::npos);
  EXPECT_NE(refusal("x", "multipart/form-data; boundary=" + std::string(71, 'b')).find("boundary"), std::string::npos);
  EXPECT_NE(refusal("x", "multipart/form-data; boundary=\"never closed").find("boundary"), std::string::npos);
  EXPECT_NE(refusal("").find("does not occur"), std::string::npos);
  EXPECT_NE(refusal("nothing of the kind").find("does not occur"), std::string::npos);
  EXPECT_NE(refusal("--XXY\r\n").find("followed by"), std::string::npos);
  EXPECT_NE(refusal("--XX").find("followed by"), std::string::npos);
  EXPECT_NE(refusal("--XX\r\n\r\nbody\r\n--XX--").find("no Content-Disposition"), std::string::npos);
  EXPECT_NE(refusal("--XX\r\nContent-Disposition: form-data; name=\"a\"").find("do not end"), std::string::npos);
  EXPECT_NE(refusal("--XX\r\nX: " + std::string(9000, 'x') + "\r\n\r\n\r\n--XX--").find("8192"), std::string::npos);
  EXPECT_NE(refusal("--XX\r\nno colon\r\n\r\n\r\n--XX--").find("header without a name"), std::string::npos);
  EXPECT_NE(refusal("--XX\r\nContent-Disposition: attachment; name=\"a\"\r\n\r\n\r\n--XX--").find("form-data"),
            std::string::npos);
  EXPECT_NE(refusal("--XX\r\nContent-Disposition: form-data\r\n\r\n\r\n--XX--").find("name"), std::string::npos);
  EXPECT_NE(refusal("--XX\r\nContent-Disposition: form-data; name=\"a\r\n\r\n\r\n--XX--").find("name"),
            std::string::npos);
  EXPECT_NE(refusal(part("a", "1")).find("no end"), std::string::npos) << "cut off";
  EXPECT_NE(refusal(part("a", "1") + part("a", "2") + "--XX--").find("two parts"), std::string::npos);
  EXPECT_NE(refusal(part("a", "1", "\r\nContent-Transfer-Encoding: base64") + "--XX--").find("base64"),
            std::string::npos);
  std::string many;
  for (int i = 0; i < 65; ++i) many += part("p" + std::to_string(i), "");
  EXPECT_NE(refusal(many + "--XX--").find("more than 64"), std::string::npos);
}

TEST(Multipart, AnyMutilationIsParsedOrRefused) {
  const std::string whole = part("key", "JFK") + part("model", "bytes", "; filename=\"f\"") + "--XX--\r\n";
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const auto parts = parse_form(kType, std::string_view(whole).substr(0, size));
    EXPECT_TRUE(!parts.is_ok() || size >= whole.size() - 2) << "cut off at " << size << " and accepted";
  }
  std::mt19937 random(7);
  for (int round = 0; round < 20'000; ++round) {
    std::string changed = whole;
    for (int change = 0; change < 3; ++change)
      changed[random() % changed.size()] = static_cast<char>("\r\n-X\";=: \0a"[random() % 11]);
    const auto parts = parse_form(kType, changed);
    if (!parts.is_ok()) continue;
    for (const FormPart& found : *parts) {
      ASSERT_LE(found.body.size(), changed.size());
      ASSERT_FALSE(found.name.empty());
    }
  }
}

}  // namespace
}  // namespace weir::serving
