#include <weir/model_inbox.hpp>

#include <string>

#include <gtest/gtest.h>

namespace weir {
namespace {

// A protobuf field of length-delimited kind.
std::string field(int number, const std::string& content) {
  std::string bytes(1, static_cast<char>(number << 3 | 2));
  std::size_t size = content.size();
  for (; size >= 128; size >>= 7) bytes.push_back(static_cast<char>(size | 128));
  bytes.push_back(static_cast<char>(size));
  return bytes + content;
}

std::string tar_member(const std::string& name, const std::string& content) {
  std::string header(512, '\0');
  header.replace(0, name.size(), name);
  char size[13];
  std::snprintf(size, sizeof size, "%011zo", content.size());
  header.replace(124, 11, size, 11);
  header.replace(257, 5, "ustar");
  std::string padded = content;
  padded.resize((content.size() + 511) / 512 * 512, '\0');
  return header + padded;
}

TEST(ModelType, IsFoundInTheBytes) {
  EXPECT_EQ(sniff_model_type("\xef\xbb\xbf <?xml version=\"1.0\"?>\n<PMML version=\"4.4\">"), "PMML");
  EXPECT_EQ(sniff_model_type(std::string("\x08\x07", 2) + field(2, "pytorch")), "ONNX");
  EXPECT_EQ(sniff_model_type(std::string("\x08\x01", 2) + field(2, "an old producer")), "ONNX");
  const std::string node = field(1, "input") + field(2, "Placeholder");
  EXPECT_EQ(sniff_model_type(field(1, node) + field(1, node)), "TENSORFLOW");
  const std::string graph = field(1, field(1, "ops")) + field(2, field(1, node));
  EXPECT_EQ(sniff_model_type(std::string("\x08\x01", 2) + field(2, graph)), "TENSORFLOWSAVED");
  EXPECT_EQ(sniff_model_type("PK\x03\x04............export/saved_model.pb....."), "TENSORFLOWSAVED");
  EXPECT_EQ(sniff_model_type("PK\x03\x04" + std::string(200'000, 'x') + "PK\x01\x02 saved_model.pb"),
            "TENSORFLOWSAVED");
  EXPECT_EQ(sniff_model_type(tar_member("m/variables/v", std::string(3000, 'v')) + tar_member("m/saved_model.pb", "x")),
            "TENSORFLOWSAVED");
}

TEST(ModelType, IsNotGuessed) {
  const std::string nothing[] = {"",
                                 "CONST 1",
                                 "<html>",
                                 "<",
                                 std::string(5000, ' ') + "<PMML>",
                                 "PK\x03\x04 some document",
                                 tar_member("readme", "saved_model.pb"),
                                 tar_member("a", std::string(600, 'a')).substr(0, 1100),
                                 field(1, field(1, "name only")),
                                 field(1, field(1, std::string("\x01\x02")) + field(2, "Op")),
                                 std::string("\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 12),
                                 std::string("\x08\x07", 2),
                                 std::string(1000, '\0'),
                                 "{\"json\": true}"};
  for (const std::string& bytes : nothing) EXPECT_EQ(sniff_model_type(bytes), "") << bytes.substr(0, 30);
}

// A tar that names a huge member, or itself for ever, must not make the search read outside or endlessly.
TEST(ModelType, HostileArchivesAreSkipped) {
  std::string header = tar_member("a", "");
  header.replace(124, 11, "77777777777");
  EXPECT_EQ(sniff_model_type(header), "");
  std::string many;
  for (int i = 0; i < 11'000; ++i) many += tar_member("a", "");
  EXPECT_EQ(sniff_model_type(many + tar_member("saved_model.pb", "x")), "") << "a bound on the members looked at";
}

}  // namespace
}  // namespace weir
