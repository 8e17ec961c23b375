// INV-146 acked-survives: a record that was acknowledged with acks=all had been committed, and at
// the end the auditor finds it at its offset. What retention deleted is not asked for (INV-86), and
// where a leader lacked committed records within the contract, INV-140 counts them. A log that is
// reported as damaged everywhere gives nothing more.
#include <algorithm>

#include <fmt/format.h>

#include "core/base/text.h"
#include "sim/oracle/cluster_oracle.h"

namespace faultline::sim {
namespace {

class AckedSurvives final : public ClusterOracle {
public:
    AckedSurvives(Judge& judge, const Cast& cast, ClusterLogsRef logs)
        : ClusterOracle(judge, 146, "acked-survives", std::move(logs)), cast_(cast) {}

    void finish(MonoTime at) override {
        for (auto& [key, log] : logs_) {
            auto& p = *logs().find(key);
            if (logs().may_lose(p)) continue;
            std::int64_t deleted = 0;
            for (const auto& r : p.replicas) deleted = std::max(deleted, r.start);
            for (const Ack& ack : log.acks) {
                if (!audit(at, key, log, ack, deleted)) return;
            }
        }
    }

private:
    struct Ack {
        std::int64_t first_offset, first_record;
        std::int32_t count, client;
        MonoTime at;
        std::uint64_t number;  // of the event
    };
    struct Log {
        std::vector<Ack> acks;
        std::vector<std::pair<std::int32_t, std::int64_t>> audited;  // by offset
    };

    void look(MonoTime at, NodeId, const probe::Event& event) override {
        if (const auto* a = std::get_if<probe::ProduceAcked>(&event)) {
            acknowledged(at, *a);
        } else if (const auto* d = std::get_if<probe::RecordDelivered>(&event)) {
            if (d->consumer != cast_.auditor() || logs().find(d->partition) == nullptr) return;
            auto& audited = logs_[d->partition].audited;
            const auto i = static_cast<std::size_t>(d->at.v);
            if (i >= audited.size()) audited.resize(i + 1, {-1, -1});
            audited[i] = {d->client, d->record};
        }
    }

    void acknowledged(MonoTime at, const probe::ProduceAcked& a) {
        if (cast_.producers[static_cast<std::size_t>(a.client)].acks != Acks::all) return;
        auto* p = logs().find(a.partition);
        if (p == nullptr || a.first.v < 0 || a.count <= 0) return;
        ++premises_;
        logs_[a.partition].acks.push_back(
            {a.first.v, a.first_record, a.count, a.client, at, event_number()});
        const std::int64_t end = a.first.v + a.count;
        if (end <= p->committed_end || logs().may_lose(*p)) return;
        violate(at,
                fmt::format("record {} of {} was acknowledged at offset {} of {} with acks=all, "
                            "but leaders committed only what is below {}",
                            a.first_record + a.count - 1, cast_.producer_name(a.client), end - 1,
                            partition_name(a.partition), p->committed_end));
    }

    bool audit(MonoTime at, probe::PartitionKey key, const Log& log, const Ack& ack,
               std::int64_t deleted) {
        const std::int64_t end = ack.first_offset + ack.count;
        for (std::int64_t o = std::max(ack.first_offset, deleted); o < end; ++o) {
            ++premises_;
            const std::int64_t record = ack.first_record + (o - ack.first_offset);
            const auto i = static_cast<std::size_t>(o);
            const auto found =
                i < log.audited.size() ? log.audited[i] : std::pair{-1, std::int64_t{-1}};
            if (found == std::pair{ack.client, record}) continue;
            violate(at,
                    fmt::format("record {} of {} was acknowledged at offset {} of {} at {} with "
                                "acks=all, but at the end a reader finds {} there",
                                record, cast_.producer_name(ack.client), o, partition_name(key),
                                format_seconds(ack.at - MonoTime{}),
                                found.first < 0 ? std::string("nothing")
                                                : fmt::format("record {} of {}", found.second,
                                                              cast_.producer_name(found.first))),
                    ack.number);
            return false;
        }
        return true;
    }

    const Cast& cast_;
    std::map<probe::PartitionKey, Log> logs_;
};
}  // namespace

std::unique_ptr<Oracle> make_acked_survives(Judge& judge, const Cast& cast, ClusterLogsRef logs) {
    return std::make_unique<AckedSurvives>(judge, cast, std::move(logs));
}
}  // namespace faultline::sim
