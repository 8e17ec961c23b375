#include "core/broker/replica_fetcher.h"

#include <algorithm>

namespace faultline::broker {
using wire::KafkaError;

namespace {
constexpr Duration kSlack = 400ms;  // a leader on a busy machine answers so much later than it may
constexpr Duration kPatience = 2s;  // with a leader that answered quickly before
constexpr Duration kNewsTravel = 5ms;  // who leads is heard of here and there within that
}  // namespace

ReplicaFetcher::ReplicaFetcher(Env& env, const FetcherConfig& config, NodeId leader,
                               Endpoint endpoint, std::function<std::int64_t()> broker_epoch,
                               std::function<void(bool)> seen)
    : env_(env),
      config_(config),
      leader_(leader),
      endpoint_(std::move(endpoint)),
      broker_epoch_(std::move(broker_epoch)),
      seen_(std::move(seen)),
      patience_(std::min(kPatience, config.timeout)) {}

void ReplicaFetcher::start(fiber::Group& fibers) {
    fibers.spawn({.name = "replica fetcher"},
                 [this, keep = shared_from_this()](fiber::StopToken stop) { run(stop); });
}

void ReplicaFetcher::add(std::shared_ptr<Partition> partition) {
    Followed& f = partitions_[partition->log()->partition()];
    if (f.partition == partition && f.epoch == partition->epoch()) return;
    f = {partition, {}, partition->epoch()};
    // A fetch that waits for news does not ask for this one.
    if (interrupt_) interrupt_->request_stop();
    changed_.notify_all();
}

void ReplicaFetcher::remove(const TopicPartition& partition) { partitions_.erase(partition); }

void ReplicaFetcher::stop() {
    stopping_ = true;
    partitions_.clear();
    if (interrupt_) interrupt_->request_stop();
    changed_.notify_all();
}

MonoTime ReplicaFetcher::next_due() const {
    MonoTime next = MonoTime::never();
    for (const auto& [tp, f] : partitions_) next = std::min(next, f.not_before);
    return next;
}

void ReplicaFetcher::run(fiber::StopToken stop) {
    while (!stopping_ && !stop.stop_requested()) {
        if (next_due() > env_.clock.now()) {
            (void)changed_.wait(Deadline{next_due()}, stop,
                                [&] { return stopping_ || next_due() <= env_.clock.now(); });
            continue;
        }
        const auto done = round(stop);
        if (done.ok() || stopping_) continue;
        if (conn_ != nullptr) conn_->close();
        conn_.reset();
        if (done.code() == Errc::timed_out) {  // it may be slow, and not lost
            patience_ = std::min(patience_ * 2, config_.timeout);
        } else {
            silent_since_.reset();
        }
        if (done.code() == Errc::cancelled) continue;  // there is more to ask for
        if (done.code() == Errc::closed || done.code() == Errc::unreachable) {
            seen_(false);
            if (connect(stop).ok()) {
                seen_(true);
                continue;
            }
        }
        env_.fibers.sleep_until(env_.clock.in(config_.backoff), stop);
    }
    if (conn_ != nullptr) conn_->close();
    conn_.reset();
}

Result<void> ReplicaFetcher::connect(fiber::StopToken stop) {
    if (conn_ != nullptr && conn_->usable()) return {};
    if (conn_ != nullptr) conn_->close();
    conn_.reset();
    const Deadline deadline = env_.clock.in(patience_);
    FL_TRY(auto stream, env_.net.connect(endpoint_, deadline, stop));
    auto conn = std::make_shared<rpc::ClientConn>(
        env_.fibers, std::move(stream), rpc::ClientConnOptions{.client_id = "replica"}, env_.probe);
    if (const auto started = conn->start(deadline, stop); !started.ok()) {
        conn->close();
        return started;
    }
    conn_ = std::move(conn);
    return {};
}

wire::FetchRequest ReplicaFetcher::request(AskedOf& asked) {
    wire::FetchRequest q;
    q.replica_state.replica_id = env_.node.v;
    q.replica_state.replica_epoch = broker_epoch_();
    q.max_wait_ms = static_cast<std::int32_t>(config_.wait / 1ms);
    q.min_bytes = 1;
    q.max_bytes = config_.max_bytes;
    logic::FollowerSession::Wanted wanted;
    for (const auto& [tp, f] : partitions_) {
        if (f.not_before > env_.clock.now()) continue;
        if (f.partition->must_wait_for_rate()) {
            env_.probe.reached(probe::Site::follower_throttles_itself);
            continue;
        }
        const auto next = f.partition->next_fetch(leader_);
        if (!next) continue;
        auto& p = wanted[{next->topic_id, tp.index.v}];
        p.partition = tp.index.v;
        p.current_leader_epoch = next->leader_epoch;
        p.fetch_offset = next->offset;
        p.last_fetched_epoch = next->last_epoch;
        p.log_start_offset = next->log_start;
        p.partition_max_bytes = config_.partition_max_bytes;
        if (config_.hurry_high_watermark) p.high_watermark = next->high_watermark;
        asked.emplace(model::PartitionId{next->topic_id, tp.index.v}, Asked{f.partition, *next});
    }
    if (!asked.empty()) session_.ask(wanted, q);
    return q;
}

Result<void> ReplicaFetcher::round(fiber::StopToken stop) {
    FL_CHECK(connect(stop));
    AskedOf asked;
    const wire::FetchRequest q = request(asked);
    if (asked.empty()) {
        // What is followed waits for its disk.
        env_.fibers.sleep_until(env_.clock.in(5ms), stop);
        return {};
    }
    interrupt_.emplace();
    const MonoTime asked_at = env_.clock.now();
    if (!silent_since_) silent_since_ = asked_at;
    const Duration longest = std::min(config_.wait + patience_, config_.timeout);
    const auto answer =
        conn_->call<wire::FetchResponse>(q, env_.clock.in(longest), interrupt_->token());
    interrupt_.reset();
    if (!answer.ok()) {
        session_.lost();
        return answer.error();
    }
    const bool was_hung = overdue();
    silent_since_.reset();
    // It falls slowly: a leader that is slow is not always.
    const Duration took = env_.clock.now() - asked_at;
    patience_ = std::min(std::max({kPatience, took * 2, patience_ / 2}), config_.timeout);
    if (was_hung) seen_(true);
    const bool in_session = q.session_epoch != 0;
    if (!session_.answered(*answer)) {
        if (in_session) return {};  // all is asked for again
        return Error{Errc::busy, 0, "replica_fetcher"};
    }
    take(*answer, asked, stop);
    return {};
}

bool ReplicaFetcher::overdue() const {
    return silent_since_ && env_.clock.now() - *silent_since_ > config_.wait + kSlack;
}

void ReplicaFetcher::put_off(Followed& followed, KafkaError error) {
    const bool too_early = error == KafkaError::not_leader_or_follower ||
                           error == KafkaError::unknown_leader_epoch ||
                           error == KafkaError::fenced_leader_epoch;
    followed.pause = too_early
                         ? std::min(std::max(followed.pause * 2, kNewsTravel), config_.backoff)
                         : config_.backoff;
    followed.not_before = env_.clock.now() + followed.pause;
}

void ReplicaFetcher::take(const wire::FetchResponse& response, const AskedOf& asked,
                          fiber::StopToken stop) {
    std::vector<std::shared_ptr<Partition>> taken;
    for (const auto& topic : response.responses) {
        for (const auto& data : topic.partitions) {
            const auto it = asked.find({topic.topic_id, data.partition_index});
            if (it == asked.end()) continue;
            const Asked& a = it->second;
            const bool ok = a.partition->take_fetched(a.next, data);
            taken.push_back(a.partition);
            const auto followed = partitions_.find(a.partition->log()->partition());
            if (followed == partitions_.end()) continue;
            if (ok)
                followed->second.pause = {};
            else
                put_off(followed->second, data.error_code);
        }
    }
    for (const auto& partition : taken)
        starts_moved_ = starts_moved_ || partition->unwritten_start().has_value();
    if (starts_moved_) write_starts();
    for (const auto& partition : taken) partition->wait_safe(stop);
}

// One checkpoint for all that an answer has moved. What fails comes again with the next answer.
void ReplicaFetcher::write_starts() {
    std::vector<std::pair<std::shared_ptr<Partition>, Offset>> moved;
    for (const auto& [tp, f] : partitions_) {
        if (const auto start = f.partition->unwritten_start())
            moved.emplace_back(f.partition, *start);
    }
    if (!moved.empty() && config_.write_log_starts && !config_.write_log_starts().ok()) return;
    starts_moved_ = false;
    for (const auto& [partition, start] : moved) partition->start_written(start);
}
}  // namespace faultline::broker
