#include <weir/speculation/slow_lane.hpp>

#include <algorithm>
#include <cmath>
#include <utility>

namespace weir::speculation {
namespace {

/// Calls handed to the threads at once: one under way for each, and one that the thread finds when it is done.
constexpr std::size_t kCallsPerThread = 2;

/// One call of a model. Owns all it touches: it may outlive the task.
std::vector<SlowScore> score_all(const std::vector<SlowRequest>& requests, const Clock& clock) {
  const SlowRequest& first = requests.front();
  const std::size_t rows = requests.size();
  std::vector<double> numbers;
  std::vector<std::string_view> texts;
  for (const SlowRequest& request : requests) {
    numbers.insert(numbers.end(), request.numbers.begin(), request.numbers.end());
    for (const auto& text : request.texts) texts.push_back(text ? std::string_view(*text) : std::string_view{});
  }
  std::vector<double> out_numbers(rows * first.number_outputs);
  std::vector<std::string> out_texts(rows * first.text_outputs);
  std::vector<unsigned char> failed(rows);
  ScoreErrors errors;
  ScoreScratch scratch;
  const std::int64_t begin = clock.monotonic_ns();
  first.scorer->score({rows, numbers.data(), first.numbers.size(), texts.data(), first.texts.size()},
                      {out_numbers.data(), out_texts.data(), failed.data()}, errors, scratch);
  const std::int64_t end = clock.monotonic_ns();
  const std::int64_t latency_ns = (end - begin) / static_cast<std::int64_t>(rows);
  std::vector<SlowScore> scores(rows);
  for (std::size_t row = 0; row < rows; ++row) {
    scores[row].subject = requests[row].subject;
    scores[row].ended_ns = end;
    if (failed[row] != 0) {
      fill_failure(scores[row].score, first.model, reason_of_row(errors, row), latency_ns);
    } else {
      fill_score(scores[row].score, first.model, out_numbers.data() + row * first.number_outputs, first.number_outputs,
                 out_texts.data() + row * first.text_outputs, first.text_outputs, latency_ns);
    }
  }
  return scores;
}

}  // namespace

SlowRequest request_of(const SlowSubject& subject, const serving::ModelVersion& version, const FeatureSchema& schema,
                       const double* numbers, const std::string_view* texts) {
  SlowRequest request;
  request.subject = subject;
  request.scorer = version.scorer;
  request.model = version.id;
  request.number_outputs = version.number_outputs;
  request.text_outputs = version.text_outputs;
  request.numbers.assign(numbers, numbers + schema.number_columns());
  for (std::size_t i = 0; i < schema.text_columns(); ++i)
    request.texts.push_back(texts[i].data() == nullptr ? std::nullopt : std::optional<std::string>(texts[i]));
  return request;
}

void fill_score(MemberScore& score, const ModelId& model, const double* numbers, std::size_t number_count,
                const std::string* texts, std::size_t text_count, std::int64_t latency_ns) {
  score.model = model;
  score.latency_ns = latency_ns;
  const bool has_number = std::any_of(numbers, numbers + number_count, [](double value) { return !std::isnan(value); });
  const bool has_text = std::any_of(texts, texts + text_count, [](const std::string& text) { return !text.empty(); });
  score.status = has_number || has_text ? VoteStatus::kVoted : VoteStatus::kAbstained;
  if (score.status == VoteStatus::kAbstained) return;
  score.numbers = ScoreNumbers(numbers, number_count);
  if (text_count != 0) score.texts = ScoreTexts(texts, text_count);
}

void fill_failure(MemberScore& score, const ModelId& model, std::string_view reason, std::int64_t latency_ns) {
  score.model = model;
  score.latency_ns = latency_ns;
  score.status = VoteStatus::kFailed;
  score.texts = ScoreTexts(reason);
}

std::string_view reason_of_row(const ScoreErrors& errors, std::size_t row) {
  for (const ScoreErrors::Entry& entry : errors.entries())
    if (entry.row == row) return entry.message;
  return "the model could not score the record";
}

SlowLane::SlowLane(const SpeculationMember& member, OperatorContext& context)
    : member_(member),
      clock_(context.clock()),
      waker_(context.waker()),
      threads_(context.executor().lane("weir-" + member.name, member.threads)) {}

std::size_t SlowLane::room(const IsWanted& is_wanted) {
  if (waiting_.size() >= member_.max_queued)
    std::erase_if(waiting_, [&](const SlowRequest& request) { return !is_wanted(request.subject.id); });
  return member_.max_queued - std::min(waiting_.size(), member_.max_queued);
}

bool SlowLane::pump(std::int64_t now_ns, const IsWanted& is_wanted) {
  while (!waiting_.empty() && calls_ < kCallsPerThread * member_.threads) {
    auto requests = std::make_shared<std::vector<SlowRequest>>();
    while (!waiting_.empty() && requests->size() < member_.rows_per_call) {
      SlowRequest& next = waiting_.front();
      if (is_wanted(next.subject.id)) {
        if (!requests->empty() && requests->front().scorer != next.scorer) break;
        requests->push_back(std::move(next));
      }
      waiting_.pop_front();
    }
    if (requests->empty()) return false;
    const Status submitted = threads_->submit("score with '" + member_.name + "'",
                                              [requests, mailbox = mailbox_, waker = waker_, clock = &clock_] {
                                                std::vector<SlowScore> scores = score_all(*requests, *clock);
                                                {
                                                  const std::lock_guard lock(mailbox->mutex);
                                                  mailbox->finished.push_back(std::move(scores));
                                                }
                                                waker();
                                              });
    if (!submitted.is_ok()) {
      for (auto request = requests->rbegin(); request != requests->rend(); ++request)
        waiting_.push_front(std::move(*request));
      return calls_ == 0 && submitted.code() != StatusCode::kCancelled;
    }
    if (calls_++ == 0) last_heard_ns_ = now_ns;
  }
  return false;
}

std::vector<SlowScore> SlowLane::take(std::int64_t now_ns) {
  std::vector<std::vector<SlowScore>> finished;
  {
    const std::lock_guard lock(mailbox_->mutex);
    finished.swap(mailbox_->finished);
  }
  std::vector<SlowScore> scores;
  if (finished.empty()) return scores;
  calls_ -= finished.size();
  last_heard_ns_ = now_ns;
  for (std::vector<SlowScore>& call : finished)
    for (SlowScore& score : call) scores.push_back(std::move(score));
  return scores;
}

}  // namespace weir::speculation
