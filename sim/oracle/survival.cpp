// INV-152 survival: what the scenario says of acknowledged records comes true: the auditor finds
// all of them in the end, or not all. Whatever acks was, and without the excuses of the other
// oracles: this is how docs/DURABILITY.md is held to its word, in both directions.
#include <fmt/format.h>

#include "sim/oracle/oracle.h"

namespace faultline::sim {
namespace {

class SurvivalOracle final : public Oracle {
public:
    SurvivalOracle(Judge& judge, const Cast& cast)
        : Oracle(judge, 152, "survival"),
          cast_(cast),
          acked_(cast.producers.size()),
          found_(cast.producers.size()) {}

    bool listens() const override { return cast_.survival != Survival::any; }

    void on_probe(MonoTime, NodeId, const probe::Event& event) override {
        if (const auto* a = std::get_if<probe::ProduceAcked>(&event)) {
            for (std::int32_t i = 0; i < a->count; ++i)
                mark(acked_, a->client, a->first_record + i);
        } else if (const auto* d = std::get_if<probe::RecordDelivered>(&event)) {
            if (d->consumer == cast_.auditor()) mark(found_, d->client, d->record);
        }
    }

    void finish(MonoTime at) override {
        if (!listens()) return;
        for (std::size_t client = 0; client < acked_.size(); ++client) {
            found_[client].resize(std::max(found_[client].size(), acked_[client].size()));
            for (std::size_t record = 0; record < acked_[client].size(); ++record) {
                if (!acked_[client][record]) continue;
                ++premises_;
                if (found_[client][record]) continue;
                if (missing_++ == 0) first_ = {client, record};
            }
        }
        if (cast_.survival == Survival::all && missing_ > 0) {
            violate(at, fmt::format("every acknowledged record was to survive, but {} of {} are "
                                    "missing at the end, record {} of {} first",
                                    missing_, premises_, first_.second,
                                    cast_.producers[first_.first].id));
        } else if (cast_.survival == Survival::less && missing_ == 0) {
            violate(at, fmt::format("acknowledged records were to be lost, but all {} are there at "
                                    "the end",
                                    premises_));
        }
    }

    std::string remark() const override {
        if (!listens()) return "";
        return fmt::format("survival: {} of {} acknowledged records are missing at the end",
                           missing_, premises_);
    }

private:
    static void mark(std::vector<std::vector<bool>>& of, std::int32_t client, std::int64_t record) {
        if (client < 0 || std::cmp_greater_equal(client, of.size()) || record < 0) return;
        auto& records = of[static_cast<std::size_t>(client)];
        const auto i = static_cast<std::size_t>(record);
        if (i >= records.size()) records.resize(i + 1);
        records[i] = true;
    }

    const Cast& cast_;
    std::vector<std::vector<bool>> acked_, found_;  // by producer and record
    std::uint64_t missing_ = 0;
    std::pair<std::size_t, std::size_t> first_{};
};
}  // namespace

std::unique_ptr<Oracle> make_survival(Judge& judge, const Cast& cast) {
    return std::make_unique<SurvivalOracle>(judge, cast);
}
}  // namespace faultline::sim
