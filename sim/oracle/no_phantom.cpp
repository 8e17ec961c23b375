// INV-83 no-phantom: a delivered record was sent by the producer it names, to that partition.
#include <fmt/format.h>

#include "sim/oracle/oracle.h"

namespace faultline::sim {
namespace {

class NoPhantom final : public Oracle {
public:
    NoPhantom(Judge& judge, const Cast& cast) : Oracle(judge, 83, "no-phantom"), cast_(cast) {}

    void on_probe(MonoTime at, NodeId, const probe::Event& event) override {
        if (const auto* s = std::get_if<probe::ProduceSent>(&event)) {
            auto& sent = sent_[s->client];
            const auto end = static_cast<std::size_t>(s->first_record + s->count);
            if (sent.size() < end) sent.resize(end, kNowhere);
            for (std::size_t i = static_cast<std::size_t>(s->first_record); i < end; ++i) {
                sent[i] = s->partition;
            }
        } else if (const auto* d = std::get_if<probe::RecordDelivered>(&event)) {
            delivered(at, *d);
        }
    }

private:
    static constexpr probe::PartitionKey kNowhere = UINT32_MAX;

    void delivered(MonoTime at, const probe::RecordDelivered& d) {
        ++premises_;
        const auto it = sent_.find(d.client);
        const bool known = it != sent_.end() && d.record >= 0 &&
                           std::cmp_less(d.record, it->second.size()) &&
                           it->second[static_cast<std::size_t>(d.record)] != kNowhere;
        if (!known) {
            return violate(at, fmt::format("{} got record {} of client {} at offset {} of {}, but "
                                           "nobody sent it",
                                           cast_.consumer_name(d.consumer), d.record, d.client,
                                           d.at.v, partition_name(d.partition)));
        }
        const probe::PartitionKey to = it->second[static_cast<std::size_t>(d.record)];
        if (to == d.partition) return;
        violate(at,
                fmt::format("{} sent record {} to {}, but {} got it from {} at offset {}",
                            cast_.producer_name(d.client), d.record, partition_name(to),
                            cast_.consumer_name(d.consumer), partition_name(d.partition), d.at.v));
    }

    const Cast& cast_;
    std::map<std::int32_t, std::vector<probe::PartitionKey>> sent_;
};
}  // namespace

std::unique_ptr<Oracle> make_no_phantom(Judge& judge, const Cast& cast) {
    return std::make_unique<NoPhantom>(judge, cast);
}
}  // namespace faultline::sim
