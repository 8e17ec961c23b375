// INV-84 producer-order: in a partition's log the records of one producer stand in the order in
// which it sent them, and once. Without idempotence a retry may write a record again; a record that
// stands there for the first time must still not come after a later one, unless more than one batch
// may be under way. With acks=0 neither holds.
#include <set>

#include <fmt/format.h>

#include "sim/oracle/oracle.h"

namespace faultline::sim {
namespace {

class ProducerOrder final : public Oracle {
public:
    ProducerOrder(Judge& judge, const Cast& cast)
        : Oracle(judge, 84, "producer-order"), cast_(cast) {}

    void on_probe(MonoTime at, NodeId, const probe::Event& event) override {
        const auto* d = std::get_if<probe::RecordDelivered>(&event);
        // The auditor reads whole logs, once, when they no longer change.
        if (d == nullptr || d->consumer != cast_.auditor()) return;
        if (d->client < 0 || std::cmp_greater_equal(d->client, cast_.producers.size())) return;
        Seen& seen = seen_[{d->partition, d->client}];
        ++premises_;
        if (d->record > seen.last) {
            seen.last = d->record;
            seen.last_offset = d->at.v;
            seen.all.insert(d->record);
            return;
        }
        const bool again = seen.all.contains(d->record);
        const ProducerSpec& p = cast_.producers[static_cast<std::size_t>(d->client)];
        // Nobody tells such a producer that its connection was cut: what the old one still holds
        // may arrive behind what the next one brings.
        if (p.acks == Acks::none) return;
        if (!p.idempotence && (again || p.most_in_flight() > 1)) return;
        violate(at, fmt::format("record {} of {} stands at offset {} of {}, but record {} already "
                                "stood before it at offset {}{}",
                                d->record, p.id, d->at.v, partition_name(d->partition), seen.last,
                                seen.last_offset, again ? ", and this one too" : ""));
    }

private:
    struct Seen {
        std::int64_t last = -1, last_offset = -1;
        std::set<std::int64_t> all;
    };
    const Cast& cast_;
    std::map<std::pair<probe::PartitionKey, std::int32_t>, Seen> seen_;
};
}  // namespace

std::unique_ptr<Oracle> make_producer_order(Judge& judge, const Cast& cast) {
    return std::make_unique<ProducerOrder>(judge, cast);
}
}  // namespace faultline::sim
