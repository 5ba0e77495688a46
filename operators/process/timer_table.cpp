#include <weir/detail/timer_table.hpp>

#include <weir/check.hpp>

namespace weir::detail {
namespace {

constexpr std::uint64_t kSignBit = std::uint64_t{1} << 63;

std::string row_of(TimerKind kind, const TimerTable::Timer& timer) {
  std::string row;
  row.push_back(static_cast<char>(timer.group >> 8));
  row.push_back(static_cast<char>(timer.group & 0xff));
  row.push_back(static_cast<char>(kind));
  ByteWriter writer(row);
  writer.sized(timer.key);
  const std::uint64_t time = static_cast<std::uint64_t>(timer.time.time_since_epoch().count()) ^ kSignBit;
  for (int shift = 56; shift >= 0; shift -= 8) row.push_back(static_cast<char>((time >> shift) & 0xff));
  return row;
}

// False: not a row of ours.
bool parse_row(std::string_view row, TimerKind& kind, TimerTable::Timer& timer) {
  ByteReader reader(row);
  timer.group = static_cast<std::uint16_t>(reader.byte() << 8);
  timer.group = static_cast<std::uint16_t>(timer.group | reader.byte());
  const std::uint8_t kind_byte = reader.byte();
  timer.key = std::string(reader.sized());
  std::uint64_t time = 0;
  for (int i = 0; i < 8; ++i) time = (time << 8) | reader.byte();
  timer.time = Timestamp{Duration{static_cast<std::int64_t>(time ^ kSignBit)}};
  kind = static_cast<TimerKind>(kind_byte);
  return reader.ok() && reader.at_end() && kind_byte <= 1;
}

Status not_shown() { return Status::unimplemented("timers cannot be asked for by key, nor listed"); }

}  // namespace

TimerTable::TimerTable(const StateContext& context, std::string key_schema) {
  descriptor_.uid = context.options().uid;
  descriptor_.name = "timers";
  descriptor_.kind = StateDescriptor::kTimers;
  descriptor_.key_schema = std::move(key_schema);
  if (const auto reader = context.reader(descriptor_); reader != nullptr && !reader->empty())
    restore(*reader, context.options().groups);
}

void TimerTable::restore(const StateReader& reader, KeyGroupRange groups) {
  for (std::uint32_t group = groups.first; group < groups.end && fault_.is_ok(); ++group) {
    const char prefix[2] = {static_cast<char>(group >> 8), static_cast<char>(group & 0xff)};
    const Status scanned = reader.scan({prefix, 2}, [this](std::string_view key, std::string_view) {
      TimerKind kind{};
      Timer timer;
      if (!parse_row(key, kind, timer)) {
        fault_ = Status::data_loss("a timer of operator '" + descriptor_.uid +
                                   "' cannot be read: " + std::to_string(key.size()) + " bytes");
        return false;
      }
      timers_[static_cast<int>(kind)].insert(std::move(timer));
      return true;
    });
    if (!scanned.is_ok() && fault_.is_ok()) fault_ = scanned;
  }
}

void TimerTable::mark(TimerKind kind, const Timer& timer, bool present) { dirty_[row_of(kind, timer)] = present; }

void TimerTable::add(TimerKind kind, Timer timer) {
  const auto [place, added] = timers_[static_cast<int>(kind)].insert(std::move(timer));
  if (added) mark(kind, *place, true);
}

void TimerTable::remove(TimerKind kind, const Timer& timer) {
  if (timers_[static_cast<int>(kind)].erase(timer) != 0) mark(kind, timer, false);
}

const TimerTable::Timer* TimerTable::first(TimerKind kind) const noexcept {
  const auto& timers = timers_[static_cast<int>(kind)];
  return timers.empty() ? nullptr : &*timers.begin();
}

TimerTable::Timer TimerTable::pop(TimerKind kind) {
  auto& timers = timers_[static_cast<int>(kind)];
  WEIR_CHECK(!timers.empty(), "pop() needs a timer");
  Timer timer = std::move(timers.extract(timers.begin()).value());
  mark(kind, timer, false);
  return timer;
}

void TimerTable::freeze() {
  WEIR_CHECK(frozen_.empty(), "the previous freeze waits for its outcome");
  frozen_.swap(dirty_);
  draining_ = frozen_.begin();
}

bool TimerTable::drain(std::size_t max_entries, StateDelta& delta) {
  for (; max_entries != 0 && draining_ != frozen_.end(); --max_entries, ++draining_) {
    if (draining_->second)
      delta.put(draining_->first, {});
    else
      delta.erase(draining_->first);
  }
  return draining_ == frozen_.end();
}

void TimerTable::committed() { frozen_.clear(); }

void TimerTable::aborted() {
  dirty_.merge(frozen_);  // what changed since keeps its newer mark
  frozen_.clear();
}

Result<std::optional<std::string>> TimerTable::query_json(std::string_view /*key_text*/) const { return not_shown(); }

Result<std::string> TimerTable::query_stored_json(std::string_view /*key_text*/, std::uint64_t& /*checkpoint*/) const {
  return not_shown();
}

Result<std::unique_ptr<StateListing>> TimerTable::list(PageQuery /*query*/) const { return not_shown(); }

Status TimerTable::list_step(StateListing& /*listing*/) const { return not_shown(); }

Result<StatePage> TimerTable::list_stored(PageQuery /*query*/) const { return not_shown(); }

}  // namespace weir::detail
