// Fetch: long polls, answers out of files. Sessions (KIP-227): core/broker/fetch_session.
#include <algorithm>

#include "core/broker/fetch_session.h"
#include "core/broker/handlers/current_leader.h"
#include "core/broker/handlers/respond.h"
#include "gen/wire/fetch_request.h"
#include "gen/wire/fetch_response.h"

namespace faultline::broker {
namespace {
using wire::FetchRequest;
using wire::FetchResponse;
using wire::KafkaError;

struct Poll {
    FetchResponse response;
    std::vector<FetchPart> parts;
    std::vector<std::pair<std::size_t, std::size_t>> places;
    Deadline deadline;
    std::uint64_t min_bytes = 0, max_bytes = 0;
    bool unknown = false;         // some partition is not here
    bool committed_only = false;  // isolation level read_committed
};

// `reads_followers`: the client knows that another replica than the leader may answer it.
void take_parts(const FetchRequest& request, const model::MetadataImage& image, bool by_id,
                bool reads_followers, Poll& poll) {
    const std::int32_t replica = request.replica_state.replica_id >= 0
                                     ? request.replica_state.replica_id
                                     : request.replica_id;
    for (const auto& topic : request.topics) {
        FetchResponse::FetchableTopicResponse out;
        out.topic = topic.topic;
        out.topic_id = topic.topic_id;
        const model::TopicImage* known =
            by_id ? image.find(topic.topic_id) : image.find(topic.topic);
        for (const auto& p : topic.partitions) {
            FetchResponse::PartitionData data;
            data.partition_index = p.partition;
            data.high_watermark = -1;
            data.records = IoBuf{};
            if (known == nullptr || p.partition < 0 ||
                std::cmp_greater_equal(p.partition, known->partitions.size())) {
                data.error_code = known == nullptr && by_id
                                      ? KafkaError::unknown_topic_id
                                      : KafkaError::unknown_topic_or_partition;
                poll.unknown = true;
            } else {
                poll.places.emplace_back(poll.response.responses.size(), out.partitions.size());
                poll.parts.push_back(
                    {{known->name, PartitionIndex{p.partition}},
                     p.fetch_offset,
                     std::max(p.current_leader_epoch, -1),  // a negative one is none (FetchRequest)
                     static_cast<std::uint64_t>(std::max(p.partition_max_bytes, 0)),
                     replica,
                     request.replica_state.replica_epoch,
                     p.last_fetched_epoch,
                     p.log_start_offset,
                     p.high_watermark,
                     reads_followers && replica < 0 ? request.rack_id : std::string(),
                     !reads_followers});
            }
            out.partitions.push_back(std::move(data));
        }
        poll.response.responses.push_back(std::move(out));
    }
}

// One look at every partition; the bytes that were found.
std::uint64_t look(Shard& shard, Poll& poll, Holes& holes, bool& errors) {
    const auto answers = shard.fetch(poll.parts, poll.max_bytes, shard.env().clock.in(30s));
    holes.assign(answers.size(), {});
    std::uint64_t bytes = 0;
    for (std::size_t i = 0; i < answers.size(); ++i) {
        const auto [topic, partition] = poll.places[i];
        auto& data = poll.response.responses[topic].partitions[partition];
        const FetchAnswer& a = answers[i];
        data.error_code = a.error;
        data.high_watermark = a.high_watermark;
        data.last_stable_offset = a.high_watermark;
        data.log_start_offset = a.log_start;
        if (a.diverging_epoch >= 0) {
            data.diverging_epoch.epoch = a.diverging_epoch;
            data.diverging_epoch.end_offset = a.diverging_end;
        }
        data.preferred_read_replica = a.preferred;
        // An empty list, as Kafka, where only committed records are asked for.
        if (!poll.committed_only) data.aborted_transactions.reset();
        errors = errors || a.error != KafkaError::none || a.diverging_epoch >= 0 ||
                 a.preferred >= 0 || a.news;
        bytes += a.bytes;
        if (a.bytes == 0) {
            data.records = IoBuf{};
        } else {
            data.records = wire::External{i, static_cast<std::uint32_t>(a.bytes)};
            holes[i] = a.slices;
        }
    }
    return bytes;
}

void tell_leaders(Shard& shard, wire::Version version, FetchResponse& response) {
    if (version.v < 12) return;
    const auto image = shard.image();
    for (auto& topic : response.responses) {
        const model::TopicImage* known =
            version.v >= 13 ? image->find(topic.topic_id) : image->find(topic.topic);
        for (auto& p : topic.partitions)
            tell_leader(*image, known, p.partition_index, response, p, version.v >= 16,
                        shard.env().node);
    }
}

Holes poll_until_ready(Shard& shard, Poll& poll, fiber::StopToken stop) {
    Holes holes;
    const probe::Probe& probe = shard.env().probe;
    for (bool woken = false;; woken = true) {
        const std::uint64_t seen = shard.data_version();
        // As Kafka: partitions that are unknown do not end a wait for others.
        bool errors = poll.parts.empty();
        const std::uint64_t bytes = look(shard, poll, holes, errors);
        if (errors || bytes >= poll.min_bytes) {
            if (woken && !errors) probe.reached(probe::Site::fetch_woken_by_data);
            return holes;
        }
        if (probe.perturb(probe::Site::fetch_long_poll_expired))
            poll.deadline = shard.env().clock.in(1ms);
        if (!shard.wait_for_data(seen, poll.deadline, stop).ok()) {
            probe.reached(probe::Site::fetch_long_poll_expired);
            return holes;
        }
    }
}
}  // namespace

bool handle_fetch(Context& context, rpc::Request& r, rpc::Responder& responder) {
    FetchRequest request;
    if (!decode(r, request)) return false;
    Poll poll;
    Shard& shard = context.shard;
    const bool by_id = r.version.v >= 13;
    auto session = begin_fetch(shard, request, by_id);
    if (session.kind == logic::FetchPlan::Kind::refused) {
        poll.response.error_code = session.error;
        respond(responder, r, poll.response);
        return true;
    }
    constexpr std::int16_t kWithRack = 11;
    take_parts(request, *shard.image(), by_id, r.version.v >= kWithRack, poll);
    if (poll.unknown) shard.env().probe.reached(probe::Site::fetch_partition_unknown);
    poll.deadline =
        shard.env().clock.in(std::chrono::milliseconds(std::max(request.max_wait_ms, 0)));
    poll.committed_only = request.isolation_level == 1;
    poll.min_bytes = static_cast<std::uint64_t>(std::max(request.min_bytes, 0));
    poll.max_bytes = static_cast<std::uint64_t>(
        std::clamp(request.max_bytes, 0, shard.config().fetch_max_bytes));
    context.fibers.spawn(
        {.name = "fetch"}, [&shard, poll = std::move(poll), session = std::move(session),
                            api = r.api, version = r.version, correlation = r.correlation,
                            responder](fiber::StopToken stop) mutable {
            Holes holes = poll_until_ready(shard, poll, stop);
            tell_leaders(shard, version, poll.response);
            finish_fetch(shard, session, poll.response);
            respond(responder, api, version, correlation, poll.response, std::move(holes));
        });
    return true;
}
}  // namespace faultline::broker
