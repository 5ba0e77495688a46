#pragma once
// Reads a file ahead of its consumer, in chunks, on the executor.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include <weir/executor.hpp>
#include <weir/status.hpp>

namespace weir::detail {

// Thread: one consumer. One read is on its way at a time; at most kChunksAhead chunks lie ready. Destroying the reader
// lets a read on its way end for itself.
class ChunkReader {
 public:
  static constexpr std::size_t kChunksAhead = 2;

  // `wake` is called when a chunk is ready, from the executor's thread.
  ChunkReader(std::string path, std::uint64_t offset, std::size_t chunk_bytes, Executor& executor,
              std::function<void()> wake);
  ~ChunkReader();
  ChunkReader(const ChunkReader&) = delete;
  ChunkReader& operator=(const ChunkReader&) = delete;

  // Keeps reading ahead. kResourceExhausted: the executor takes no job now, call again later.
  Status pump();
  // Appends a ready chunk to `window`; false when there is none.
  bool take(std::string& window);
  // Everything was taken.
  [[nodiscard]] bool at_end() const;
  // The read that failed, if all chunks before it were taken.
  [[nodiscard]] Status fault() const;

 private:
  struct Shared;
  std::shared_ptr<Shared> shared_;
  Executor& executor_;
};

}  // namespace weir::detail
