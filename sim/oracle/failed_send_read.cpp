// INV-105 failed-send-read (G1a without transactions): nobody is given a record whose producer gave
// it up knowing that nothing was written. Judged from client events alone; the records of an
// aborted transaction are INV-102's.
#include <fmt/format.h>

#include "sim/oracle/oracle.h"

namespace faultline::sim {
namespace {

class FailedSendRead final : public Oracle {
public:
    FailedSendRead(Judge& judge, const Cast& cast)
        : Oracle(judge, 105, "failed-send-read"), cast_(cast) {}

    void on_probe(MonoTime at, NodeId, const probe::Event& event) override {
        if (const auto* f = std::get_if<probe::ProduceFailed>(&event)) {
            if (f->maybe_written) return;
            for (std::int32_t i = 0; i < f->count; ++i)
                failed_[{f->client, f->first_record + i}] = event_number();
        } else if (const auto* d = std::get_if<probe::RecordDelivered>(&event)) {
            if (failed_.empty()) return;
            ++premises_;
            const auto it = failed_.find({d->client, d->record});
            if (it == failed_.end()) return;
            violate(at,
                    fmt::format("the sending of record {} of {} failed and nothing was written, "
                                "but {} got it at offset {} of {}",
                                d->record, cast_.producer_name(d->client),
                                cast_.consumer_name(d->consumer), d->at.v,
                                partition_name(d->partition)),
                    it->second);
        }
    }

private:
    const Cast& cast_;
    std::map<std::pair<std::int32_t, std::int64_t>, std::uint64_t> failed_;
};
}  // namespace

std::unique_ptr<Oracle> make_failed_send_read(Judge& judge, const Cast& cast) {
    return std::make_unique<FailedSendRead>(judge, cast);
}
}  // namespace faultline::sim
