#include "core/broker/controller.h"

#include "core/base/assert.h"
#include "core/logic/controller/create_partitions.h"
#include "core/logic/controller/elections.h"
#include "core/wire/error_map.h"

namespace faultline::broker {
namespace {
constexpr std::int64_t kIdBlock = 1000;  // as many as Kafka allocates at once
}

Controller::Controller(Env& env, SharedRef shared)
    : env_(env), shared_(std::move(shared)), log_(env.clock) {
    shared_->controller = this;
}

Result<void> Controller::open(storage::LogManager& logs) {
    auto removed = std::make_shared<std::set<Uuid>>();
    FL_CHECK(log_.open(logs, image_, *removed));
    removed_ = std::move(removed);
    image_.cluster_id = to_string(logs.cluster_id());
    image_.controller = shared_->config.node;
    id_next_ = id_end_ = image_.next_producer_id;
    return {};
}

Result<void> Controller::begin_epochs() {
    const auto done = commit(logic::lead_anew(image_, shared_->config.node));
    image_.epochs_begun = done.ok();
    if (done.ok() || done.code() != Errc::no_space) return done;
    env_.probe.reached(probe::Site::epochs_wait_for_space);
    env_.log.warn("no space for the metadata log: partitions are served, but take no records");
    return {};
}

void Controller::retry_epochs() {
    if (image_.epochs_begun) return;
    const auto guard = deciding_.lock();
    if (image_.epochs_begun || !begin_epochs().ok() || !image_.epochs_begun) return;
    publish();
}

void Controller::set_broker(model::BrokerImage broker) { image_.brokers = {std::move(broker)}; }

void Controller::publish() {
    struct Gather {
        unsigned left;
        fiber::Waiter* waiter;
    };
    const Snapshot<model::MetadataImage> snapshot(image_, ++version_);
    fiber::Waiter waiter;
    auto gather = std::make_shared<Gather>(Gather{env_.shards.count() - 1, &waiter});
    for (unsigned i = 1; i < env_.shards.count(); ++i) {
        const auto posted = env_.shards.post(
            ShardId{static_cast<std::uint16_t>(i)}, [shared = shared_, snapshot, gather](Env& env) {
                shared->at(env).apply(snapshot);
                (void)env.shards.post(ShardId{0}, [gather](Env&) {  // going down: nobody waits
                    if (--gather->left == 0 && gather->waiter != nullptr) gather->waiter->wake();
                });
            });
        if (!posted.ok()) --gather->left;
    }
    shared_->shards[0]->apply(snapshot);
    if (gather->left > 0) waiter.park(Deadline::never(), {});
    gather->waiter = nullptr;
}

Result<void> Controller::commit(const std::vector<model::MetadataRecord>& records) {
    if (records.empty()) return {};
    FL_CHECK(log_.commit(records));
    for (const auto& record : records) image_.apply(record);
    return {};
}

Result<wire::CreateTopicsResponse> Controller::create_topics(
    const wire::CreateTopicsRequest& request) {
    const auto guard = deciding_.lock();
    const logic::TopicDefaults defaults{shared_->config.num_partitions,
                                        shared_->config.tiny_segments};
    auto decision = logic::create_topics(image_, request, defaults, env_.rng);
    if (decision.records.empty()) return std::move(decision.response);
    if (const auto done = commit(decision.records); !done.ok()) {
        for (auto& topic : decision.response.topics) {
            if (topic.error_code == wire::KafkaError::none)
                topic.error_code = wire::to_kafka_error(done.code());
        }
        return std::move(decision.response);
    }
    publish();
    return std::move(decision.response);
}

Result<wire::DeleteTopicsResponse> Controller::delete_topics(
    const wire::DeleteTopicsRequest& request) {
    const auto guard = deciding_.lock();
    auto decision = logic::delete_topics(image_, request);
    if (!shared_->config.delete_topics) {
        for (auto& r : decision.response.responses)
            r.error_code = wire::KafkaError::topic_deletion_disabled;
        return std::move(decision.response);
    }
    if (decision.records.empty()) return std::move(decision.response);
    if (const auto done = commit(decision.records); !done.ok()) {
        for (auto& r : decision.response.responses) {
            if (r.error_code == wire::KafkaError::none)
                r.error_code = wire::to_kafka_error(done.code());
        }
        return std::move(decision.response);
    }
    publish();
    return std::move(decision.response);
}

Result<wire::CreatePartitionsResponse> Controller::create_partitions(
    const wire::CreatePartitionsRequest& request) {
    const auto guard = deciding_.lock();
    auto decision = logic::create_partitions(image_, request);
    if (decision.records.empty()) return std::move(decision.response);
    if (const auto done = commit(decision.records); !done.ok()) {
        for (auto& r : decision.response.results) {
            if (r.error_code == wire::KafkaError::none)
                r.error_code = wire::to_kafka_error(done.code());
        }
        return std::move(decision.response);
    }
    publish();
    return std::move(decision.response);
}

Result<std::int64_t> Controller::next_producer_id() {
    const auto guard = deciding_.lock();
    if (id_next_ == id_end_) {
        env_.probe.reached(probe::Site::producer_ids_reserved);
        wire::ProducerIdsRecord record;
        record.broker_id = shared_->config.node.v;
        record.next_producer_id = image_.next_producer_id + kIdBlock;
        FL_CHECK(commit({record}));
        id_next_ = record.next_producer_id - kIdBlock;
        id_end_ = record.next_producer_id;
    }
    FL_INVARIANT(42, id_next_ < id_end_ && id_end_ <= image_.next_producer_id);
    return id_next_++;
}
}  // namespace faultline::broker
