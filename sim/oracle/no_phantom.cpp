// INV-83 no-phantom: a delivered record was sent by the producer it names, to that partition.
#include <deque>

#include <fmt/format.h>

#include "sim/oracle/oracle.h"

namespace faultline::sim {
namespace {

class NoPhantom final : public Oracle {
public:
    NoPhantom(Judge& judge, const Cast& cast) : Oracle(judge, 83, "no-phantom"), cast_(cast) {}

    void on_probe(MonoTime at, NodeId, const probe::Event& event) override {
        if (const auto* s = std::get_if<probe::ProduceSent>(&event)) {
            Sent& sent = sent_[s->client];
            for (std::int64_t i = s->first_record; i < s->first_record + s->count; ++i)
                sent.set(i, s->partition);
        } else if (const auto* a = std::get_if<probe::ProduceAcked>(&event)) {
            if (a->first.v < 0) return;
            acked_[a->partition].push_back(
                {a->first.v + a->count, a->client, a->first_record, a->count});
        } else if (const auto* m = std::get_if<probe::LogStartMoved>(&event)) {
            forget(acked_[m->partition], m->from.v);
        } else if (const auto* d = std::get_if<probe::RecordDelivered>(&event)) {
            delivered(at, *d);
        }
    }

private:
    static constexpr probe::PartitionKey kNowhere = UINT32_MAX, kForgotten = UINT32_MAX - 1;

    // Where the records of one client went, from number `base` on; those before are forgotten.
    struct Sent {
        std::int64_t base = 0;
        std::deque<probe::PartitionKey> to;

        void set(std::int64_t record, probe::PartitionKey partition) {
            if (record < base) return;
            const auto i = static_cast<std::size_t>(record - base);
            if (i >= to.size()) to.resize(i + 1, kNowhere);
            to[i] = partition;
        }
        probe::PartitionKey get(std::int64_t record) const {
            const bool inside = record >= base && std::cmp_less(record - base, to.size());
            return inside ? to[static_cast<std::size_t>(record - base)] : kNowhere;
        }
    };
    struct Acked {
        std::int64_t end;  // offset after the last
        std::int32_t client;
        std::int64_t first_record;
        std::int32_t count;
    };

    // What retention took, one step behind: answers under way may bring what is deleted now. A
    // record that was never acknowledged holds those after it.
    void forget(std::deque<Acked>& acked, std::int64_t start) {
        for (; !acked.empty() && acked.front().end <= start; acked.pop_front()) {
            const Acked& a = acked.front();
            Sent& sent = sent_[a.client];
            for (std::int64_t i = a.first_record; i < a.first_record + a.count; ++i)
                sent.set(i, kForgotten);
            while (!sent.to.empty() && sent.to.front() == kForgotten) {
                sent.to.pop_front();
                ++sent.base;
            }
        }
    }

    void delivered(MonoTime at, const probe::RecordDelivered& d) {
        ++premises_;
        const auto it = sent_.find(d.client);
        if (it != sent_.end() && d.record >= 0 && d.record < it->second.base) return;
        const probe::PartitionKey to = it == sent_.end() ? kNowhere : it->second.get(d.record);
        if (to == kForgotten) return;
        const bool known = to != kNowhere;
        if (!known) {
            return violate(at, fmt::format("{} got record {} of client {} at offset {} of {}, but "
                                           "nobody sent it",
                                           cast_.consumer_name(d.consumer), d.record, d.client,
                                           d.at.v, partition_name(d.partition)));
        }
        if (to == d.partition) return;
        violate(at,
                fmt::format("{} sent record {} to {}, but {} got it from {} at offset {}",
                            cast_.producer_name(d.client), d.record, partition_name(to),
                            cast_.consumer_name(d.consumer), partition_name(d.partition), d.at.v));
    }

    const Cast& cast_;
    std::map<std::int32_t, Sent> sent_;
    std::map<probe::PartitionKey, std::deque<Acked>> acked_;
};
}  // namespace

std::unique_ptr<Oracle> make_no_phantom(Judge& judge, const Cast& cast) {
    return std::make_unique<NoPhantom>(judge, cast);
}
}  // namespace faultline::sim
