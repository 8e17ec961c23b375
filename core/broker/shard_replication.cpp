// What a shard does so that its partitions have replicas: it follows leaders elsewhere, and keeps
// the ISRs of those that it leads.
#include <algorithm>

#include "core/broker/ask_controller.h"
#include "core/broker/shard.h"

namespace faultline::broker {
using wire::KafkaError;

namespace {
constexpr Duration kSuspicion = 1s;
constexpr Duration kLook = 200ms;
}  // namespace

void Shard::unfollow(const TopicPartition& partition) {
    const auto it = followed_.find(partition);
    if (it == followed_.end()) return;
    const auto fetcher = fetchers_.find(it->second);
    if (fetcher != fetchers_.end()) {
        fetcher->second->remove(partition);
        if (fetcher->second->empty()) {
            fetcher->second->stop();
            fetchers_.erase(fetcher);
        }
    }
    followed_.erase(it);
}

void Shard::follow_leader(const model::MetadataImage& image, const std::shared_ptr<Partition>& p) {
    const TopicPartition& tp = p->log()->partition();
    const NodeId leader = p->leader();
    const auto it = followed_.find(tp);
    if (it != followed_.end() && it->second != leader) unfollow(tp);
    const model::BrokerImage* broker = image.broker(leader);
    if (p->leads() || leader == model::kNoLeader || broker == nullptr) return unfollow(tp);
    const Endpoint endpoint{broker->host, broker->port};
    auto& fetcher = fetchers_[leader];
    if (fetcher != nullptr && fetcher->endpoint() != endpoint) {
        fetcher->stop();  // it listens elsewhere now; follow_brokers() brings the others over
        fetcher.reset();
    }
    if (fetcher == nullptr) {
        FetcherConfig config;
        config.wait = std::chrono::milliseconds(shared_->config.replica_fetch_wait_ms);
        config.backoff = std::chrono::milliseconds(shared_->config.replica_fetch_backoff_ms);
        const auto broker_epoch = [this] {
            const model::BrokerImage* self = image_->broker(shared_->config.node);
            return self == nullptr ? -1 : self->epoch;
        };
        fetcher = std::make_shared<ReplicaFetcher>(
            env_, config, leader, endpoint, broker_epoch,
            [this, leader](bool seen) { leader_seen(leader, seen); });
        fetcher->start(background_);
    }
    fetcher->add(p);
    followed_[tp] = leader;
}

// Clients that ask who leads are told that nobody does, until the controller has decided: they ask
// again soon, instead of trying a broker that is not there.
void Shard::leader_seen(NodeId leader, bool seen) {
    const MonoTime until = seen ? MonoTime{} : env_.clock.now() + kSuspicion;
    suspects_[leader] = until;
    image_changed_.notify_all();
    for (unsigned i = 0; i < env_.shards.count(); ++i) {
        const ShardId other{static_cast<std::uint16_t>(i)};
        if (other == env_.shard) continue;
        (void)env_.shards.post(other, [shared = shared_, leader, until](Env& env) {  // going down
            if (Shard* there = shared->shards[env.shard.v]) there->suspects_[leader] = until;
        });
    }
}

// A process that hangs keeps its connections.
void Shard::watch_leaders(fiber::StopToken stop) {
    while (env_.fibers.sleep_until(env_.clock.in(kLook), stop) == fiber::Wake::timed_out) {
        std::vector<NodeId> hung;
        for (const auto& [leader, fetcher] : fetchers_) {
            if (fetcher->overdue()) hung.push_back(leader);
        }
        for (const NodeId leader : hung) leader_seen(leader, false);
    }
}

bool Shard::seems_gone(NodeId broker) const {
    const auto it = suspects_.find(broker);
    return it != suspects_.end() && env_.clock.now() < it->second;
}

// A broker came, went or moved: followers look for their leaders again, leaders at their ISRs.
void Shard::follow_brokers(const model::MetadataImage& image) {
    suspects_.clear();
    const auto all = partitions_;
    for (const auto& [tp, partition] : all) {
        follow_leader(image, partition);
        if (partition->leads()) isr_news_.insert(tp);
    }
    isr_changed_.notify_all();
}

void Shard::hold_appends(MonoTime until) {
    farewell_ = image_;
    for (const auto& [tp, partition] : partitions_) partition->hold_appends(until);
}

void Shard::wait_settled(Deadline deadline) {
    const auto all = partitions_;
    for (const auto& [tp, partition] : all) {
        // Late is no failure: its producers are then told to look for the next leader themselves.
        if (partition->holds_appends()) (void)partition->wait_settled(deadline);
    }
}

void Shard::hand_on_no_more(const TopicPartition& partition) {
    const auto there = [partition](Shard& shard) {
        const auto it = shard.partitions_.find(partition);
        if (it != shard.partitions_.end()) it->second->hand_on_no_more();
    };
    if (owner(partition) == env_.shard) return there(*this);
    (void)env_.shards.post(owner(partition), [shared = shared_, there](Env& env) {  // going down
        if (Shard* shard = shared->shards[env.shard.v]) there(*shard);
    });
}

void Shard::keep_isr(fiber::StopToken stop) {
    const Duration step = context_.max_lag / 4;
    while (!stop.stop_requested()) {
        const auto news =
            isr_changed_.wait(env_.clock.in(step), stop, [&] { return !isr_news_.empty(); });
        if (!news.ok() && news.code() == Errc::cancelled) return;
        if (!news.ok()) {
            const MonoTime now = env_.clock.now();
            for (const auto& [tp, partition] : partitions_) {
                if (partition->next_isr_check() < now) isr_news_.insert(tp);
            }
        }
        if (!isr_news_.empty()) propose_isr(stop);
    }
}

void Shard::propose_isr(fiber::StopToken stop) {
    const auto image = image_;
    const auto may_join = [&](std::int32_t id, std::int64_t epoch) {
        const model::BrokerImage* b = image->broker(id);
        return b != nullptr && b->active() && b->epoch == epoch;
    };
    const model::BrokerImage* self = image->broker(shared_->config.node);
    const auto news = std::exchange(isr_news_, {});
    wire::AlterPartitionRequest q;
    q.broker_id = shared_->config.node.v;
    q.broker_epoch = self == nullptr ? -1 : self->epoch;
    struct Asked {
        std::shared_ptr<Partition> partition;
        Epoch epoch;
    };
    std::vector<Asked> asked;
    for (const TopicPartition& tp : news) {
        const auto it = partitions_.find(tp);
        if (it == partitions_.end()) continue;
        const auto proposal = it->second->propose_isr(may_join);
        if (!proposal) continue;
        if (q.topics.empty() || q.topics.back().topic_id != it->second->topic_id())
            q.topics.emplace_back().topic_id = it->second->topic_id();
        auto& p = q.topics.back().partitions.emplace_back();
        p.partition_index = tp.index.v;
        p.leader_epoch = it->second->epoch().v;
        p.partition_epoch = proposal->partition_epoch;
        for (const logic::IsrMember& m : proposal->isr) {
            p.new_isr_with_epochs.push_back(
                {m.id, m.id == env_.node.v ? q.broker_epoch : m.broker_epoch, {}});
        }
        asked.push_back({it->second, it->second->epoch()});
    }
    if (asked.empty()) return;
    // A leader that the controller does not answer goes on asking: what it asked for may hold.
    const auto answer = ask_controller<wire::AlterPartitionResponse>(
        *this, std::move(q), std::chrono::milliseconds(shared_->config.session_ms));
    const bool whole = answer.ok() && answer->error_code == KafkaError::none;
    for (const Asked& a : asked) {
        if (a.partition->epoch() != a.epoch) continue;
        std::optional<KafkaError> error;
        for (std::size_t t = 0; whole && t < answer->topics.size(); ++t) {
            if (answer->topics[t].topic_id != a.partition->topic_id()) continue;
            for (const auto& p : answer->topics[t].partitions) {
                if (p.partition_index == a.partition->log()->partition().index.v)
                    error = p.error_code;
            }
        }
        a.partition->isr_answered(error);
        if (error != KafkaError::none) isr_news_.insert(a.partition->log()->partition());
    }
    if (isr_news_.empty()) return;
    // What was refused or not answered is looked at again, but not at once.
    env_.fibers.sleep_until(env_.clock.in(50ms), stop);
}
}  // namespace faultline::broker
