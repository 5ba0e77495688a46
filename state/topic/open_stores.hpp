#pragma once
/// The stores that this process has open.

#include <memory>
#include <string>

#include <weir/topic.hpp>

namespace weir::topics {

/// The store in a directory, if this process has it open; else null. Never opens one.
std::shared_ptr<TopicStore> store_open_here(const std::string& directory);

}  // namespace weir::topics
