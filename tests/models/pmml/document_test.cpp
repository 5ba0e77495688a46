// Reading XML: the fast reader of plain documents sees what expat sees, and leaves the rest to it.

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "models/csv_table.hpp"
#include "models/pmml/mutate.hpp"
#include "models/pmml/readers_agree.hpp"

namespace weir::test {
namespace {

using pmml::Document;
using pmml::Element;

struct Parsed {
  std::string bytes;  // outlives the document
  Result<std::unique_ptr<Document>> document;
  explicit Parsed(std::string text, ModelLimits limits = {})
      : bytes(std::move(text)), document(Document::parse(bytes, limits, pmml::Deadline(60'000))) {}
  [[nodiscard]] Element root() const { return (*document)->root(); }
  [[nodiscard]] bool plain() const { return document.is_ok() && (*document)->is_plain(); }
  [[nodiscard]] std::string error() const { return document.is_ok() ? "" : document.status().to_string(); }
};

std::vector<std::string> all_documents() {
  std::vector<std::string> found;
  for (const char* folder : {"tests/models", "tests/fuzz/pmml"})
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder))
      if (entry.path().extension() == ".pmml") found.push_back(read_file(entry.path()));
  std::sort(found.begin(), found.end());
  return found;
}

TEST(PmmlDocument, PlainDocumentsAreReadAsExpatReadsThem) {
  const char* plain[] = {
      "<a/>",
      "\xEF\xBB\xBF<?xml version='1.0' encoding=\"utf-8\" standalone='no' ?>\n<!-- c - d --><a></a >\n<!---->",
      "<p:a q:b = 'x\ty\nz' c=\"&lt;&gt;&amp;&quot;&apos;&#65;&#x20AC;&#10;\" xmlns:p='u'/>",
      "<a>one<b/>two<!-- c -->three<c> </c>\n</a>",
      "<a> <b>  </b><c>\n </c> <d> x</d></a>",
      "<a>\r\n<b c='1\r\n2'>\r\nx\r\ny</b>\r\n\r\n<d/></a>",
      "<a><![CDATA[<x> & ]] ]]>]]&gt;<![CDATA[]]><![CDATA[\r\n]]></a>",
      "<a b='\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80'>\xC3\xA4 &#x1F600; \x7F</a>",
      "<a><Header><deep x='1' y=\"2\">text &amp; more</deep></Header><Extension/><b/></a>",
      "<a><BayesInput><Extension><g mean='1'/></Extension></BayesInput></a>",
      "<a>\n <b>\n  <c\n x='1'\n/></b>\n</a>",
      "<a b='\"' c=\"'\" d=''></a>",
  };
  for (const char* text : plain) {
    SCOPED_TRACE(text);
    EXPECT_TRUE(Parsed(text).plain());
    EXPECT_EQ(readers_disagree(text), "");
  }
  std::size_t plain_documents = 0;
  const auto documents = all_documents();
  for (const std::string& text : documents) {
    plain_documents += Parsed(text).plain() ? 1 : 0;
    EXPECT_EQ(readers_disagree(text), "");
  }
  EXPECT_GT(plain_documents, 40U);
}

TEST(PmmlDocument, DamagedDocumentsAreReadAsExpatReadsThem) {
  auto seeds = all_documents();
  std::erase_if(seeds, [](const std::string& text) { return text.size() > 20'000; });
  ASSERT_GT(seeds.size(), 20U);
  std::size_t plain = 0;
  for (unsigned seed = 0; seed < 4'000; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random(seed);
    const std::string text = mutate(seeds[random() % seeds.size()], random);
    plain += Parsed(text).plain() ? 1 : 0;
    ASSERT_EQ(readers_disagree(text), "");
  }
  EXPECT_GT(plain, 1'000U);
  EXPECT_LT(plain, 4'000U);
}

TEST(PmmlDocument, OtherEncodingsAndInstructionsAreLeftToExpat) {
  const auto utf16 = [](std::string_view text) {
    std::string bytes = "\xFF\xFE";
    for (const char c : text) bytes += {c, '\0'};
    return bytes;
  };
  const std::string cases[] = {
      "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><a>\n<b c=\"\xE4\"/></a>",
      "<?xml version=\"1.0\" encoding=\"windows-1252\"?><a>\n<b c=\"\xE4\"/></a>",
      "<?xml version=\"1.0\"?><?style x?><a>\n<b c=\"\xC3\xA4\"/></a>",
      "<a>\r<b c=\"\xC3\xA4\"/></a>",
      "<a \xC3\xA4='1'>\n<b c=\"\xC3\xA4\"/></a>",
      utf16("<a>\n<b c=\"\xE4\"/></a>"),
  };
  for (const std::string& text : cases) {
    SCOPED_TRACE(text);
    const Parsed parsed(text);
    ASSERT_EQ(parsed.error(), "");
    EXPECT_FALSE(parsed.plain());
    EXPECT_EQ(parsed.root().child("b").attribute_or("c", ""), "\xC3\xA4");
    EXPECT_EQ(parsed.root().child("b").line(), 2U);
  }
}

TEST(PmmlDocument, MalformedDocumentsAreRefusedWithTheLine) {
  const char* wrong[] = {
      "\n<a>",
      "\n<a></b>",
      "\n<a/><b/>",
      "\n<a/>x",
      "\nx<a/>",
      "\n<a></a",
      "\n<a b/>",
      "\n<a b=c/>",
      "\n<a b='1'c='2'/>",
      "\n<a b='1' b='2'/>",
      "\n<a b='<'/>",
      "\n<a b='&'/>",
      "\n<a b='&nbsp;'/>",
      "\n<a b='&#0;'/>",
      "\n<a b='&#xD800;'/>",
      "\n<a b='&#x110000;'/>",
      "\n<a b='&#;'/>",
      "\n<a b='\x01'/>",
      "\n<a>]]></a>",
      "\n<a>&</a>",
      "\n<a>\x02</a>",
      "\n<a><!-- -- --></a>",
      "\n<a><!-- x",
      "\n<a><![CDATA[ x</a>",
      "\n<![CDATA[x]]><a/>",
      "\n<a>\xC0\x80</a>",
      "\n<a>\xED\xA0\x80</a>",
      "\n<a>\xEF\xBF\xBF</a>",
      "\n<a>\xF4\x90\x80\x80</a>",
      "\n<a>\xC3</a>",
      "\n<a>\xE2\x82",
      "\n<1a/>",
      "\n< a/>",
      "\n<a/ >",
      "\n<?xml version=\"1.0\"?><a/>",
      "\n<!DOCTYPE a><a/>",
      "\n",
  };
  for (const char* text : wrong) EXPECT_NE(Parsed(text).error().find("line 2"), std::string::npos) << text;
}

TEST(PmmlDocument, ElementsKnowTheirLines) {
  std::string text = "<a>\n";
  for (int i = 0; i < 5'000; ++i) text += "<b/>\r\n<c>\n</c>\n";
  const Parsed parsed(text + "</a>");
  ASSERT_TRUE(parsed.plain());
  std::uint32_t line = 2;
  for (const Element at : parsed.root()) {
    ASSERT_EQ(at.line(), line);
    line += at.is("b") ? 1 : 2;
  }
  EXPECT_EQ(line, 15'002U);
}

TEST(PmmlDocument, BoundsHoldForBothReaders) {
  std::string deep, wide = "<a", names = "<a>";
  for (std::uint32_t i = 0; i <= pmml::kMaxDepth; ++i) deep += "<a>";
  for (std::uint32_t i = 0; i <= pmml::kMaxAttributes; ++i) wide += " a" + std::to_string(i) + "=''";
  for (std::size_t i = 0; i <= pmml::kMaxNames; ++i) names += "<n" + std::to_string(i) + "/>";
  for (const std::string start : {"", "<?an instruction?>"}) {
    EXPECT_NE(Parsed(start + deep).error().find("nest deeper"), std::string::npos);
    EXPECT_NE(Parsed(start + wide + "/>").error().find("attributes"), std::string::npos);
    EXPECT_NE(Parsed(start + names + "</a>").error().find("different names"), std::string::npos);
    std::string many = start + "<a>";
    for (int i = 0; i < 100'000; ++i) many += "<b c=''/>";
    const Parsed large(many + "</a>", {.max_memory_bytes = 1'000'000});
    EXPECT_NE(large.error().find("max_memory_bytes"), std::string::npos);
  }
  // Many attributes are no harm, only slower.
  std::string some = "<a";
  for (std::uint32_t i = 0; i < pmml::kMaxAttributes; ++i)
    some += " a" + std::to_string(i) + "='" + std::to_string(i) + "'";
  EXPECT_EQ(Parsed(some + "/>").root().attribute_or("a127", ""), "127");
}

}  // namespace
}  // namespace weir::test
