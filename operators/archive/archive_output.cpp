#include <weir/serving/archive_output.hpp>

#include <weir/blob_store.hpp>
#include <weir/serving/model_slot.hpp>

namespace weir::serving {

Status ArchiveOutput::open(OperatorContext& context, const FeatureSchema& features,
                           const std::vector<std::string>& outputs) {
  output_ = context.side_output(kModelInputs.name);
  if (!output_) return {};
  WEIR_ASSIGN_OR_RETURN(features_,
                        store_schema(context, {{features.fields().begin(), features.fields().end()}, outputs}));
  return {};
}

Result<ModelDigest> store_schema(OperatorContext& context, const ArchivedSchema& schema) {
  if (context.job_directory().empty()) {
    return Status::invalid_argument(
        "archive model inputs: the job keeps no directory (no checkpointing), so models could not be found again");
  }
  const std::string bytes = schema.encode();
  WEIR_ASSIGN_OR_RETURN(const auto store, BlobStore::open(context.job_directory() + "/models"));
  WEIR_RETURN_IF_ERROR(store->put(bytes).status().with_context("archive the list of features"));
  return sha256(bytes);
}

ArchivedModel archived_model(const ModelVersion& version) {
  return {version.facts.record.name, version.id.version, version.id.digest, version.facts.record.type,
          version.facts.record.options};
}

}  // namespace weir::serving
