#include "engine/runtime/channel.hpp"

#include <boost/lockfree/spsc_queue.hpp>

namespace weir::runtime {

struct Channel::Queues {
  explicit Queues(std::size_t capacity) : messages(capacity), emptied(capacity + 2) {}
  boost::lockfree::spsc_queue<Message> messages;
  boost::lockfree::spsc_queue<BatchBase*> emptied;
};

Channel::Channel(Task& producer, Task& consumer, std::size_t capacity)
    : queues_(std::make_unique<Queues>(capacity)), producer_(producer), consumer_(consumer), capacity_(capacity) {}

Channel::~Channel() {
  Message message;
  while (queues_->messages.pop(message)) delete message.batch;
  BatchBase* batch = nullptr;
  while (queues_->emptied.pop(batch)) delete batch;
}

bool Channel::try_push(const Message& message) {
  if (queues_->messages.push(message)) return true;
  // Read-modify-writes on both sides: they order this second try against the consumer's pops.
  refused_.exchange(true, std::memory_order_seq_cst);
  return queues_->messages.push(message);
}

BatchPtr Channel::take_emptied() {
  BatchBase* batch = nullptr;
  return queues_->emptied.pop(batch) ? BatchPtr(batch) : nullptr;
}

bool Channel::try_pop(Message& message) { return queues_->messages.pop(message); }

void Channel::give_back(BatchPtr batch) {
  batch->clear();
  if (queues_->emptied.push(batch.get())) batch.release();  // NOLINT(bugprone-unused-return-value): now the queue's
}

std::size_t Channel::depth() const { return queues_->messages.read_available(); }

}  // namespace weir::runtime
