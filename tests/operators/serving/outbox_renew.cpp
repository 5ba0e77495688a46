// Until the engine's library is part of the build.
#include <weir/operator.hpp>

namespace weir {

void Outbox::renew(Slot& slot) { slot.open = slot.spare ? std::move(slot.spare) : slot.make_batch(); }

}  // namespace weir
