#include <weir/operator.hpp>

namespace weir {

void Outbox::renew(Slot& slot) {
  slot.open = slot.spare ? std::move(slot.spare) : slot.make_batch();
  slot.open->reserve(batch_size_);
}

}  // namespace weir
