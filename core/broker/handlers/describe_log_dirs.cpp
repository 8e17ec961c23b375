// DescribeLogDirs (KIP-113, KIP-827): how much each partition takes in each log directory. What is
// asked for and not here is left out, as Kafka does; the metadata log is no partition of a topic.
#include <map>
#include <set>

#include "core/broker/handlers/respond.h"
#include "core/broker/scatter.h"
#include "core/controller/quorum_log.h"
#include "core/wire/error_map.h"
#include "gen/wire/describe_log_dirs_request.h"
#include "gen/wire/describe_log_dirs_response.h"

namespace faultline::broker {
namespace {
using wire::DescribeLogDirsRequest;
using wire::DescribeLogDirsResponse;
using wire::KafkaError;
using Dir = DescribeLogDirsResponse::DescribeLogDirsResult;

// The logs of one shard, by directory.
std::vector<LogDirShare> shares(Shard& shard) {
    const std::size_t dirs = shard.config().log_dirs.size();
    std::vector<LogDirShare> out(dirs);
    for (std::uint32_t i = 0; i < dirs; ++i) out[i].failed = shard.logs().dir(i).failed();
    for (const TopicPartition& tp : shard.logs().partitions()) {
        if (tp.topic == controller::kMetadataTopic) continue;
        const storage::LogRef log = shard.logs().find(tp);
        KafkaError error = KafkaError::none;
        const auto partition = shard.find(tp, error);
        const std::int64_t lag =
            partition == nullptr ? 0 : partition->high_watermark() - log->log_end();
        out[log->dir()->index()].logs.push_back(
            {tp, log->stats().bytes, std::max<std::int64_t>(lag, 0)});
    }
    return out;
}

// Which partitions are told: those of the request, or all.
struct Wanted {
    explicit Wanted(const DescribeLogDirsRequest& request) : all(!request.topics) {
        if (all) return;
        for (const auto& t : *request.topics) {
            for (const std::int32_t p : t.partitions) named.insert({t.topic, PartitionIndex{p}});
        }
    }
    bool has(const TopicPartition& tp) const { return all || named.contains(tp); }
    bool all;
    std::set<TopicPartition> named;
};

void tell_logs(const std::map<TopicPartition, LogDirShare::Log>& logs, Dir& dir) {
    for (const auto& [tp, log] : logs) {
        if (dir.topics.empty() || dir.topics.back().name != tp.topic)
            dir.topics.emplace_back().name = tp.topic;
        dir.topics.back().partitions.push_back(
            {tp.index.v, static_cast<std::int64_t>(log.bytes), log.lag, false, {}});
    }
}

// Parks: asks the disk.
Dir describe(Shard& shard, std::uint32_t index,
             const std::vector<std::vector<LogDirShare>>& by_shard, const Wanted& wanted) {
    Dir dir;
    dir.log_dir = shard.config().log_dirs[index];
    std::map<TopicPartition, LogDirShare::Log> logs;
    bool failed = false;
    for (const auto& share : by_shard) {
        failed = failed || share[index].failed;
        for (const auto& log : share[index].logs) {
            if (wanted.has(log.partition)) logs.emplace(log.partition, log);
        }
    }
    const auto usage = shard.env().disk.usage(dir.log_dir);
    if (failed || !usage.ok()) {
        dir.error_code = KafkaError::kafka_storage_error;
        return dir;
    }
    dir.total_bytes = static_cast<std::int64_t>(usage->total);
    dir.usable_bytes = static_cast<std::int64_t>(usage->free);
    tell_logs(logs, dir);
    return dir;
}
}  // namespace

bool handle_describe_log_dirs(Context& context, rpc::Request& r, rpc::Responder& responder) {
    DescribeLogDirsRequest request;
    if (!decode(r, request)) return false;
    Shard& shard = context.shard;
    DescribeLogDirsResponse response;
    const auto by_shard =
        on_each_shard<std::vector<LogDirShare>>(shard, shard.env().clock.in(30s), shares);
    if (by_shard.ok()) {
        const Wanted wanted(request);
        for (std::uint32_t i = 0; i < shard.config().log_dirs.size(); ++i)
            response.results.push_back(describe(shard, i, *by_shard, wanted));
    } else {
        response.error_code = wire::to_kafka_error(by_shard.code());
    }
    respond(responder, r, response);
    return true;
}
}  // namespace faultline::broker
