// Archives: what they may hold, and what they are refused for.

#include <gtest/gtest.h>

#include <cstring>

#include <zlib.h>

#include "models/csv_table.hpp"
#include "models/runtimes/model_case.hpp"
#include "models/tensorflow/archive.hpp"
#include "models/tensors/border.hpp"

namespace weir::tensorflow {
namespace {

std::string little(std::uint64_t value, int bytes) {
  std::string text;
  for (int i = 0; i < bytes; ++i, value >>= 8) text += static_cast<char>(value & 0xff);
  return text;
}

struct Entry {
  std::string name;
  std::string bytes;
  std::uint32_t mode = 0;
  int method = 0;
  std::uint32_t size = 0xfffffff;  // what it says; the default: the truth
  bool encrypted = false;
};

std::string deflated(const std::string& bytes) {
  std::string packed(compressBound(bytes.size()) + 32, '\0');
  z_stream stream{};
  deflateInit2(&stream, 9, Z_DEFLATED, -MAX_WBITS, 9, Z_DEFAULT_STRATEGY);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  deflate(&stream, Z_FINISH);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  return packed;
}

std::string zip(const std::vector<Entry>& entries) {
  std::string out;
  std::string central;
  for (const Entry& entry : entries) {
    const std::string packed = entry.method == 8 ? deflated(entry.bytes) : entry.bytes;
    const std::uint64_t size = entry.size == 0xfffffff ? entry.bytes.size() : entry.size;
    const auto crc = crc32_z(0, reinterpret_cast<const Bytef*>(entry.bytes.data()), entry.bytes.size());
    const std::string facts = little(20, 2) + little(entry.encrypted ? 1 : 0, 2) +
                              little(static_cast<std::uint64_t>(entry.method), 2) + little(0, 4) + little(crc, 4) +
                              little(packed.size(), 4) + little(size, 4) + little(entry.name.size(), 2);
    central += "PK\1\2" + little(20, 2) + facts + little(0, 8) + little(std::uint64_t{entry.mode} << 16, 4) +
               little(out.size(), 4) + entry.name;
    out += "PK\3\4" + facts + little(0, 2) + entry.name + packed;
  }
  return out + central + "PK\5\6" + little(0, 4) + little(entries.size(), 2) + little(entries.size(), 2) +
         little(central.size(), 4) + little(out.size(), 4) + little(0, 2);
}

std::string tar_entry(const std::string& name, const std::string& bytes, char type = '0') {
  char header[512] = {};
  std::memcpy(header, name.data(), std::min<std::size_t>(name.size(), 100));
  std::snprintf(header + 124, 12, "%011zo", bytes.size());
  std::memset(header + 148, ' ', 8);
  header[156] = type;
  std::memcpy(header + 257,
              "ustar\0"
              "00",
              8);
  unsigned sum = 0;
  for (const char byte : header) sum += static_cast<unsigned char>(byte);
  std::snprintf(header + 148, 8, "%06o", sum);
  return std::string(header, 512) + bytes + std::string((512 - bytes.size() % 512) % 512, '\0');
}
const std::string kTarEnd(1024, '\0');

std::string refusal(const std::string& bytes, const ArchiveLimits& limits = {}) {
  try {
    std::string paths;
    for (const ArchiveFile& file : read_archive(bytes, limits)) paths += file.path + "=" + file.bytes + ";";
    return paths;
  } catch (const tensors::Refusal& reason) {
    return reason.what();
  }
}

TEST(Archive, GivesItsFiles) {
  EXPECT_EQ(refusal(zip({{"a/", ""}, {"./a//b", "12", 0100644}, {"c", std::string(30, 'x'), 0, 8}})),
            "a/b=12;c=" + std::string(30, 'x') + ";");
  EXPECT_EQ(
      refusal(tar_entry("a/", "", '5') + tar_entry("a/b", "12") + tar_entry("c", std::string(512, 'x')) + kTarEnd),
      "a/b=12;c=" + std::string(512, 'x') + ";");
  const std::string name(150, 'n');
  EXPECT_EQ(refusal(tar_entry("././@LongLink", name + '\0', 'L') + tar_entry("short", "1") + kTarEnd), name + "=1;");
  EXPECT_EQ(refusal(tar_entry("pax", "13 mtime=123\n16 path=a/b/cde\n", 'x') + tar_entry("short", "1") + kTarEnd),
            "a/b/cde=1;");
}

TEST(Archive, MayNotLeaveItsDirectory) {
  for (const char* path : {"../x", "a/../../x", "/etc/passwd", "a\\b", ".."}) {
    EXPECT_NE(refusal(zip({{path, "1"}})).find("the archive has the path"), std::string::npos) << path;
    EXPECT_NE(refusal(tar_entry(path, "1") + kTarEnd).find("the archive has the path"), std::string::npos) << path;
  }
  EXPECT_EQ(refusal(zip({{"link", "/etc/passwd", 0120777}})), "the archive holds 'link', which is no regular file");
  for (const char type : {'1', '2', '3', '6'})
    EXPECT_EQ(refusal(tar_entry("x", "", type) + kTarEnd), "the archive holds 'x', which is no regular file");
  EXPECT_EQ(refusal(zip({{"a", "1"}, {"a", "2"}})), "the archive has 'a' twice");
  EXPECT_EQ(refusal(zip({{"a/b", "1"}, {"a", "2"}})), "the archive has 'a' as file and directory");
}

TEST(Archive, MayNotExplode) {
  const std::string zeros(8 << 20, '\0');
  EXPECT_NE(refusal(zip({{"bomb", zeros, 0, 8}})).find("more than 200 times its size"), std::string::npos);
  EXPECT_NE(refusal(zip({{"a", std::string(2000, 'x')}}), {.max_bytes = 1999}).find("unpacks to more than 1999"),
            std::string::npos);
  EXPECT_NE(refusal(tar_entry("a", std::string(2000, 'x')) + kTarEnd, {.max_bytes = 1999}).find("unpacks to more"),
            std::string::npos);
  EXPECT_NE(refusal(zip({{"a", "1"}, {"b", "1"}}), {.max_entries = 1}).find("more than 1 entries"), std::string::npos);
  EXPECT_NE(refusal(tar_entry("a", "") + tar_entry("b", "") + kTarEnd, {.max_entries = 1}).find("more than 1 entries"),
            std::string::npos);
  std::string deep;
  for (int i = 0; i < 20; ++i) deep += "d/";
  EXPECT_NE(refusal(zip({{deep + "f", "1"}})).find("too deep"), std::string::npos);
  EXPECT_EQ(refusal(zip({{std::string(513, 'n'), "1"}})), "the archive has a path of 513 bytes");
  // It says it is small, and is not.
  EXPECT_NE(refusal(zip({{"a", std::string(100'000, 'x'), 0, 8, 10}})).find("does not unpack to the size it says"),
            std::string::npos);
}

TEST(Archive, ThatIsDamagedOrStrangeIsRefused) {
  EXPECT_NE(refusal(zip({{"a", "1", 0, 12}})).find("by method 12"), std::string::npos);
  EXPECT_NE(refusal(zip({{"a", "1", 0, 0, 0xffffffff}})).find("ZIP64"), std::string::npos);
  EXPECT_NE(refusal(zip({{"a", "1", 0, 0, 0xfffffff, true}})).find("encrypted"), std::string::npos);
  std::string changed = zip({{"a", "12345"}});
  changed[changed.find("12345")] = 'x';
  EXPECT_NE(refusal(changed).find("another checksum"), std::string::npos);
  std::string tar = tar_entry("a", "12345") + kTarEnd;
  tar[0] = 'b';
  EXPECT_NE(refusal(tar).find("checksum of a header"), std::string::npos);
  EXPECT_NE(refusal("neither").find("neither a zip nor a tar"), std::string::npos);
  for (const char* file : {"keras-saved.zip", "keras-saved.tar"}) {
    const std::string whole = test::read_file(test::kRuntimeModels / file);
    for (std::size_t size = 4; size < whole.size() - 10'240; size += 61)
      ASSERT_NE(refusal(whole.substr(0, size)).find("the "), std::string::npos) << size;
  }
}

}  // namespace
}  // namespace weir::tensorflow
