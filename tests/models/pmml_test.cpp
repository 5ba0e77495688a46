#include <gtest/gtest.h>
#include <weir/model.hpp>
TEST(Pmml, EmptyBytesAreRefused) { EXPECT_FALSE(weir::pmml_runtime()->load("", {}).is_ok()); }
