// What a shard does so that its partitions have replicas: it follows leaders elsewhere, and keeps
// the ISRs of those that it leads.
#include <algorithm>

#include "core/broker/ask_controller.h"
#include "core/broker/shard.h"
#include "core/model/config_value.h"
#include "core/wire/error_map.h"

namespace faultline::broker {
using wire::KafkaError;

namespace {
constexpr Duration kPrimaryTimeout = 1min;  // for the checkpoint files
constexpr Duration kSuspicion = 1s;
constexpr Duration kLook = 200ms;
// A wait on another shard is this long at a time, and its answer so much longer under way at most.
constexpr Duration kStopSlice = 1s, kAnswerTravel = 5s;
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
        fetcher->stop();  // it listens elsewhere now; follow_broker() brings the others over
        fetcher.reset();
    }
    if (fetcher == nullptr) {
        FetcherConfig config;
        config.wait = std::chrono::milliseconds(shared_->config.replica_fetch_wait_ms);
        config.backoff = std::chrono::milliseconds(shared_->config.replica_fetch_backoff_ms);
        config.hurry_high_watermark =
            shared_->config.replica_selector != logic::ReplicaSelector::leader;
        // Only logs of this shard have moved: the first one writes its own without asking the
        // others.
        config.write_log_starts = [this] {
            return env_.shard.v == 0 ? logs_->checkpoint_own_log_starts() : write_log_starts();
        };
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

void Shard::set_lease(MonoTime until) {
    const bool cut_short = until < context_.lease_until;
    context_.lease_until = until;
    if (!cut_short) return;
    for (const auto& [tp, partition] : partitions_) partition->look_again();
}

bool Shard::seems_gone(NodeId broker) const {
    // Cut off from the controller: what this node would say of its own leadership is of the past,
    // and clients that it keeps busy would ask nobody else. Of the others it can only say what it
    // knew: that it does not reach them says nothing of them.
    const bool cut_off = env_.clock.now() >= context_.lease_until;
    if (broker == env_.node || cut_off) return broker == env_.node && cut_off;
    const auto it = suspects_.find(broker);
    return it != suspects_.end() && env_.clock.now() < it->second;
}

// A broker came, went or moved: who follows it looks for it again, leaders of partitions that it
// has look at their ISRs.
void Shard::follow_broker(const model::MetadataImage& image, NodeId broker) {
    suspects_.erase(broker);
    for (const auto& [id, nothing] : image.index.of(broker)) {
        const model::TopicImage* topic = image.find(id.topic);
        if (topic == nullptr) continue;
        const auto it = partitions_.find({topic->name, PartitionIndex{id.index}});
        if (it == partitions_.end()) continue;
        const auto keep = it->second;
        follow_leader(image, keep);
        keep->look_again();
        if (keep->leads()) isr_news_.insert(it->first);
    }
    isr_changed_.notify_all();
}

bool Shard::alive(NodeId broker) const {
    const model::BrokerImage* b = image_->broker(broker);
    return b != nullptr && !b->fenced;
}

// The first shard keeps the checkpoint files of all.
Result<void> Shard::write_log_starts() {
    if (env_.shard.v == 0) return logs_->checkpoint_log_starts();
    return at_primary([](storage::LogManager& logs) { return logs.checkpoint_log_starts(); });
}

// Not by call(): the first shard calls the others in turn, to hear their starts, or to match logs.
Result<void> Shard::at_primary(std::function<Result<void>(storage::LogManager&)> what) {
    struct Reply {
        Result<void> done = Error{Errc::cancelled, 0, "shard.at_primary"};
        fiber::Waiter* waiter = nullptr;
    };
    fiber::Waiter waiter;
    const auto reply = std::make_shared<Reply>();
    reply->waiter = &waiter;
    struct Abandon {
        Reply& reply;
        ~Abandon() { reply.waiter = nullptr; }
    } abandon{*reply};
    FL_CHECK(env_.shards.post(ShardId{0}, [shared = shared_, reply, home = env_.shard,
                                           what = std::move(what)](Env& first) mutable {
        Result<void> done = Error{Errc::cancelled, 0, "shard.at_primary"};
        if (Shard* primary = shared->shards[first.shard.v]) done = what(primary->logs());
        // Going down: nobody waits.
        (void)first.shards.post(home, [reply = std::move(reply), done](Env&) {
            reply->done = done;
            if (reply->waiter != nullptr) reply->waiter->wake();
        });
    }));
    if (waiter.park(env_.clock.in(kPrimaryTimeout)) == fiber::Wake::timed_out)
        return Error{Errc::timed_out, 0, "shard.at_primary"};
    return reply->done;
}

// As a share of the throttled replicas, which each shard counts from the same image.
void Shard::share_throttles(const model::MetadataImage& image) {
    const NodeId node = shared_->config.node;
    const auto rate = [&](const char* key, std::int64_t given) {
        for (const auto& [id, config] : image.broker_configs) {
            const auto own = config.find(key);
            if (id == node.v && own != config.end())
                return model::parse_integer(own->second).value_or(given);
        }
        const auto all = image.broker_defaults.find(key);
        return all == image.broker_defaults.end()
                   ? given
                   : model::parse_integer(all->second).value_or(given);
    };
    const auto share = [&](std::int64_t of, std::string model::TopicConfig::*list) {
        if (of == logic::kNoThrottle) return of;
        std::int64_t own = 0, all = 0;
        for (const auto& [name, topic] : image.topics) {
            const auto config = model::with_overrides(dynamic_.topic_defaults, topic->config);
            for (std::int32_t i = 0; std::cmp_less(i, topic->partitions.size()); ++i) {
                if (!logic::names_replica(config.*list, PartitionIndex{i}, node)) continue;
                const auto& replicas = topic->partitions[static_cast<std::size_t>(i)].replicas;
                if (std::ranges::find(replicas, node.v) == replicas.end()) continue;
                ++all;
                if (owner({name, PartitionIndex{i}}) == env_.shard) ++own;
            }
        }
        return logic::share_of_rate(of, own, all);
    };
    const MonoTime now = env_.clock.now();
    const BrokerConfig& c = shared_->config;
    context_.leader_throttle.set_rate(
        share(rate("leader.replication.throttled.rate", c.leader_throttle),
              &model::TopicConfig::leader_throttled),
        now);
    context_.follower_throttle.set_rate(
        share(rate("follower.replication.throttled.rate", c.follower_throttle),
              &model::TopicConfig::follower_throttled),
        now);
}

DeleteAnswer Shard::wait_deleted(const TopicPartition& partition, std::int64_t wanted,
                                 Deadline deadline, fiber::StopToken stop) {
    const auto wait = [partition, wanted](Shard& shard, Deadline until, fiber::StopToken token) {
        DeleteAnswer answer;
        if (const auto p = shard.find(partition, answer.error))
            answer = p->wait_deleted(wanted, until, token);
        return answer;
    };
    const ShardId shard = owner(partition);
    if (shard == env_.shard) return wait(*this, deadline, stop);
    // A stop of this shard does not reach the other one, which may go on long after it: so it is
    // asked again and again, each time for no longer than a stop may take.
    while (true) {
        const Deadline until = std::min(deadline, env_.clock.in(kStopSlice));
        const auto answer =
            env_.shards.call(shard, std::min(deadline, env_.clock.in(kStopSlice + kAnswerTravel)),
                             [shared = shared_, wait, until](Env& env) {
                                 Shard& there = shared->at(env);
                                 return wait(there, until, there.background_.token());
                             });
        const KafkaError error = answer.ok() ? answer->error : wire::to_kafka_error(answer.code());
        const bool again = error == KafkaError::request_timed_out &&
                           env_.clock.now() < deadline.at && !stop.stop_requested();
        if (again) continue;
        return answer.ok() ? *answer : DeleteAnswer{error, -1, -1};
    }
}

std::int32_t Shard::read_replica(const logic::LeaderState& leader, const FetchPart& part) const {
    const auto rack_of = [&](NodeId id) -> std::string {
        const model::BrokerImage* b = image_->broker(id);
        return b == nullptr || b->fenced ? std::string() : b->rack.value_or("");
    };
    const std::string own = rack_of(env_.node);
    if (own == part.rack) return -1;
    std::vector<logic::ReadCandidate> candidates;
    for (const auto& f : leader.readable(Offset{part.offset}))
        candidates.push_back({f.id, rack_of(f.id), f.held, env_.clock.now() - f.caught_up});
    const auto chosen = logic::rack_aware_replica(part.rack, own, candidates);
    if (!chosen) return -1;
    env_.probe.reached(probe::Site::consumer_sent_to_follower);
    return chosen->v;
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
