#include "models/pmml/expat_xml.hpp"

#include <expat.h>

#include <algorithm>

namespace weir::pmml {
namespace {

constexpr std::size_t kFirstStepBytes = std::size_t{1} << 20;

class ExpatReader {
 public:
  explicit ExpatReader(DocumentBuilder& builder) : builder_(builder), parser_(XML_ParserCreate(nullptr)) {
    XML_SetUserData(parser_, this);
    XML_SetElementHandler(parser_, &on_start, &on_end);
    XML_SetCharacterDataHandler(parser_, &on_text);
    XML_SetStartDoctypeDeclHandler(parser_, &on_doctype);
    XML_SetUnknownEncodingHandler(parser_, &on_encoding, nullptr);
  }
  ~ExpatReader() { XML_ParserFree(parser_); }
  ExpatReader(const ExpatReader&) = delete;
  ExpatReader& operator=(const ExpatReader&) = delete;

  Status read(std::string_view bytes) {
    std::size_t done = 0;
    do {
      // Each step as large as all before: a token that does not end is looked through a few times, not at each step.
      const std::size_t step = std::min(std::max(kFirstStepBytes, done), bytes.size() - done);
      const bool last = done + step == bytes.size();
      const XML_Status status = XML_Parse(parser_, bytes.data() + done, static_cast<int>(step), last ? 1 : 0);
      if (!failure_.is_ok()) return failure_;
      if (status != XML_STATUS_OK)
        return Status::invalid_argument("parse PMML: " + line() + ": " + XML_ErrorString(XML_GetErrorCode(parser_)));
      done += step;
      if (builder_.out_of_time())
        return Status::resource_exhausted("load PMML: the time budget max_load_ms ran out while parsing");
    } while (done < bytes.size());
    return Status::ok();
  }

 private:
  [[nodiscard]] std::string line() const { return "line " + std::to_string(XML_GetCurrentLineNumber(parser_)); }
  void fail(Status status) {
    if (failure_.is_ok()) failure_ = std::move(status);
    XML_StopParser(parser_, XML_FALSE);
  }
  void check(bool fits) {
    if (!fits) fail(Status::resource_exhausted("parse PMML: " + line() + ": " + builder_.problem()));
  }
  // Handlers may still be called after the parser was stopped.
  [[nodiscard]] bool failed() const { return !failure_.is_ok(); }

  static void on_start(void* self, const char* name, const char** attributes) {
    auto* reader = static_cast<ExpatReader*>(self);
    if (reader->failed()) return;
    const auto line = static_cast<std::uint32_t>(XML_GetCurrentLineNumber(reader->parser_));
    bool fits = reader->builder_.start(name, line);
    for (const char** at = attributes; fits && *at != nullptr; at += 2) fits = reader->builder_.attribute(at[0], at[1]);
    reader->check(fits);
  }
  static void on_end(void* self, const char*) {
    auto* reader = static_cast<ExpatReader*>(self);
    if (!reader->failed()) reader->check(reader->builder_.end());
  }
  static void on_text(void* self, const char* piece, int size) {
    auto* reader = static_cast<ExpatReader*>(self);
    if (!reader->failed()) reader->check(reader->builder_.text({piece, static_cast<std::size_t>(size)}, false));
  }
  static void on_doctype(void* self, const char*, const char*, const char*, int) {
    auto* reader = static_cast<ExpatReader*>(self);
    reader->fail(Status::invalid_argument("parse PMML: " + reader->line() + ": DOCTYPE is not accepted"));
  }
  // Windows-1252 beside expat's own.
  static int on_encoding(void*, const char* name, XML_Encoding* encoding) {
    std::string lower(name);
    std::transform(lower.begin(), lower.end(), lower.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? char(c + 32) : c; });
    if (lower != "windows-1252" && lower != "cp1252") return XML_STATUS_ERROR;
    static constexpr std::array<int, 32> kUpper = {0x20AC, -1,     0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021,
                                                   0x02C6, 0x2030, 0x0160, 0x2039, 0x0152, -1,     0x017D, -1,
                                                   -1,     0x2018, 0x2019, 0x201C, 0x201D, 0x2022, 0x2013, 0x2014,
                                                   0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, -1,     0x017E, 0x0178};
    for (int i = 0; i < 256; ++i)
      encoding->map[i] = i >= 0x80 && i < 0xA0 ? kUpper[static_cast<std::size_t>(i - 0x80)] : i;
    encoding->data = nullptr;
    encoding->convert = nullptr;
    encoding->release = nullptr;
    return XML_STATUS_OK;
  }

  DocumentBuilder& builder_;
  XML_Parser parser_;
  Status failure_;
};

}  // namespace

Status read_with_expat(std::string_view bytes, DocumentBuilder& builder) { return ExpatReader(builder).read(bytes); }

}  // namespace weir::pmml
