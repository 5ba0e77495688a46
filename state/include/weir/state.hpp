#pragma once
/// Keyed state as user code sees it: handles made when an operator opens, which always speak of the record's key.
///
///   auto count = ctx.value_state<std::int64_t>({.name = "count", .queryable = true});
///   ++count.mutate();
///
/// Handles are a pointer: copy them freely; they live as long as their operator. Thread: the task's. Pointers and
/// references they give are valid until the record has been processed. Nothing blocks, except that state which does not
/// fit in memory is read from disk when its key comes up.

#include <cstddef>
#include <string>
#include <utility>

namespace weir {

struct StateOptions {
  std::string name{};      ///< unique within the operator, and for the life of the state
  bool queryable = false;  ///< shown by GET /v1/state/{uid}/{name}/{key}
};

namespace detail {

template <class V>
class ValueStateAccess {
 public:
  virtual const V* get_current() = 0;
  virtual V& mutate_current() = 0;
  virtual void clear_current() = 0;

 protected:
  ~ValueStateAccess() = default;
};

/// Calls a function with each entry; made on the stack around a reference to it.
template <class MK, class MV>
class EntryVisitor {
 public:
  virtual void visit(const MK& key, const MV& value) = 0;

 protected:
  ~EntryVisitor() = default;
};

template <class MK, class MV>
class MapStateAccess {
 public:
  virtual const MV* get_current(const MK& key) = 0;
  virtual MV& mutate_current(const MK& key) = 0;
  virtual bool remove_current(const MK& key) = 0;
  virtual void clear_current() = 0;
  virtual std::size_t size_current() = 0;
  virtual void visit_current(EntryVisitor<MK, MV>& visitor) = 0;

 protected:
  ~MapStateAccess() = default;
};

}  // namespace detail

/// One V per key.
template <class V>
class ValueState {
 public:
  ValueState() = default;
  explicit ValueState(detail::ValueStateAccess<V>& access) noexcept : access_(&access) {}

  /// Null when the key has no value.
  [[nodiscard]] const V* get() const { return access_->get_current(); }
  [[nodiscard]] bool has_value() const { return get() != nullptr; }
  /// The value, to change in place; made by V{} when the key has none. It counts as changed.
  V& mutate() const { return access_->mutate_current(); }
  void set(V value) const { mutate() = std::move(value); }
  void clear() const { access_->clear_current(); }

 private:
  detail::ValueStateAccess<V>* access_ = nullptr;
};

/// A map from MK to MV per key, in the order of MK's `<`. Loaded whole when its key comes up; saved entry by entry.
template <class MK, class MV>
class MapState {
 public:
  MapState() = default;
  explicit MapState(detail::MapStateAccess<MK, MV>& access) noexcept : access_(&access) {}

  /// Null when there is no such entry.
  [[nodiscard]] const MV* get(const MK& key) const { return access_->get_current(key); }
  [[nodiscard]] bool contains(const MK& key) const { return get(key) != nullptr; }
  /// The entry's value, to change in place; made by MV{} when there is none. It counts as changed.
  MV& mutate(const MK& key) const { return access_->mutate_current(key); }
  void put(const MK& key, MV value) const { mutate(key) = std::move(value); }
  /// True when there was such an entry.
  bool remove(const MK& key) const { return access_->remove_current(key); }
  void clear() const { access_->clear_current(); }
  [[nodiscard]] std::size_t size() const { return access_->size_current(); }
  [[nodiscard]] bool empty() const { return size() == 0; }
  /// Calls `function(const MK&, const MV&)` in order. It must not change this state.
  template <class Function>
  void for_each(Function&& function) const {
    struct Visitor final : detail::EntryVisitor<MK, MV> {
      explicit Visitor(Function& target) : target_(target) {}
      void visit(const MK& key, const MV& value) override { target_(key, value); }
      Function& target_;
    } visitor(function);
    access_->visit_current(visitor);
  }

 private:
  detail::MapStateAccess<MK, MV>* access_ = nullptr;
};

}  // namespace weir
