#include <weir/blob_store.hpp>

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <thread>
#include <vector>

#include "state/filesystem.hpp"
#include "state/support/temporary_directory.hpp"

namespace weir {
namespace {

namespace fs = std::filesystem;

TEST(Sha256, IsThePublishedOne) {
  EXPECT_EQ(sha256_hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(BlobStore, GivesBackWhatWasPut) {
  const testing::TemporaryDirectory directory;
  auto store = std::move(*BlobStore::open(directory / "models"));
  const std::string large(std::size_t{11} << 20, 'm');
  for (const std::string& bytes : {std::string(), std::string("abc"), std::string(70'000, 'x'), large}) {
    const auto hex = store->put(bytes);
    ASSERT_TRUE(hex.is_ok()) << hex.status().to_string();
    EXPECT_EQ(*hex, sha256_hex(bytes));
    EXPECT_EQ(*store->put(bytes), *hex);
    EXPECT_TRUE(fs::exists(directory / ("models/sha256/" + hex->substr(0, 2) + "/" + *hex)));
  }
  auto again = std::move(*BlobStore::open(directory / "models"));
  EXPECT_EQ(*again->get(sha256_hex(large)), large);
}

TEST(BlobStore, NamesWhatIsMissingDamagedOrNoAddress) {
  const testing::TemporaryDirectory directory;
  auto store = std::move(*BlobStore::open(directory.path()));
  EXPECT_EQ(store->get(sha256_hex("never")).status().code(), StatusCode::kNotFound);
  for (const char* bad : {"", "abc", "../../../../etc/passwd"})
    EXPECT_EQ(store->get(bad).status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(store->get(std::string(64, 'G')).status().code(), StatusCode::kInvalidArgument);

  const std::string hex = *store->put("abc");
  const std::string path = directory / ("sha256/" + hex.substr(0, 2) + "/" + hex);
  std::ofstream(path) << "abd";
  EXPECT_EQ(store->get(hex).status().code(), StatusCode::kDataLoss);
  fs::resize_file(path, 1);
  EXPECT_EQ(store->get(hex).status().code(), StatusCode::kDataLoss);
  EXPECT_EQ(*store->put("abc"), hex) << "a torn file is written again";
  EXPECT_EQ(*store->get(hex), "abc");
}

class FullDisk final : public Filesystem {
 public:
  Status write_file(const std::string& path, std::string_view bytes) override {
    if (!full) return Filesystem::write_file(path, bytes);
    Filesystem::write_file(path, bytes.substr(0, bytes.size() / 2)).ignore("the disk is full anyway");
    return Status::io_error("write '" + path + "': No space left on device");
  }
  bool full = true;
};

TEST(BlobStore, LeavesNothingBehindWhenTheDiskIsFull) {
  const testing::TemporaryDirectory directory;
  FullDisk disk;
  auto store = std::move(*BlobStore::open(directory.path(), &disk));
  EXPECT_FALSE(store->put("model bytes").is_ok());
  EXPECT_EQ(store->get(sha256_hex("model bytes")).status().code(), StatusCode::kNotFound);
  for (const auto& entry : fs::recursive_directory_iterator(directory.path()))
    EXPECT_TRUE(entry.is_directory()) << entry.path();
  disk.full = false;
  EXPECT_TRUE(store->put("model bytes").is_ok());
}

TEST(BlobStore, TakesTheSameBytesFromManyThreads) {
  const testing::TemporaryDirectory directory;
  auto store = std::move(*BlobStore::open(directory.path()));
  const std::string bytes(100'000, 'b');
  std::vector<std::thread> threads;
  std::array<bool, 4> good{};
  for (bool& ok : good) {
    threads.emplace_back([&store, &bytes, &ok] {
      const auto hex = store->put(bytes);
      const auto back = store->get(sha256_hex(bytes));
      ok = hex.is_ok() && back.is_ok() && *back == bytes;
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const bool ok : good) EXPECT_TRUE(ok);
}

}  // namespace
}  // namespace weir
