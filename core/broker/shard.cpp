#include "core/broker/shard.h"

#include <algorithm>

#include "core/broker/ask_controller.h"
#include "core/broker/scatter.h"
#include "core/controller/quorum_log.h"
#include "core/wire/error_map.h"

namespace faultline::broker {
namespace {
using wire::KafkaError;

bool is_metadata(const TopicPartition& p) { return p.topic == controller::kMetadataTopic; }

bool is_replica(const model::TopicImage& topic, PartitionIndex index, NodeId node) {
    if (index.v < 0 || std::cmp_greater_equal(index.v, topic.partitions.size())) return false;
    const auto& replicas = topic.partitions[static_cast<std::size_t>(index.v)].replicas;
    return std::ranges::find(replicas, node.v) != replicas.end();
}

// FNV-1a: the same on every machine and in every run.
std::uint64_t stable_hash(std::string_view text) {
    std::uint64_t h = 0xcbf29ce484222325ULL;
    for (const char c : text) h = (h ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
    return h;
}

ShardId owner_of(const TopicPartition& p, unsigned shards) {
    if (is_metadata(p)) return ShardId{0};
    const auto spread = stable_hash(p.topic) + static_cast<std::uint64_t>(p.index.v);
    return ShardId{static_cast<std::uint16_t>(spread % shards)};
}

// Each shard filled the answer on its own: what has no room in the order of the request is left for
// the next one. Nothing was read yet, slices name bytes of files.
void keep_within(std::uint64_t max_bytes, std::vector<FetchAnswer>& answers) {
    std::uint64_t left = max_bytes;
    bool first = true;
    for (FetchAnswer& answer : answers) {
        if (answer.bytes == 0) continue;
        if (!first && answer.bytes > left) {
            answer.bytes = 0;
            answer.slices = {};
            continue;
        }
        left -= std::min(left, answer.bytes);
        first = false;
    }
}

// The shards share the cleaner's memory and rate.
storage::CleanerOptions cleaner_share(storage::CleanerOptions options, Env& env) {
    const unsigned shards = env.shards.count();
    options.dedupe_bytes /= shards;
    options.io_bytes_per_second /= static_cast<double>(shards);
    return options;
}

// The shards share the slots, as the shards of Kafka's cache do.
logic::FetchSessionLimits session_limits(const BrokerConfig& config, Env& env) {
    const unsigned shards = env.shards.count();
    return {.slots = (config.fetch_session_slots + shards - 1) / shards,
            .divisor = static_cast<std::int32_t>(shards),
            .remainder = env.shard.v};
}
// What the quorum and the brokers ask of a controller has no such bound: the requests that fill it
// may be those that wait for the quorum.
std::size_t handlers_of(const BrokerConfig& config, Env& env) {
    const unsigned shards = env.shards.count();
    return std::max<std::size_t>(1, config.queued_max_requests / shards);
}

std::size_t request_bytes_of(const BrokerConfig& config, Env& env) {
    if (config.queued_max_request_bytes <= 0) return config.request_bytes_per_shard;
    const auto bytes = static_cast<std::size_t>(config.queued_max_request_bytes);
    return std::max<std::size_t>(1, bytes / env.shards.count());
}
}  // namespace

Shard::Shard(Env& env, SharedRef shared)
    : env_(env),
      shared_(std::move(shared)),
      background_(env.fibers),
      accepting_(env.fibers),
      connections_(env.fibers),
      returned_(env.fibers),
      controller_connections_(env.fibers),
      hand_over_(env),
      context_{env.node,
               env.clock,
               env.fibers,
               background_,
               env.probe,
               [this] { data_arrived(); },
               [this](const TopicPartition& tp) {
                   isr_news_.insert(tp);
                   isr_changed_.notify_all();
               },
               std::chrono::milliseconds(shared_->config.replica_lag_ms)},
      dynamic_(dynamic_config(shared_->config, {})),
      slots_(shared_->config),
      budget_(request_bytes_of(shared_->config, env), handlers_of(shared_->config, env)),
      quorum_budget_(shared_->config.request_bytes_per_shard, SIZE_MAX),
      fetch_sessions_(session_limits(shared_->config, env)) {
    context_.alive = [this](NodeId id) { return alive(id); };
    if (shared_->config.replica_selector == logic::ReplicaSelector::rack_aware) {
        context_.read_replica = [this](const logic::LeaderState& leader, const FetchPart& part) {
            return read_replica(leader, part);
        };
    }
    shared_->shards[env.shard.v] = this;
}

Shard::~Shard() { shared_->shards[env_.shard.v] = nullptr; }

void Shard::wait_for_end() {
    (void)end_.wait(Deadline::never(), {}, [this] { return ended_; });  // nothing can cancel it
}

void Shard::end() {
    ended_ = true;
    end_.notify_all();
}

ShardId Shard::owner(const TopicPartition& partition) const {
    return owner_of(partition, env_.shards.count());
}

Result<void> Shard::open_logs(std::vector<storage::LogDirState> states) {
    const BrokerConfig& c = shared_->config;
    storage::LogManagerOptions options;
    options.dirs = c.log_dirs;
    options.cluster_id = c.cluster_id;
    options.fresh_cluster_id = c.fresh_cluster_id;
    options.node = c.node;
    options.retention_check_ms = c.retention_check_ms;
    options.checkpoint_ms = c.checkpoint_ms;
    options.flush_check_ms = c.flush_check_ms;
    options.recovery_fibers_per_dir = c.recovery_fibers_per_dir;
    options.cleaner = cleaner_share(dynamic_.cleaner, env_);
    options.primary = env_.shard.v == 0;
    options.owns = [shards = env_.shards.count(), self = env_.shard](const TopicPartition& p) {
        return owner_of(p, shards) == self;
    };
    if (!options.primary)
        options.lower_checkpoints = [this](const TopicPartition& tp, Offset to) {
            return at_primary(
                [tp, to](storage::LogManager& logs) { return logs.lower_checkpoints(tp, to); });
        };
    const storage::LogContext context{env_.disk, env_.clock, env_.fibers, env_.probe, env_.log};
    logs_ = std::make_unique<storage::LogManager>(context, env_.rng, std::move(options));
    logs_->set_retention_limit([this](const storage::PartitionLog& log) {
        const auto it = partitions_.find(log.partition());
        if (it != partitions_.end()) return it->second->high_watermark();
        // A node alone may need what retention frees before it can begin its epochs.
        return shared_->config.voters.size() == 1 ? log.durable_end() : log.log_start();
    });
    logs_->set_cleaning_facts([this](const storage::PartitionLog& log) {
        const auto it = partitions_.find(log.partition());
        return it == partitions_.end() ? storage::CleaningFacts{log.log_start(), {}}
                                       : it->second->cleaning_facts();
    });
    return logs_->open(std::move(states));
}

Result<void> Shard::match_logs(const KnownTopics& known) {
    std::vector<TopicPartition> deleted, strays, unknown;
    for (const TopicPartition& tp : logs_->partitions()) {
        const Uuid id = logs_->topic_id(tp);
        // Without an id it was killed while it was made.
        if (tp.topic == controller::kMetadataTopic || id.is_zero()) continue;
        if (const model::TopicImage* topic = known.image->find(id)) {
            // Moved away, or a move was cancelled, while this node was down (KAFKA-13972).
            if (!is_replica(*topic, tp.index, shared_->config.node)) strays.push_back(tp);
            continue;
        }
        if (known.removed->contains(id)) {
            deleted.push_back(tp);
            continue;
        }
        // Deleted before the snapshot, most likely: but nothing says so.
        if (known.since_snapshot) {
            unknown.push_back(tp);
            continue;
        }
        env_.log.error(
            "the metadata log does not know the topic of {} (id {}): it has lost records. Restore "
            "__cluster_metadata-0 from a copy, or move that directory away to start without it",
            logs_->find(tp)->path(), to_string(id));
        env_.probe.emit([&] {
            const auto key = env_.probe.intern(controller::kMetadataTopic, PartitionIndex{0});
            return probe::CorruptionFound{key, Offset{0}};
        });
        return Error{Errc::corrupt, 0, "metadata_log.lost_topic"};
    }
    for (const TopicPartition& tp : deleted) {
        env_.probe.reached(probe::Site::deleted_topic_found);
        FL_CHECK(logs_->remove(tp));
    }
    for (const TopicPartition& tp : unknown) {
        env_.probe.reached(probe::Site::stray_log_set_aside);
        const Uuid id = logs_->topic_id(tp);
        FL_TRY(const std::string kept, logs_->set_aside(tp));
        env_.log.warn(
            "{}-{} is of a topic that the metadata does not know (id {}): its log is kept as {}, "
            "where nobody reads it; remove it when it is not needed",
            tp.topic, tp.index.v, to_string(id), kept);
    }
    for (const TopicPartition& tp : strays) {
        env_.probe.reached(probe::Site::stray_replica_removed);
        FL_CHECK(logs_->remove(tp));
    }
    return {};
}

void Shard::open_partition(const model::MetadataImage& image, const model::TopicImage& topic,
                           std::int32_t index) {
    const TopicPartition tp{topic.name, PartitionIndex{index}};
    const model::PartitionImage& p = topic.partitions[static_cast<std::size_t>(index)];
    PartitionPlan plan;
    plan.topic_id = topic.id;
    plan.leader = p.leader;
    plan.view = {p.leader_epoch, p.partition_epoch, p.replicas, p.isr, p.recovering};
    plan.config = model::with_overrides(dynamic_.topic_defaults, topic.config);
    if (const auto it = partitions_.find(tp); it != partitions_.end()) {
        const auto keep = it->second;
        keep->update(plan);
        return follow_leader(image, keep);
    }
    storage::LogRef log = logs_->find(tp);
    if (log != nullptr && logs_->topic_id(tp) != topic.id) {
        // A topic of the same name that was deleted while this node was down.
        (void)logs_->remove(tp);  // it is renamed away, or create() below says why not
        log = nullptr;
    }
    const bool lost =
        std::ranges::any_of(logs_->offline(), [&](const auto& o) { return o.partition == tp; });
    if (log == nullptr && !lost) {
        auto made = logs_->create(tp, topic.id, storage::LogConfig{});
        if (made.ok()) {
            log = *made;
        } else if (!unavailable_.contains(tp)) {
            env_.log.error("{}-{} cannot be made: {}", topic.name, index, to_string(made.error()));
        }
    }
    if (log == nullptr) {
        unavailable_[tp] = KafkaError::kafka_storage_error;
        return;
    }
    auto partition = std::make_shared<Partition>(context_, log, plan);
    partition->begin();
    unavailable_.erase(tp);
    partitions_[tp] = partition;
    follow_leader(image, partition);
}

// A disk that was full may have room again.
void Shard::retry_unavailable() {
    const auto guard = applying_.lock();
    const auto missing = unavailable_;
    const auto image = image_;
    for (const auto& [tp, error] : missing) apply_topic(*image, tp.topic);
}

void Shard::drop(const TopicPartition& tp) {
    unfollow(tp);
    unavailable_.erase(tp);
    const auto it = partitions_.find(tp);
    if (it == partitions_.end()) return;
    const auto keep = it->second;  // fetches may still hold it
    partitions_.erase(it);
    const auto removed = logs_->remove(tp);
    if (!removed.ok() && removed.code() != Errc::closed) {  // else by the next start
        env_.log.warn("{}-{} cannot be removed: {}", tp.topic, tp.index.v,
                      to_string(removed.error()));
    }
}

void Shard::apply_topic(const model::MetadataImage& image, const std::string& name) {
    const model::TopicImage* topic = image.find(name);
    const auto ours = [&](std::int32_t index) {
        const auto& replicas = topic->partitions[static_cast<std::size_t>(index)].replicas;
        return std::ranges::find(replicas, shared_->config.node.v) != replicas.end();
    };
    // Those that are gone, of another topic of that name, or not assigned here any more.
    std::vector<TopicPartition> gone;
    for (auto it = partitions_.lower_bound({name, PartitionIndex{0}});
         it != partitions_.end() && it->first.topic == name; ++it) {
        const bool stays = topic != nullptr && topic->id == it->second->topic_id() &&
                           std::cmp_less(it->first.index.v, topic->partitions.size()) &&
                           ours(it->first.index.v);
        if (stays) continue;
        gone.push_back(it->first);
        if (topic != nullptr && topic->id == it->second->topic_id())
            env_.probe.reached(probe::Site::stray_replica_removed);
    }
    for (const TopicPartition& tp : gone) drop(tp);
    std::erase_if(unavailable_, [&](const auto& u) {
        return u.first.topic == name &&
               (topic == nullptr ||
                std::cmp_greater_equal(u.first.index.v, topic->partitions.size()) ||
                !ours(u.first.index.v));
    });
    if (topic == nullptr) return;
    for (std::int32_t i = 0; std::cmp_less(i, topic->partitions.size()); ++i) {
        if (owner({name, PartitionIndex{i}}) == env_.shard && ours(i))
            open_partition(image, *topic, i);
    }
}

// One partition of a topic that is otherwise as it was.
void Shard::apply_partition(const model::MetadataImage& image, const TopicPartition& tp) {
    const model::TopicImage* topic = image.find(tp.topic);
    if (topic == nullptr || owner(tp) != env_.shard) return;
    const auto& replicas = topic->partitions[static_cast<std::size_t>(tp.index.v)].replicas;
    if (std::ranges::find(replicas, shared_->config.node.v) == replicas.end()) return drop(tp);
    open_partition(image, *topic, tp.index.v);
}

void Shard::configure(const model::MetadataImage& image) {
    dynamic_ = dynamic_config(shared_->config, image);
    slots_.allow(dynamic_.max_connections);
    slots_.allow_per_second(dynamic_.connections_per_second);
    logs_->tune_cleaner(cleaner_share(dynamic_.cleaner, env_));
}

void Shard::apply(const Snapshot<model::MetadataImage>& image, const model::ImageChanges& changes) {
    const auto guard = applying_.lock();
    const bool configured = applied_once_ && same_config(shared_->config, *image, *image_);
    context_.others = image->brokers.size() > 1;
    if (!configured) configure(*image);
    if (!configured) {
        // What the broker's defaults are may show in every topic.
        applied_once_ = true;
        for (const auto& [name, topic] : image_->topics) {
            if (image->find(name) == nullptr) apply_topic(*image, name);
        }
        for (const auto& [name, topic] : image->topics) apply_topic(*image, name);
    } else {
        for (const std::string& name : changes.topics) apply_topic(*image, name);
        for (const auto& [name, indexes] : changes.partitions) {
            if (changes.topics.contains(name)) continue;
            for (const std::int32_t i : indexes) apply_partition(*image, {name, PartitionIndex{i}});
        }
    }
    image_ = image;
    share_throttles(*image_);
    for (const NodeId broker : changes.brokers) follow_broker(*image_, broker);
    image_changed_.notify_all();
}

bool Shard::healthy(Duration limit) const {
    const MonoTime now = env_.clock.now();
    for (const auto& [tp, partition] : partitions_) {
        const auto since = partition->syncing_since();
        if (since && now - *since > limit) return false;
        if (partition->log()->dir()->failed()) return false;
    }
    return true;
}

std::shared_ptr<Partition> Shard::find(const TopicPartition& partition, KafkaError& error) {
    const auto it = partitions_.find(partition);
    if (it != partitions_.end()) return it->second;
    const auto lost = unavailable_.find(partition);
    error = lost == unavailable_.end() ? KafkaError::unknown_topic_or_partition : lost->second;
    return nullptr;
}

// --- work, where the partitions are
// ---------------------------------------------------------------

std::vector<ProduceAnswer> Shard::produce(const std::vector<ProducePart>& parts,
                                          Deadline deadline) {
    return scatter(*this, parts, deadline, ProduceAnswer{},
                   [](Shard& shard, const std::vector<ProducePart>& mine) {
                       std::vector<ProduceAnswer> answers;
                       answers.reserve(mine.size());
                       for (const ProducePart& part : mine) {
                           ProduceAnswer answer;
                           if (const auto p = shard.find(part.partition, answer.error)) {
                               answer = p->produce(part.records, part.acks);
                           }
                           answers.push_back(std::move(answer));
                       }
                       return answers;
                   });
}

std::vector<KafkaError> Shard::wait_committed(const std::vector<CommitPart>& parts,
                                              Deadline deadline, fiber::StopToken stop) {
    const auto wait = [deadline](Shard& shard, const std::vector<CommitPart>& mine,
                                 fiber::StopToken token) {
        std::vector<KafkaError> errors;
        for (const CommitPart& part : mine) {
            KafkaError error = KafkaError::none;
            if (const auto p = shard.find(part.partition, error)) {
                error = p->wait_committed(Offset{part.end}, deadline, token);
            }
            errors.push_back(error);
        }
        return errors;
    };
    std::vector<KafkaError> errors(parts.size(), KafkaError::none);
    std::map<ShardId, std::vector<std::size_t>> by_owner;
    for (std::size_t i = 0; i < parts.size(); ++i) by_owner[owner(parts[i].partition)].push_back(i);
    for (const auto& [shard, indexes] : by_owner) {
        std::vector<CommitPart> theirs;
        for (const std::size_t i : indexes) theirs.push_back(parts[i]);
        std::vector<KafkaError> got(indexes.size(), KafkaError::request_timed_out);
        if (shard == env_.shard) {
            got = wait(*this, theirs, stop);
        } else {
            auto answer =
                env_.shards.call(shard, deadline, [shared = shared_, theirs, wait](Env& env) {
                    Shard& there = shared->at(env);
                    return wait(there, theirs, there.background_.token());
                });
            if (answer.ok()) got = *std::move(answer);
        }
        for (std::size_t k = 0; k < indexes.size(); ++k) errors[indexes[k]] = got[k];
    }
    return errors;
}

std::vector<FetchAnswer> Shard::fetch(const std::vector<FetchPart>& parts, std::uint64_t max_bytes,
                                      Deadline deadline) {
    auto all = scatter(*this, parts, deadline, FetchAnswer{},
                       [max_bytes](Shard& shard, const std::vector<FetchPart>& mine) {
                           std::vector<FetchAnswer> answers;
                           answers.reserve(mine.size());
                           std::uint64_t left = max_bytes;
                           bool first = true;
                           for (const FetchPart& part : mine) {
                               FetchAnswer answer;
                               if (const auto p = shard.find(part.partition, answer.error)) {
                                   answer = p->fetch(part, left, first);
                                   left -= std::min(left, answer.bytes);
                                   first = first && answer.bytes == 0;
                               }
                               answers.push_back(std::move(answer));
                           }
                           return answers;
                       });
    keep_within(max_bytes, all);
    return all;
}

std::vector<EpochAnswer> Shard::epoch_ends(const std::vector<EpochPart>& parts, Deadline deadline) {
    return scatter(*this, parts, deadline, EpochAnswer{},
                   [](Shard& shard, const std::vector<EpochPart>& mine) {
                       std::vector<EpochAnswer> answers;
                       answers.reserve(mine.size());
                       for (const EpochPart& part : mine) {
                           EpochAnswer answer;
                           if (const auto p = shard.find(part.partition, answer.error))
                               answer = p->epoch_end(part);
                           answers.push_back(answer);
                       }
                       return answers;
                   });
}

std::vector<ListAnswer> Shard::list(const std::vector<ListPart>& parts, Deadline deadline) {
    return scatter(*this, parts, deadline, ListAnswer{},
                   [](Shard& shard, const std::vector<ListPart>& mine) {
                       std::vector<ListAnswer> answers;
                       answers.reserve(mine.size());
                       for (const ListPart& part : mine) {
                           ListAnswer answer;
                           if (const auto p = shard.find(part.partition, answer.error)) {
                               answer = p->list(part);
                           }
                           answers.push_back(answer);
                       }
                       return answers;
                   });
}

// --- long polls
// --------------------------------------------------------------------------------------

void Shard::data_arrived() {
    ++data_version_;
    data_.notify_all();
    if (telling_ || env_.shards.count() == 1) return;
    telling_ = true;  // many appends, one notice
    background_.spawn({.name = "tell shards"}, [this](fiber::StopToken) {
        telling_ = false;
        for (unsigned i = 0; i < env_.shards.count(); ++i) {
            const ShardId other{static_cast<std::uint16_t>(i)};
            if (other == env_.shard) continue;
            (void)env_.shards.post(other,
                                   [shared = shared_](Env& env) {  // going down: nobody waits
                                       Shard& there = shared->at(env);
                                       ++there.data_version_;
                                       there.data_.notify_all();
                                   });
        }
    });
}

Result<void> Shard::wait_for_data(std::uint64_t seen, Deadline deadline, fiber::StopToken stop) {
    return data_.wait(deadline, stop, [&] { return data_version_ != seen; });
}

// --- producer ids
// --------------------------------------------------------------------------------

Result<std::int64_t> Shard::next_producer_id() {
    if (env_.shard.v != 0) {
        FL_TRY(const Result<std::int64_t> id,
               env_.shards.call(
                   ShardId{0}, env_.clock.in(kControllerTimeout),
                   [shared = shared_](Env& env) { return shared->at(env).next_producer_id(); }));
        return id;
    }
    const auto turn = allocating_.lock();
    if (id_next_ == id_end_) {
        env_.probe.reached(probe::Site::producer_ids_reserved);
        wire::AllocateProducerIdsRequest q;
        q.broker_id = config().node.v;
        const model::BrokerImage* self = image_->broker(config().node);
        q.broker_epoch = self == nullptr ? -1 : self->epoch;
        FL_TRY(const auto block, ask_controller<wire::AllocateProducerIdsResponse>(*this, q));
        const std::int64_t start = block.producer_id_start;
        const bool some =
            block.producer_id_len > 0 && start >= 0 && start <= INT64_MAX - block.producer_id_len;
        if (block.error_code != KafkaError::none || !some)
            return Error{Errc::busy, 0, "shard.producer_ids"};
        id_next_ = start;
        id_end_ = start + block.producer_id_len;
    }
    FL_INVARIANT(42, id_next_ < id_end_);
    return id_next_++;
}

// --- the end
// -----------------------------------------------------------------------------------------

void Shard::end_connections() {
    ended_connections_ = true;
    connections_.request_stop();
}

void Shard::wait_connections_ended() { connections_.join(); }

void Shard::stop_accepting() {
    accepting_.request_stop();
    accepting_.join();
    end_connections();
    returned_.request_stop();
}

void Shard::close_clients() {
    stop_accepting();
    connections_.join();
    returned_.join();
    listeners_.clear();
}

Result<void> Shard::stop(std::int64_t broker_epoch) {
    controller_connections_.request_stop();
    close_clients();
    controller_connections_.join();
    controller_listener_.reset();
    hand_over_.close();
    for (const auto& [node, fetcher] : fetchers_) fetcher->stop();
    background_.request_stop();
    background_.join();
    if (logs_ == nullptr) return {};
    return logs_->close(broker_epoch);
}
}  // namespace faultline::broker
