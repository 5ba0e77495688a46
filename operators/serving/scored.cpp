#include <weir/scored.hpp>

#include <cstddef>
#include <deque>
#include <mutex>
#include <unordered_map>
#include <vector>

#include <weir/check.hpp>
#include <weir/serving/identity_json.hpp>

namespace weir {
namespace {

/// Names are never freed: there are few, and results that hold one may live anywhere.
class ModelNames {
 public:
  const std::string* intern(std::string_view name) {
    const std::lock_guard lock(mutex_);
    if (const auto found = index_.find(name); found != index_.end()) return found->second;
    if (name.size() > kLongest || names_.size() >= kMost) return nullptr;
    const std::string& kept = names_.emplace_back(name);
    index_.emplace(kept, &kept);
    return &kept;
  }

 private:
  static constexpr std::size_t kLongest = 256;
  static constexpr std::size_t kMost = 65'536;
  std::mutex mutex_;
  std::deque<std::string> names_;                                   // guarded by mutex_
  std::unordered_map<std::string_view, const std::string*> index_;  // guarded by mutex_
};

}  // namespace

const std::string* intern_model_name(std::string_view name) {
  static ModelNames& names = *new ModelNames;  // outlives every static that may hold a result
  return names.intern(name);
}

std::string to_hex(const ModelDigest& digest) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  text.reserve(2 * digest.size());
  for (const std::uint8_t byte : digest) {
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

std::string_view to_string(ScoreStatus status) noexcept {
  switch (status) {
    case ScoreStatus::kOk: return "ok";
    case ScoreStatus::kNoModel: return "no_model";
    case ScoreStatus::kError: return "error";
    case ScoreStatus::kFallback: return "fallback";
    case ScoreStatus::kLate: return "late";
  }
  return "unknown";
}

std::string_view to_string(ScorePath path) noexcept {
  switch (path) {
    case ScorePath::kNone: return "none";
    case ScorePath::kCurrent: return "current";
    case ScorePath::kShadow: return "shadow";
    case ScorePath::kCanary: return "canary";
    case ScorePath::kDecoy: return "decoy";
    case ScorePath::kFallback: return "fallback";
  }
  return "unknown";
}

void ScoreAnswer::write_answer(ByteWriter& writer) const {
  writer.sized(key);
  Serde<Timestamp>::write(writer, event_time);
  writer.fixed64(position);
  model.weir_write(writer);
  numbers.weir_write(writer);
  texts.weir_write(writer);
  writer.fixed64(static_cast<std::uint64_t>(latency_ns));
  writer.byte(static_cast<std::uint8_t>(status));
  writer.byte(static_cast<std::uint8_t>(path));
}

void ScoreAnswer::read_answer(ByteReader& reader) {
  key.weir_read(reader);
  Serde<Timestamp>::read(reader, event_time);
  position = reader.fixed64();
  model.weir_read(reader);
  numbers.weir_read(reader);
  texts.weir_read(reader);
  latency_ns = static_cast<std::int64_t>(reader.fixed64());
  const std::uint8_t status_byte = reader.byte();
  const std::uint8_t path_byte = reader.byte();
  if (status_byte > static_cast<std::uint8_t>(ScoreStatus::kLate)) reader.fail();
  if (path_byte > static_cast<std::uint8_t>(ScorePath::kFallback)) reader.fail();
  status = static_cast<ScoreStatus>(status_byte);
  path = static_cast<ScorePath>(path_byte);
}

void ScoreAnswer::json_answer(JsonWriter& writer) const {
  serving::write_record_identity(writer, key, event_time, position);
  if (model.has_value()) {
    writer.key("model");
    model.weir_json(writer);
  }
  writer.key("status");
  writer.string(to_string(status));
  writer.key("path");
  writer.string(to_string(path));
  if (status == ScoreStatus::kError) {
    writer.key("reason");
    writer.string(reason());
  } else {
    writer.key("numbers");
    numbers.weir_json(writer);
    if (texts.size() != 0) {
      writer.key("texts");
      texts.weir_json(writer);
    }
  }
  writer.key("latency_ns");
  writer.number(latency_ns);
}

void ModelId::weir_write(ByteWriter& writer) const {
  writer.byte(has_value() ? 1 : 0);
  if (!has_value()) return;
  writer.sized(*name_text);
  writer.fixed64(static_cast<std::uint64_t>(version));
  writer.bytes(digest.data(), digest.size());
}

void ModelId::weir_read(ByteReader& reader) {
  *this = {};
  const std::uint8_t present = reader.byte();
  if (present > 1) reader.fail();
  if (present != 1) return;
  const std::string_view text = reader.sized();
  version = static_cast<std::int64_t>(reader.fixed64());
  if (const char* bytes = reader.bytes(digest.size())) std::memcpy(digest.data(), bytes, digest.size());
  if (!reader.ok()) return;
  name_text = intern_model_name(text);
  if (name_text == nullptr) reader.fail();
}

void ModelId::weir_schema(std::string& out) { out += "model_id"; }

void ModelId::weir_json(JsonWriter& writer) const {
  if (!has_value()) return writer.null();
  writer.begin_object();
  serving::write_model_identity(writer, name(), version, digest);
  writer.end_object();
}

void ScoreNumbers::weir_write(ByteWriter& writer) const {
  writer.varint(size_);
  writer.bytes(data(), size_ * sizeof(double));
}

void ScoreNumbers::weir_read(ByteReader& reader) {
  release();
  size_ = 0;
  const std::uint64_t count = reader.varint();
  if (count > reader.remaining() / sizeof(double)) return reader.fail();
  const char* bytes = reader.bytes(count * sizeof(double));
  if (count == 0 || bytes == nullptr) return;
  double* target = store_.in_place;
  if (count > kInline) target = store_.heap = new double[count];
  std::memcpy(target, bytes, count * sizeof(double));
  size_ = static_cast<std::uint32_t>(count);
}

void ScoreNumbers::weir_schema(std::string& out) { out += "list<f64>"; }

void ScoreNumbers::weir_json(JsonWriter& writer) const {
  writer.begin_array();
  for (const double value : values()) writer.number(value);
  writer.end_array();
}

char* ScoreTexts::allocate(std::size_t count, std::size_t characters) {
  const std::size_t bytes = count * sizeof(std::uint32_t) + characters;
  WEIR_CHECK(bytes <= std::numeric_limits<std::uint32_t>::max(), "the texts of one score are smaller than 4 GiB");
  count_ = static_cast<std::uint32_t>(count);
  bytes_ = static_cast<std::uint32_t>(bytes);
  if (bytes <= kInline) return store_.in_place;
  return store_.heap = new char[bytes];
}

void ScoreTexts::copy(const ScoreTexts& other) {
  char* target = allocate(count_, bytes_ - count_ * sizeof(std::uint32_t));
  std::memcpy(target, other.data(), bytes_);
}

ScoreTexts::ScoreTexts(const std::string* texts, std::size_t count) {
  std::size_t characters = 0;
  for (std::size_t i = 0; i < count; ++i) characters += texts[i].size();
  char* target = allocate(count, characters);
  char* text = target + count * sizeof(std::uint32_t);
  std::uint32_t end = 0;
  for (std::size_t i = 0; i < count; ++i) {
    std::memcpy(text + end, texts[i].data(), texts[i].size());
    end += static_cast<std::uint32_t>(texts[i].size());
    std::memcpy(target + i * sizeof end, &end, sizeof end);
  }
}

ScoreTexts::ScoreTexts(std::string_view text) {
  char* target = allocate(1, text.size());
  const auto end = static_cast<std::uint32_t>(text.size());
  std::memcpy(target, &end, sizeof end);
  std::memcpy(target + sizeof end, text.data(), text.size());
}

std::string_view ScoreTexts::operator[](std::size_t index) const noexcept {
  const char* ends = data();
  std::uint32_t begin = 0;
  std::uint32_t end = 0;
  if (index != 0) std::memcpy(&begin, ends + (index - 1) * sizeof begin, sizeof begin);
  std::memcpy(&end, ends + index * sizeof end, sizeof end);
  return {ends + count_ * sizeof end + begin, end - begin};
}

void ScoreTexts::weir_write(ByteWriter& writer) const {
  writer.varint(count_);
  for (std::size_t i = 0; i < count_; ++i) writer.sized((*this)[i]);
}

void ScoreTexts::weir_read(ByteReader& reader) {
  release();
  count_ = 0;
  bytes_ = 0;
  const std::uint64_t count = reader.varint();
  if (count > reader.remaining()) return reader.fail();
  // A count that the bytes left could hold may still claim far more memory than they do.
  std::vector<std::string> texts;
  for (std::uint64_t i = 0; i < count && reader.ok(); ++i) texts.emplace_back(reader.sized());
  if (reader.ok()) *this = ScoreTexts(texts.data(), texts.size());
}

void ScoreTexts::weir_schema(std::string& out) { out += "list<string>"; }

void ScoreTexts::weir_json(JsonWriter& writer) const {
  writer.begin_array();
  for (std::size_t i = 0; i < count_; ++i) writer.string((*this)[i]);
  writer.end_array();
}

}  // namespace weir
