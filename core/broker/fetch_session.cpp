#include "core/broker/fetch_session.h"

#include <algorithm>
#include <utility>

namespace faultline {
template <>
inline constexpr bool crosses_shards<logic::FetchPlan> = true;
template <>
inline constexpr bool crosses_shards<logic::FetchVerdict> = true;
}  // namespace faultline

namespace faultline::broker {
namespace {
using logic::FetchFound;
using logic::FetchPlan;
using logic::FetchVerdict;

// An id says which shard made it.
ShardId keeper_of(Shard& shard, std::int32_t session) {
    if (session <= 0) return shard.env().shard;
    return ShardId{
        static_cast<std::uint16_t>(static_cast<unsigned>(session) % shard.env().shards.count())};
}

std::vector<FetchFound> found_in(const wire::FetchResponse& response, bool by_id) {
    std::vector<FetchFound> found;
    for (const auto& topic : response.responses) {
        for (const auto& p : topic.partitions) {
            FetchFound f;
            f.key = {by_id ? std::string() : topic.topic, by_id ? topic.topic_id : Uuid{},
                     p.partition_index};
            f.error = p.error_code;
            f.high_watermark = p.high_watermark;
            f.log_start = p.log_start_offset;
            f.bytes = p.records.size();
            f.must_tell = p.diverging_epoch.end_offset >= 0 || p.preferred_read_replica >= 0;
            found.push_back(std::move(f));
        }
    }
    return found;
}

FetchVerdict ask(Shard& shard, const FetchPlan& plan, std::vector<FetchFound> found) {
    const ShardId keeper = keeper_of(shard, plan.session);
    Env& env = shard.env();
    if (keeper == env.shard)
        return shard.fetch_sessions().finish(plan, found, env.clock.now(), env.rng);
    auto verdict =
        env.shards.call(keeper, env.clock.in(30s),
                        [shared = shard.shared(), plan, found = std::move(found)](Env& there) {
                            return shared->at(there).fetch_sessions().finish(
                                plan, found, there.clock.now(), there.rng);
                        });
    if (verdict.ok()) return *std::move(verdict);
    return {.error = wire::KafkaError::fetch_session_id_not_found, .told = {}};
}
}  // namespace

FetchPlan begin_fetch(Shard& shard, wire::FetchRequest& request, bool by_id) {
    Env& env = shard.env();
    FetchPlan plan;
    if (const ShardId keeper = keeper_of(shard, request.session_id); keeper != env.shard) {
        auto there = env.shards.call(
            keeper, env.clock.in(30s), [shared = shard.shared(), request, by_id](Env& e) mutable {
                return shared->at(e).fetch_sessions().begin(request, by_id, e.clock.now());
            });
        plan = there.ok() ? *std::move(there)
                          : FetchPlan{.kind = FetchPlan::Kind::refused,
                                      .error = wire::KafkaError::fetch_session_id_not_found,
                                      .topics = {}};
        request.session_id = 0;  // when it was to end, it has
        if (logic::is_full_fetch(request)) plan = {};
    }
    if (plan.kind == FetchPlan::Kind::undecided)
        plan = shard.fetch_sessions().begin(request, by_id, env.clock.now());
    // Only a session that may begin has to know later what was asked.
    if (plan.kind == FetchPlan::Kind::full) {
        request.topics = plan.topics;
    } else {
        request.topics = std::exchange(plan.topics, {});
    }
    return plan;
}

void finish_fetch(Shard& shard, const FetchPlan& plan, wire::FetchResponse& response) {
    if (plan.kind == FetchPlan::Kind::sessionless) return;
    const FetchVerdict verdict = ask(shard, plan, found_in(response, plan.by_id));
    response.error_code = verdict.error;
    response.session_id = verdict.session;
    if (verdict.error != wire::KafkaError::none) response.responses.clear();
    if (verdict.everything) return;
    std::size_t i = 0;
    for (auto& topic : response.responses) {
        decltype(topic.partitions) told;
        for (auto& p : topic.partitions) {
            if (verdict.told[i++]) told.push_back(std::move(p));
        }
        topic.partitions = std::move(told);
    }
    std::erase_if(response.responses, [](const auto& topic) { return topic.partitions.empty(); });
}
}  // namespace faultline::broker
