#pragma once
/// The checkpoints of one job on disk, as directories and files: what is there, whether it is whole, and cloning it.
/// What is in a checkpoint's database is none of its business.
///
///   chk-000042          complete, when its MANIFEST and files are whole
///   chk-000042.tmp      being written; removed at the next start
///   chk-000042.gone     being removed; removed at the next start
///   chk-000042.damaged  put aside at a start, for people to look at

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include <weir/checkpoint.hpp>
#include <weir/result.hpp>

#include "state/filesystem.hpp"
#include "state/manifest.hpp"

namespace weir {

class CheckpointDirectory {
 public:
  CheckpointDirectory(std::string path, Filesystem& filesystem) : path_(std::move(path)), filesystem_(filesystem) {}

  /// Makes the directory and removes what was left half written or half removed.
  Status prepare();
  /// Ids of what looks like checkpoints, oldest first.
  [[nodiscard]] Result<std::vector<std::uint64_t>> ids() const;
  [[nodiscard]] std::string path_of(std::uint64_t id) const;
  [[nodiscard]] std::string temporary_path_of(std::uint64_t id) const { return path_of(id) + ".tmp"; }

  /// The manifest, when it is whole. kDataLoss when it is not.
  [[nodiscard]] Result<proto::Manifest> read_manifest(std::uint64_t id) const;
  /// Reads every file of a checkpoint; kDataLoss when one is missing or differs from the manifest.
  [[nodiscard]] Status verify(const proto::Manifest& manifest) const;
  Status put_aside(std::uint64_t id);
  Status remove(std::uint64_t id);

  /// A database directory for writing: tables as hard links, the files RocksDB appends to as copies.
  Status clone_for_writing(const proto::Manifest& manifest, const std::string& target);
  /// The same database once more, all as hard links.
  Status clone_unchanged(const proto::Manifest& manifest, const std::string& target);
  /// Sizes and checksums of the files of a database; those of tables that `known` has are taken over.
  [[nodiscard]] Result<std::vector<proto::ManifestFile>> describe(const std::string& database,
                                                                  const proto::Manifest& known) const;
  /// Makes `<id>.tmp` with its database a checkpoint: syncs, manifest, syncs, rename, sync.
  Status complete(const proto::Manifest& manifest);

 private:
  std::string path_;
  Filesystem& filesystem_;
};

CheckpointInfo info_of(const proto::Manifest& manifest, std::string path);

}  // namespace weir
