// Writes checkpoint ID into DIRECTORY and dies on the way, as checkpoint_crash_test tells it:
//
//   checkpoint_crash_child DIRECTORY ID crash STEP   dies before the STEP-th step, tearing the file of that step
//   checkpoint_crash_child DIRECTORY ID full BYTES   no file can grow beyond BYTES
//
// Exit code: 0 written, 3 died on the way, 4 write() reported a failure, 5 the store did not open.

#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "state/checkpoint_store.hpp"
#include "state/support/crash_rows.hpp"
#include "state/support/failing_filesystem.hpp"

int main(int argc, char** argv) {
  if (argc != 5) return 2;
  const std::uint64_t id = std::strtoull(argv[2], nullptr, 10);
  const std::string mode = argv[3];
  const std::uint64_t number = std::strtoull(argv[4], nullptr, 10);
  weir::testing::FailingFilesystem filesystem;
  auto store = weir::CheckpointStore::open(weir::testing::crash_options(argv[1], &filesystem));
  if (!store) {
    std::fprintf(stderr, "%s\n", store.status().to_string().c_str());
    return 5;
  }
  std::uint64_t step = 0;
  if (mode == "full") {
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{number, number};
    if (::setrlimit(RLIMIT_FSIZE, &limit) != 0) return 2;
  } else {
    filesystem.on_step = [&, dying = false](const std::string&) mutable {
      if (dying) ::_exit(3);
      if (step++ != number) return weir::Status();
      // The step fails, a file being written is torn, and with the next step, or the failure's report, all is over.
      dying = true;
      return weir::Status::io_error("dying");
    };
  }
  const auto info = (*store)->write(weir::testing::crash_content(id));
  if (info) return 0;
  if (mode == "crash") ::_exit(3);
  std::fprintf(stderr, "%s\n", info.status().to_string().c_str());
  return 4;
}
