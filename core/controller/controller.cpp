#include "core/controller/controller.h"

#include "core/base/assert.h"
#include "core/controller/describe_quorum.h"
#include "core/controller/leases.h"
#include "core/logic/controller/create_partitions.h"
#include "core/logic/controller/features.h"
#include "core/model/broker_bits.h"
#include "core/model/image_records.h"

namespace faultline::controller {
namespace {
constexpr std::int32_t kIdBlock = 1000;       // as many producer ids as Kafka gives at once
constexpr std::size_t kMostElections = 1000;  // of one round of balancing, as Kafka
}  // namespace

Controller::Controller(Env& env, ControllerConfig config, ControllerEvents& events)
    : env_(env),
      config_(std::move(config)),
      events_(events),
      quorum_(env, config_.quorum, *this),
      topic_defaults_(config_.defaults.config),
      fibers_(env.fibers) {
    image_.cluster_id = config_.quorum.cluster_id;
}

Result<void> Controller::open(storage::LogManager& logs) { return quorum_.open(logs); }

void Controller::start() {
    fibers_.spawn({.name = "controller"}, [this](fiber::StopToken stop) { reign(stop); });
    quorum_.start();
}

void Controller::stop() {
    quorum_.stop();
    fibers_.request_stop();
    fibers_.join();
}

// --- the image
// ------------------------------------------------------------------------------------

void Controller::committed(const MetadataBatch& batch) {
    image_.applied = batch.end;
    Offset at = batch.base;
    for (const auto& record : batch.records) {
        image_.apply(record, &changes_);
        // Also what is left of the reign before: nobody else may have told of it.
        if (quorum_.raft().leads()) tell(record, at);
        ++at.v;
        if (const auto* gone = std::get_if<wire::RemoveTopicRecord>(&record))
            removed_.insert(gone->topic_id);
        if (std::holds_alternative<wire::ConfigRecord>(record))
            topic_defaults_ =
                model::with_broker_keys(config_.defaults.config, image_.broker_defaults);
    }
}

void Controller::tell(const model::MetadataRecord& record, Offset at) const {
    if (const auto* b = std::get_if<wire::RegisterBrokerRecord>(&record)) {
        env_.probe.emit([&] {
            return probe::RegistrationCommitted{NodeId{b->broker_id}, b->broker_epoch, at};
        });
    } else if (const auto* f = std::get_if<wire::BrokerRegistrationChangeRecord>(&record)) {
        if (f->fenced == 0) return;
        env_.probe.emit([&] {
            return probe::BrokerFenced{NodeId{f->broker_id}, f->broker_epoch, f->fenced > 0};
        });
    } else if (const auto* c = std::get_if<wire::PartitionChangeRecord>(&record); c && c->isr) {
        const model::TopicImage* topic = image_.find(c->topic_id);
        if (topic == nullptr || c->partition_id < 0 ||
            std::cmp_greater_equal(c->partition_id, topic->partitions.size()))
            return;
        const auto& p = topic->partitions[static_cast<std::size_t>(c->partition_id)];
        env_.probe.emit([&] {
            const auto key = env_.probe.intern(topic->name, PartitionIndex{c->partition_id});
            return probe::IsrCommitted{key, p.leader_epoch, p.partition_epoch,
                                       model::broker_bits(p.isr), at};
        });
    }
}

void Controller::loaded(const MetadataSnapshot& snapshot) {
    model::MetadataImage fresh = model::image_of(snapshot.records, snapshot.id.end);
    fresh.cluster_id = image_.cluster_id;
    fresh.controller = image_.controller;
    for (const auto& [name, topic] : image_.topics) {
        changes_.topics.insert(name);
        if (fresh.find(topic->id) == nullptr) removed_.insert(topic->id);
    }
    for (const auto& [name, topic] : fresh.topics) changes_.topics.insert(name);
    for (const auto* brokers : {&image_.brokers, &fresh.brokers}) {
        for (const model::BrokerImage& b : *brokers) changes_.brokers.insert(b.id);
    }
    from_snapshot_ = from_snapshot_ || snapshot.id.end > Offset{0};
    image_ = std::move(fresh);
    topic_defaults_ = model::with_broker_keys(config_.defaults.config, image_.broker_defaults);
}

model::MetadataImage Controller::told_image() const {
    model::MetadataImage told = image_;
    if (quorum_.raft().voters().current().in_log())
        told.features[std::string(logic::kKraftVersion)] = 1;
    return told;
}

void Controller::caught_up(Offset end) {
    image_.controller = quorum_.leader().value_or(NodeId{-1});
    if (sessions_ != nullptr) sessions_->follow(image_);
    // Also without changes: brokers tell the controller how far they are.
    const auto changes = std::exchange(changes_, {});
    events_.publish(ImageRef(told_image(), ++version_), changes);
    env_.probe.emit([&] { return probe::MetadataApplied{end, image_.digest().lo}; });
}

// --- reigns
// ---------------------------------------------------------------------------------------

void Controller::leads(std::optional<Epoch> epoch) {
    reign_ = epoch;
    if (!epoch) events_.deposed();
    reign_changed_.notify_all();
}

void Controller::reign(fiber::StopToken stop) {
    // A node whose metadata log failed stops while it still counts as the leader: nothing parks
    // then.
    while (!stop.stop_requested() &&
           reign_changed_.wait(Deadline::never(), stop, [&] { return active(); }).ok()) {
        const Epoch epoch = *reign_;
        fiber::Group fibers(env_.fibers);
        begin_reign(fibers);
        (void)reign_changed_.wait(Deadline::never(), stop, [&] { return reign_ != epoch; });
        fibers.request_stop();
        fibers.join();
        sessions_.reset();
    }
}

void Controller::begin_reign(fiber::Group& fibers) {
    env_.log.info("this node is the active controller of epoch {}", reign_->v);
    env_.probe.emit([&] { return probe::ControllerActive{*reign_}; });
    sessions_ = std::make_unique<BrokerSessions>(
        env_, config_.quorum.node, config_.session, fibers,
        [this](NodeId broker, std::int64_t broker_epoch) { fence(broker, broker_epoch); });
    sessions_->follow(image_);
    // Who led in the epoch before has not been heard of for a fetch time-out, or runs no more, or
    // has said that it leads no more, and to its own broker first; who led before may be well.
    const auto deposed = quorum_.raft().deposed();
    if (deposed && *deposed != config_.quorum.node)
        sessions_->suspect(*deposed,
                           successor_waits(config_.session, config_.quorum.raft.fetch_timeout));
    fibers.spawn({.name = "first records"}, [this](fiber::StopToken) {
        (void)decide([](const model::MetadataImage& image) {  // the next reign does it, if not this
            logic::Decision<bool> d;
            if (!image.features.contains("metadata.version")) d.records = logic::first_features();
            return d;
        });
    });
    if (config_.balance_leaders)
        fibers.spawn({.name = "leader balance"}, [this](fiber::StopToken stop) { balance(stop); });
}

MonoTime Controller::own_lease() const {
    if (!active()) return {};
    return own_word_lease(quorum_.raft().majority_until(), config_.session,
                          config_.quorum.raft.fetch_timeout);
}

void Controller::fence(NodeId broker, std::int64_t epoch) {
    const auto done = decide([&](const model::MetadataImage& image) {
        logic::Decision<bool> d;
        const model::BrokerImage* b = image.broker(broker);
        // It may have shown that it lives while this waited for its turn.
        const bool over = sessions_ != nullptr && sessions_->over(broker, epoch);
        if (b != nullptr && b->epoch == epoch && over)
            d.records = logic::fence_broker(image, broker, topic_defaults());
        d.response = !d.records.empty();
        return d;
    });
    if (!done.ok() || !*done) return;
    env_.log.info("broker {} is fenced", broker.v);
}

void Controller::balance(fiber::StopToken stop) {
    while (env_.fibers.sleep_until(env_.clock.in(config_.balance_every), stop) ==
           fiber::Wake::timed_out) {
        (void)decide([&](const model::MetadataImage& image) {  // else in the next round
            logic::Decision<bool> d;
            d.records = logic::balance_leaders(image, topic_defaults(), config_.balance_percent,
                                               kMostElections);
            return d;
        });
    }
}

// --- decisions
// ------------------------------------------------------------------------------------

Result<wire::BrokerRegistrationResponse> Controller::serve(
    const wire::BrokerRegistrationRequest& request) {
    return decide([&](const model::MetadataImage& image) {
        const model::BrokerImage* known = image.broker(request.broker_id);
        const bool alive = known != nullptr && sessions_ != nullptr &&
                           known->id != config_.quorum.node &&
                           sessions_->alive(known->id, known->epoch);
        return logic::register_broker(image, request, quorum_.log_end().v, alive, topic_defaults());
    });
}

Result<wire::BrokerHeartbeatResponse> Controller::serve(
    const wire::BrokerHeartbeatRequest& request) {
    if (!active()) return Error{Errc::fenced, 0, "controller.not_active"};
    if (sessions_ != nullptr) sessions_->touch(NodeId{request.broker_id}, request.broker_epoch);
    // The answer lets the broker lead on. After this process stood still it may have a successor
    // that has fenced the broker: it is the first one that has to know.
    if (!quorum_.raft().has_majority(env_.clock.now()))
        return Error{Errc::fenced, 0, "controller.no_majority"};
    // Most heartbeats change nothing, and do not wait for their turn.
    auto quick = logic::heartbeat(image_, request, topic_defaults());
    const bool ending =
        sessions_ != nullptr && sessions_->ending(NodeId{request.broker_id}, request.broker_epoch);
    if (quick.records.empty() && !ending) return std::move(quick.response);
    return decide([&](const model::MetadataImage& image) {
        return logic::heartbeat(image, request, topic_defaults());
    });
}

Result<wire::AlterPartitionResponse> Controller::serve(const wire::AlterPartitionRequest& request) {
    return decide([&](const model::MetadataImage& image) {
        return logic::alter_partition(image, request, topic_defaults());
    });
}

Result<wire::CreateTopicsResponse> Controller::serve(const wire::CreateTopicsRequest& request) {
    return decide_for(request, [&](const model::MetadataImage& image) {
        return logic::create_topics(image, request, config_.defaults, env_.rng);
    });
}

Result<wire::DeleteTopicsResponse> Controller::serve(const wire::DeleteTopicsRequest& request) {
    return decide_for(request, [&](const model::MetadataImage& image) {
        auto d = logic::delete_topics(image, request);
        if (config_.delete_topics) return d;
        d.records.clear();
        for (auto& r : d.response.responses)
            r.error_code = wire::KafkaError::topic_deletion_disabled;
        return d;
    });
}

Result<wire::CreatePartitionsResponse> Controller::serve(
    const wire::CreatePartitionsRequest& request) {
    return decide_for(request, [&](const model::MetadataImage& image) {
        return logic::create_partitions(image, request);
    });
}

Result<wire::DescribeQuorumResponse> Controller::serve(const wire::DescribeQuorumRequest& request) {
    return describe_quorum(quorum_, request, env_.clock);
}

Result<wire::AllocateProducerIdsResponse> Controller::serve(
    const wire::AllocateProducerIdsRequest& request) {
    return decide([&](const model::MetadataImage& image) {
        logic::Decision<wire::AllocateProducerIdsResponse> d;
        const model::BrokerImage* b = image.broker(request.broker_id);
        if (b == nullptr || b->epoch != request.broker_epoch) {
            d.response.error_code = wire::KafkaError::stale_broker_epoch;
            return d;
        }
        wire::ProducerIdsRecord record;
        record.broker_id = request.broker_id;
        record.broker_epoch = request.broker_epoch;
        record.next_producer_id = image.next_producer_id + kIdBlock;
        d.response.producer_id_start = image.next_producer_id;
        d.response.producer_id_len = kIdBlock;
        d.records.emplace_back(record);
        return d;
    });
}

Result<wire::ElectLeadersResponse> Controller::serve(const wire::ElectLeadersRequest& request) {
    return decide_for(request, [&](const model::MetadataImage& image) {
        return logic::elect_leaders(image, request, topic_defaults());
    });
}

Result<wire::AlterPartitionReassignmentsResponse> Controller::serve(
    const wire::AlterPartitionReassignmentsRequest& request) {
    return decide_for(request, [&](const model::MetadataImage& image) {
        return logic::reassign(image, request, topic_defaults());
    });
}

Result<wire::ListPartitionReassignmentsResponse> Controller::serve(
    const wire::ListPartitionReassignmentsRequest& request) {
    if (!active()) return Error{Errc::fenced, 0, "controller.not_active"};
    return logic::list_reassignments(image_, request);
}

Result<wire::UnregisterBrokerResponse> Controller::serve(
    const wire::UnregisterBrokerRequest& request) {
    FL_TRY(const wire::KafkaError error, decide([&](const model::MetadataImage& image) {
               return logic::unregister_broker(image, NodeId{request.broker_id}, topic_defaults());
           }));
    wire::UnregisterBrokerResponse response;
    response.error_code = error;
    response.error_message.reset();
    if (error == wire::KafkaError::broker_id_not_registered)
        response.error_message =
            "Broker ID " + std::to_string(request.broker_id) + " is not currently registered";
    return response;
}

Result<wire::IncrementalAlterConfigsResponse> Controller::serve(
    const wire::IncrementalAlterConfigsRequest& request) {
    return decide_for(request, [&](const model::MetadataImage& image) {
        return logic::incremental_alter_configs(image, request, config_.defaults);
    });
}

Result<wire::AlterConfigsResponse> Controller::serve(const wire::AlterConfigsRequest& request) {
    return decide_for(request, [&](const model::MetadataImage& image) {
        return logic::alter_configs(image, request, config_.defaults);
    });
}
}  // namespace faultline::controller
