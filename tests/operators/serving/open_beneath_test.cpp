#include "operators/serving/open_beneath.hpp"

#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>

#include <sys/stat.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "operators/serving/model_file.hpp"
#include "state/support/temporary_directory.hpp"

namespace weir::serving {
namespace {

namespace fs = std::filesystem;
using weir::testing::TemporaryDirectory;
using Opener = Result<OpenFile> (*)(const std::string&, const std::vector<std::string>&);

// root/allowed with a.pmml and sub/b.pmml; root/outside with secret.
class OpenBeneath : public ::testing::TestWithParam<Opener> {
 protected:
  OpenBeneath() {
    fs::create_directories(allowed_ + "/sub");
    fs::create_directories(outside_);
    std::ofstream(allowed_ + "/a.pmml") << "a";
    std::ofstream(allowed_ + "/sub/b.pmml") << "b";
    std::ofstream(outside_ + "/secret") << "secret";
  }
  // The file's text, or the code of the refusal.
  std::string open(const std::string& location) const { return open(location, {allowed_}); }
  std::string open(const std::string& location, const std::vector<std::string>& directories) const {
    const Result<OpenFile> file = GetParam()(location, directories);
    if (!file.is_ok()) return std::string(to_string(file.status().code()));
    char text[16] = {};
    const ssize_t size = ::read(file->get(), text, sizeof text);
    return size < 0 ? "unreadable" : std::string(text, static_cast<std::size_t>(size));
  }
  [[nodiscard]] bool by_kernel() const { return GetParam() == &open_beneath; }

  const TemporaryDirectory root_;
  const std::string allowed_ = root_ / "allowed";
  const std::string outside_ = root_ / "outside";
};

TEST_P(OpenBeneath, OpensWhatIsBelow) {
  EXPECT_EQ(open(allowed_ + "/a.pmml"), "a");
  EXPECT_EQ(open(allowed_ + "//sub/./b.pmml"), "b");
  EXPECT_EQ(open("sub/b.pmml"), "b") << "relative to the allowed directory";
  EXPECT_EQ(open(allowed_ + "/a.pmml", {allowed_ + "/"}), "a");
  EXPECT_EQ(open("a.pmml", {outside_, allowed_}), "a") << "the first directory that has it";
  EXPECT_EQ(open(allowed_ + "/a.pmml", {outside_, allowed_}), "a");
}

TEST_P(OpenBeneath, RefusesWhatLeadsOut) {
  fs::create_symlink(outside_ + "/secret", allowed_ + "/absolute");
  fs::create_symlink("../outside/secret", allowed_ + "/relative");
  fs::create_directory_symlink("../outside", allowed_ + "/directory");
  fs::create_directory_symlink("/", allowed_ + "/sub/root");
  for (const std::string& location :
       {outside_ + "/secret", allowed_ + "/../outside/secret", std::string("../outside/secret"),
        std::string("sub/../../outside/secret"), std::string("absolute"), std::string("relative"),
        std::string("directory/secret"), "sub/root" + outside_ + "/secret", std::string("/etc/passwd"), allowed_,
        allowed_ + "-other/a.pmml"}) {
    EXPECT_EQ(open(location), "invalid_argument") << location;
  }
  EXPECT_EQ(open("/proc/self/root/etc/passwd", {"/proc/self"}), "invalid_argument") << "magic links lead anywhere";
}

TEST_P(OpenBeneath, RefusesAddressesAndNonsense) {
  EXPECT_EQ(open("http://models.example/a.pmml"), "invalid_argument");
  EXPECT_EQ(open("file://" + allowed_ + "/a.pmml"), "invalid_argument");
  EXPECT_EQ(open(""), "invalid_argument");
  EXPECT_EQ(open(std::string("a.pmml\0x", 8)), "invalid_argument");
  EXPECT_EQ(open("a.pmml", {}), "invalid_argument");
}

TEST_P(OpenBeneath, SaysWhatIsMissing) {
  EXPECT_EQ(open("missing.pmml"), "not_found");
  EXPECT_EQ(open(allowed_ + "/missing/a.pmml"), "not_found");
  EXPECT_EQ(open(allowed_ + "/missing.pmml", {outside_, allowed_}), "not_found");
  EXPECT_EQ(open("a.pmml", {root_ / "nothing"}), "not_found");
}

TEST_P(OpenBeneath, FollowsLinksThatStayInsideIfTheKernelWatches) {
  fs::create_symlink("sub/b.pmml", allowed_ + "/current");
  fs::create_directory_symlink("sub", allowed_ + "/link");
  EXPECT_EQ(open("current"), by_kernel() ? "b" : "invalid_argument");
  EXPECT_EQ(open("link/b.pmml"), by_kernel() ? "b" : "invalid_argument");
  EXPECT_EQ(open("sub/../a.pmml"), by_kernel() ? "a" : "invalid_argument");
  // The allowed directory itself may be a link, and be named by either name.
  fs::create_directory_symlink(allowed_, root_ / "alias");
  EXPECT_EQ(open(root_ / "alias/a.pmml", {root_ / "alias"}), "a");
  EXPECT_EQ(open(fs::canonical(allowed_).string() + "/a.pmml", {root_ / "alias"}), "a");
}

// A directory is exchanged for a link to the outside, again and again, while it is opened.
TEST_P(OpenBeneath, NeverReadsOutsideWhileLinksAreSwappedIn) {
  fs::create_directories(allowed_ + "/real");
  std::ofstream(allowed_ + "/real/secret") << "inside";
  std::atomic<bool> stop{false};
  std::thread swapper([&] {
    std::error_code ignored;
    while (!stop) {
      fs::rename(allowed_ + "/real", allowed_ + "/aside", ignored);
      fs::create_directory_symlink("../outside", allowed_ + "/real", ignored);
      fs::remove(allowed_ + "/real", ignored);
      fs::rename(allowed_ + "/aside", allowed_ + "/real", ignored);
    }
  });
  std::string wrong;
  for (int i = 0; i < 3000 && wrong.empty(); ++i) {
    const std::string got = open("real/secret");
    if (got == "secret") wrong = got;
  }
  stop = true;
  swapper.join();
  EXPECT_EQ(wrong, "");
}

INSTANTIATE_TEST_SUITE_P(Ways, OpenBeneath, ::testing::Values(&open_beneath, &open_beneath_by_steps),
                         [](const auto& way) { return way.param == &open_beneath ? "Kernel" : "Steps"; });

TEST(ModelFile, ReadsRegularFilesOfBoundedSizeOnly) {
  const TemporaryDirectory directory;
  std::ofstream(directory / "model") << "0123456789";
  EXPECT_EQ(*read_model_file(directory / "model", {directory.path()}, 10), "0123456789");
  EXPECT_EQ(read_model_file(directory / "model", {directory.path()}, 9).status().code(),
            StatusCode::kResourceExhausted);
  ASSERT_EQ(::mkfifo((directory / "pipe").c_str(), 0600), 0);
  EXPECT_EQ(read_model_file("pipe", {directory.path()}, 10).status().code(), StatusCode::kInvalidArgument)
      << "and does not wait for a writer";
}

}  // namespace
}  // namespace weir::serving
