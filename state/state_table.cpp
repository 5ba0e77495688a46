#include <weir/state_table.hpp>

#include <algorithm>

#include <weir/check.hpp>
#include <weir/detail/keyed_table.hpp>

namespace weir {

std::string StateDescriptor::label() const { return "operator '" + uid + "', state '" + name + "'"; }

std::string StateDescriptor::schema() const {
  static constexpr std::string_view kKinds[] = {"value ", "map ", "timers "};
  return std::string(kKinds[kind]) + key_schema + " -> " + value_schema;
}

void StateDelta::put(std::string_view key, std::string_view value) {
  std::string& bytes = begin();
  bytes += key;
  key_done();
  bytes += value;
  put_done();
}

void StateDelta::erase(std::string_view key) {
  begin() += key;
  erase_done();
}

void StateDelta::append(StateDelta&& other) {
  if (chunks_.empty()) {
    chunks_ = std::move(other.chunks_);
  } else {
    std::move(other.chunks_.begin(), other.chunks_.end(), std::back_inserter(chunks_));
  }
  count_ += other.count_;
  other.clear();
}

std::size_t StateDelta::bytes() const noexcept {
  std::size_t bytes = count_ * sizeof(Entry);
  for (const Chunk& chunk : chunks_) bytes += chunk.bytes.size();
  return bytes;
}

void StateDelta::add_chunk() {
  Chunk& chunk = chunks_.emplace_back();
  // The first one stays small: most deltas of most states are.
  if (chunks_.size() > 1) {
    chunk.bytes.reserve(kChunkBytes + kChunkBytes / 8);
    chunk.entries.reserve(kChunkEntries);
  }
}

void StateDelta::finish(std::size_t key_end, std::size_t value_size) {
  const std::size_t key_size = key_end - start_;
  WEIR_CHECK(key_size < kErased && (value_size < kErased || key_end == chunks_.back().bytes.size()),
             "keys and values of state are below 4 GiB");
  chunks_.back().entries.push_back(
      {start_, static_cast<std::uint32_t>(key_size), static_cast<std::uint32_t>(value_size)});
  ++count_;
}

void StateContext::add(std::unique_ptr<StateTable> table) {
  WEIR_CHECK(find(table->descriptor().name) == nullptr, "the states of one operator have different names");
  tables_.push_back(std::move(table));
}

StateTable* StateContext::find(std::string_view name) const noexcept {
  for (const auto& table : tables_)
    if (table->descriptor().name == name) return table.get();
  return nullptr;
}

std::size_t StateContext::memory_bytes() const noexcept {
  std::size_t bytes = 0;
  for (const auto& table : tables_) bytes += table->memory_bytes();
  return bytes;
}

std::size_t StateContext::dirty_bytes() const noexcept {
  std::size_t bytes = 0;
  for (const auto& table : tables_) bytes += table->dirty_bytes();
  return bytes;
}

Status StateContext::fault() const {
  for (const auto& table : tables_)
    if (Status fault = table->fault(); !fault.is_ok()) return fault;
  return {};
}

void StateContext::keep_to_budget() {
  const std::size_t used = memory_bytes();
  if (used <= options_.memory_bytes) return;
  const double share = static_cast<double>(options_.memory_bytes) / static_cast<double>(used);
  for (const auto& table : tables_)
    table->evict(static_cast<std::size_t>(static_cast<double>(table->memory_bytes()) * share));
}

namespace detail {

Status no_such_key(const StateDescriptor& descriptor, std::string_view key_text) {
  return Status::not_found("query " + descriptor.label() + ": no value for key '" + std::string(key_text) + "'");
}

Status no_checkpoints(const StateDescriptor& descriptor) {
  return Status::failed_precondition("query " + descriptor.label() + " as of a checkpoint: the job keeps none");
}

Status no_json_form(const StateDescriptor& descriptor) {
  return Status::unimplemented("query " + descriptor.label() + ": its type (" + descriptor.schema() +
                               ") has no JSON form; give it `void weir_json(weir::JsonWriter&) const`");
}

}  // namespace detail
}  // namespace weir
