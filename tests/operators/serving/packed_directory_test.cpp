#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include "operators/serving/model_file.hpp"
#include "operators/serving/packed_directory.hpp"
#include "state/support/temporary_directory.hpp"

namespace weir::serving {
namespace {

namespace fs = std::filesystem;

void write(const std::string& path, const std::string& text) {
  fs::create_directories(fs::path(path).parent_path());
  std::ofstream(path, std::ios::binary) << text;
}

TEST(PackedDirectory, BecomesTheSameTarWhateverTheOrderItWasMadeIn) {
  const weir::testing::TemporaryDirectory one;
  const weir::testing::TemporaryDirectory other;
  write(one / "variables/index", std::string(600, 'i'));
  write(one / "saved_model.pb", "model");
  write(other / "saved_model.pb", "model");
  write(other / "variables/index", std::string(600, 'i'));
  const auto tar = read_model_file(one.path(), {fs::temp_directory_path().string()}, 1 << 20);
  ASSERT_TRUE(tar.is_ok()) << tar.status().to_string();
  EXPECT_EQ(*tar, *pack_model_directory(other.path(), 1 << 20));
  ASSERT_EQ(tar->size(), 512U + 512 + 512 + 1024 + 1024);
  EXPECT_EQ(tar->substr(0, 15), std::string("saved_model.pb\0", 15));
  EXPECT_EQ(tar->substr(512, 5), "model");
  EXPECT_EQ(tar->substr(257, 5), "ustar");
}

TEST(PackedDirectory, RefusesWhatMayLeadElsewhereAndWhatIsTooLarge) {
  const weir::testing::TemporaryDirectory directory;
  EXPECT_NE(pack_model_directory(directory.path(), 1 << 20).status().message().find("holds no files"),
            std::string::npos);
  write(directory / "a", std::string(5000, 'x'));
  EXPECT_EQ(pack_model_directory(directory.path(), 4000).status().code(), StatusCode::kResourceExhausted);
  write(directory / ("long/" + std::string(120, 'n')), "x");
  EXPECT_NE(pack_model_directory(directory.path(), 1 << 20).status().message().find("is too long"), std::string::npos);
  fs::remove_all(directory / "long");
  fs::create_symlink("/etc/passwd", directory / "link");
  EXPECT_NE(pack_model_directory(directory.path(), 1 << 20).status().message().find("no regular file"),
            std::string::npos);
  EXPECT_FALSE(read_model_file(directory.path(), {"/nowhere"}, 1 << 20).is_ok());
}

}  // namespace
}  // namespace weir::serving
