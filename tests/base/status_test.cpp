#include <weir/result.hpp>
#include <weir/status.hpp>

#include <gtest/gtest.h>

#include <cerrno>

namespace weir {
namespace {

TEST(Status, SaysCodeThenMessage) {
  EXPECT_EQ(Status::ok().to_string(), "ok");
  EXPECT_EQ(Status::not_found("model 'a'").with_context("serve").to_string(), "not_found: serve: model 'a'");
  EXPECT_EQ(Status::from_errno("open 'x'", ENOENT).code(), StatusCode::kNotFound);
  EXPECT_EQ(Status::from_errno("open 'x'", EACCES).code(), StatusCode::kIoError);
}

Result<int> half(int number) {
  if (number % 2 != 0) return Status::invalid_argument("odd");
  return number / 2;
}
Result<int> quarter(int number) {
  WEIR_ASSIGN_OR_RETURN(const int halved, half(number));
  return half(halved);
}

TEST(Result, CarriesTheValueOrTheFirstError) {
  EXPECT_EQ(quarter(8).value(), 2);
  EXPECT_EQ(quarter(6).status().message(), "odd");
}

TEST(ResultDeathTest, ReadingTheValueOfAnErrorAborts) { EXPECT_DEATH((void)half(1).value(), "odd"); }

}  // namespace
}  // namespace weir
