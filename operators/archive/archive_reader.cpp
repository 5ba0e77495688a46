#include <weir/replay.hpp>

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <utility>

#include <weir/blob_store.hpp>
#include <weir/detail/topic_codec.hpp>

#include "operators/archive/archive_key.hpp"

namespace weir {
namespace {

constexpr TopicReadLimits kChunk = {};

using Views = std::vector<std::shared_ptr<const TopicView>>;

Result<Views> archives_in(const std::string& job_directory) {
  Result<Views> views = view_topics(job_directory + "/topics");
  if (views.status().code() == StatusCode::kNotFound)
    return Status::not_found("open an archive: '" + job_directory + "' holds no topics; is it the directory of a job?");
  if (!views) return views.status().with_context("open an archive");
  std::erase_if(*views, [](const auto& view) { return view->schema() != schema_of<ArchiveRecord>(); });
  return views;
}

std::vector<std::string> names_of(const Views& views) {
  std::vector<std::string> names;
  for (const auto& view : views) names.push_back(view->name());
  return names;
}

std::string list_of(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "'" : ", '") + name + "'";
  return text;
}

// Calls `visit` for a record of the key; true: go on.
Result<bool> show(const TopicRecord& record, const std::string& key, const Archive::Visit& visit) {
  if (!key.empty() && archived_key(record.payload) != key) return true;
  Result<ArchiveRecord> decoded = detail::TopicCodec<ArchiveRecord>::decode(record.payload);
  if (!decoded) return decoded.status().with_context("read the archive at offset " + std::to_string(record.offset));
  return visit(record.offset, *decoded);
}

}  // namespace

Result<std::vector<std::string>> Archive::topics(const std::string& job_directory) {
  WEIR_ASSIGN_OR_RETURN(const Views views, archives_in(job_directory));
  return names_of(views);
}

Result<Archive> Archive::open(const std::string& job_directory, std::string topic) {
  WEIR_ASSIGN_OR_RETURN(const Views views, archives_in(job_directory));
  if (topic.empty() && views.size() > 1)
    return Status::invalid_argument("open an archive: there are several, say which: " + list_of(names_of(views)));
  if (topic.empty() && views.size() == 1) topic = views.front()->name();
  const auto found = std::find_if(views.begin(), views.end(), [&](const auto& view) { return view->name() == topic; });
  if (found == views.end()) {
    return Status::not_found("open an archive: no archive" + (topic.empty() ? "" : " '" + topic + "'") + " in '" +
                             job_directory + "'" + (views.empty() ? "" : "; there are: " + list_of(names_of(views))));
  }
  const std::string models = job_directory + "/models";
  std::error_code error;
  if (!std::filesystem::exists(models + "/sha256", error))  // made by the first job that archives
    return Status::not_found("open an archive: '" + models + "' holds no models");
  Archive archive;
  archive.topic_ = *found;
  WEIR_ASSIGN_OR_RETURN(archive.models_, BlobStore::open(models));
  return archive;
}

Status Archive::for_each(const std::string& key, const Visit& visit) const {
  const std::uint64_t end = topic_->end();
  for (std::uint64_t next = topic_->begin(); next < end;) {
    const Result<std::vector<TopicRecord>> records = topic_->read(next, kChunk);
    if (!records) {
      if (next >= topic_->begin()) return records.status();
      next = topic_->begin();  // retention of the running job overtook us
      continue;
    }
    for (const TopicRecord& record : *records) {
      if (record.offset >= end) return {};
      WEIR_ASSIGN_OR_RETURN(const bool goes_on, show(record, key, visit));
      if (!goes_on) return {};
      next = record.offset + 1;
    }
  }
  return {};
}

Result<bool> Archive::for_each_back(const std::string& key, std::uint64_t max_bytes, const Visit& visit) const {
  constexpr std::uint64_t kStep = 256;
  std::uint64_t left = max_bytes;
  for (std::uint64_t end = topic_->end(); end > topic_->begin();) {
    const std::uint64_t first = std::max(topic_->begin(), end - std::min(end, kStep));
    std::vector<TopicRecord> step;
    while (first + step.size() < end) {
      Result<std::vector<TopicRecord>> records =
          topic_->read(first + step.size(), {end - first - step.size(), kChunk.bytes});
      if (!records && first + step.size() < topic_->begin()) return true;  // retention of the running job
      if (!records) return records.status();
      if (records->empty()) break;
      std::move(records->begin(), records->end(), std::back_inserter(step));
    }
    for (auto record = step.rbegin(); record != step.rend(); ++record) {
      if (record->payload.size() > left) return false;
      left -= record->payload.size();
      WEIR_ASSIGN_OR_RETURN(const bool goes_on, show(*record, key, visit));
      if (!goes_on) return true;
    }
    end = first;
  }
  return true;
}

Result<ArchivedSchema> Archive::schema(const ModelDigest& features) const {
  WEIR_ASSIGN_OR_RETURN(const std::string bytes, models_->get(to_hex(features)));
  return ArchivedSchema::decode(bytes);
}

}  // namespace weir
