#include "progress.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

namespace flights {

namespace {

constexpr auto kTerminalInterval = std::chrono::milliseconds(250);
constexpr auto kPlainInterval = std::chrono::seconds(5);
constexpr int kBarWidth = 16;

std::size_t terminal_width() {
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 80;
  return size.ws_col;
}

}  // namespace

std::string with_commas(std::uint64_t number) {
  std::string digits = std::to_string(number);
  for (std::size_t end = digits.size(); end > 3; end -= 3) digits.insert(end - 3, ",");
  return digits;
}

std::string progress_line(const ProgressFigures& figures, double records_per_second) {
  const weir::Timestamp now = std::clamp(figures.now, figures.first, figures.last);
  const auto whole = static_cast<double>((figures.last - figures.first).count());
  const double share = whole == 0 ? 1 : static_cast<double>((now - figures.first).count()) / whole;
  const int filled = static_cast<int>(share * kBarWidth);
  std::string line = weir::format_timestamp(now).substr(0, 10) + " [" + std::string(filled, '#') +
                     std::string(kBarWidth - filled, '.') + "]";
  char text[64];
  std::snprintf(text, sizeof text, " %3.0f %% %9s records/s  ", share * 100,
                with_commas(static_cast<std::uint64_t>(records_per_second)).c_str());
  line += text;
  for (const AirportModel& model : figures.serving.current)
    line += " " + model.airport + " " + (model.version == 0 ? std::string("-") : std::to_string(model.version));
  return line + "  swaps " + std::to_string(figures.serving.swaps) + "  refused " +
         std::to_string(figures.serving.refused);
}

Progress::Progress(bool quiet)
    : quiet_(quiet), is_terminal_(::isatty(STDOUT_FILENO) == 1), shown_(Clock::now() - kTerminalInterval) {
  if (!is_terminal_) shown_ = Clock::now();
}

Progress::~Progress() { finish(); }

bool Progress::due() const {
  if (quiet_) return false;
  return Clock::now() - shown_ >= (is_terminal_ ? Clock::duration(kTerminalInterval) : Clock::duration(kPlainInterval));
}

void Progress::show(const ProgressFigures& figures) {
  const Clock::time_point now = Clock::now();
  const double seconds = std::chrono::duration<double>(now - shown_).count();
  if (seconds > 0 && figures.records >= shown_records_) {
    const double rate = static_cast<double>(figures.records - shown_records_) / seconds;
    records_per_second_ = records_per_second_ == 0 ? rate : 0.6 * records_per_second_ + 0.4 * rate;
  }
  shown_ = now;
  shown_records_ = figures.records;
  // Refusals get lines of their own, above.
  for (const std::string& refusal : figures.serving.refusals)
    if (shown_refusals_.insert(refusal).second)
      std::printf("%s  refused %s\n", is_terminal_ ? "\r\033[K" : "", refusal.c_str());
  std::string line = progress_line(figures, records_per_second_);
  if (is_terminal_) {
    line.resize(std::min(line.size(), terminal_width() - 1));
    std::printf("\r\033[K%s", line.c_str());
  } else {
    std::printf("%s\n", line.c_str());
  }
  is_open_ = is_terminal_;
  std::fflush(stdout);
}

void Progress::finish() {
  if (is_open_) std::printf("\n");
  is_open_ = false;
  std::fflush(stdout);
}

}  // namespace flights
