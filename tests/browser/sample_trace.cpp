// sample_trace FILE violated|N [SEED]: writes a trace, the small run with a violation of
// tests/unit/visualize or one of about N events with everything in it, for the viewer's tests.
#include <charconv>
#include <string_view>

#include <fmt/format.h>

#include "core/base/random.h"
#include "sim/trace/recorder.h"
#include "tests/unit/visualize/sample_runs.h"

namespace faultline::test {
namespace {
using namespace sim;  // NOLINT: events by the dozen

// Three brokers and four clients; each exchange makes about nine events.
class BigRun {
public:
    BigRun(Recorder& r, std::uint64_t seed) : r_(r), rng_(seed) {
        for (int p = 0; p < 3; ++p) partitions_[p] = r.intern("orders", PartitionIndex{p});
        log_ = r.intern("data/orders-0/00000000000000123456.log");
    }

    void run(std::uint64_t events) {
        for (int n = 1; n <= 7; ++n) r_.record(now_, NodeStarted{NodeId{n}, 0});
        for (int n = 1; n <= 3; ++n) {
            r_.on(now_, NodeId{n}, probe::BrokerReady{9092});
            r_.on(now_, NodeId{n},
                  probe::LogOpened{partitions_[n - 1], Offset{0}, Offset{0}, true});
            lead(n - 1, n);
        }
        r_.record(now_, FaultArmed{0, r_.intern("crash of any broker, now and then")});
        while (r_.events() < events) {
            now_ = now_ + Duration{rng_.between(20'000, 400'000)};
            exchange();
            if (rng_.chance(1, 4000)) crash();
        }
        const Label sentence =
            r_.intern("record 7 of p1 was acknowledged at offset 7, but is gone");
        r_.record(now_, Violation{80, sentence});
    }

private:
    void lead(int p, int n) {
        ++epoch_;
        r_.on(now_, NodeId{n}, probe::LeaderChanged{partitions_[p], Epoch{epoch_}, NodeId{n}});
    }
    void exchange() {
        r_.caused_by(0);
        const auto p = static_cast<int>(rng_.below(3));
        const NodeId from{static_cast<std::int32_t>(rng_.between(4, 7))}, to{p + 1};
        const bool produce = from.v < 6;
        const auto api = static_cast<std::int16_t>(produce ? 0 : 1);
        const auto conn = static_cast<std::uint32_t>(from.v * 10 + to.v);
        const auto key = partitions_[p];
        const std::int64_t offset = ends_[p];
        if (produce) r_.on(now_, from, probe::ProduceSent{key, from.v, ++record_, 1});
        r_.record(now_, MessageSent{++message_, conn, from, to, 300, api, false, ++correlation_});
        const std::uint64_t request = r_.events();
        if (rng_.chance(1, 3000)) return r_.record(now_, MessageDropped{message_});
        later();
        r_.caused_by(request);
        r_.record(now_, MessageDelivered{message_, 300, true});
        if (produce) {
            r_.on(now_, to, probe::BatchAppended{key, Epoch{1}, Offset{offset}, Offset{offset}, 1});
            r_.record(now_, DiskDone{to, DiskOp::write, log_,
                                     static_cast<std::uint64_t>(offset) * 90, 90, 0});
            r_.on(now_, to, probe::HighWatermark{key, Epoch{1}, Offset{++ends_[p]}});
        }
        r_.record(now_, MessageSent{++message_, conn, to, from, 80, api, true, correlation_});
        later();
        r_.record(now_, MessageDelivered{message_, 80, true});
        if (produce) {
            r_.on(now_, from, probe::ProduceAcked{key, from.v, record_, 1, Offset{offset}});
        } else if (offset > 0) {
            r_.on(now_, from, probe::RecordDelivered{key, from.v, Offset{offset - 1}, 0, 0});
        }
    }
    void later() { now_ = now_ + Duration{rng_.between(100'000, 900'000)}; }
    void crash() {
        r_.caused_by(0);
        const auto n = static_cast<std::int32_t>(rng_.between(1, 3));
        r_.record(now_, FaultEffect{0, NodeId{n}, r_.intern("a broker crashes")});
        r_.record(now_, NodeCrashed{NodeId{n}, false});
        now_ = now_ + Duration{40'000'000};
        r_.record(now_, NodeStarted{NodeId{n}, ++life_});
        now_ = now_ + Duration{15'000'000};
        r_.on(now_, NodeId{n}, probe::BrokerReady{9092});
        lead(n - 1, n);
    }

    Recorder& r_;
    Rng rng_;
    MonoTime now_{};
    probe::PartitionKey partitions_[3] = {};
    Label log_{};
    std::int64_t ends_[3] = {}, record_ = 0;
    std::uint64_t message_ = 0;
    std::int32_t correlation_ = 0, epoch_ = 0, life_ = 0;
};

int write(const char* file, std::string_view what, std::uint64_t seed) {
    Recorder recorder;
    std::uint64_t events = 0;
    const bool violated = what == "violated";
    if (!violated) std::from_chars(what.data(), what.data() + what.size(), events);
    TraceHead head = violated ? sample_head() : busy_head();
    head.seed = seed;
    if (!recorder.write_to(file, to_json(head))) {
        fmt::print(stderr, "sample_trace: {} cannot be written\n", file);
        return 1;
    }
    if (violated) {
        crash_run(recorder, true);
    } else {
        BigRun(recorder, seed).run(events);
    }
    return recorder.finish() ? 0 : 1;
}
}  // namespace
}  // namespace faultline::test

int main(int argc, char** argv) {
    if (argc < 3) {
        fmt::print(stderr, "sample_trace FILE violated|EVENTS [SEED]\n");
        return 2;
    }
    std::uint64_t seed = 7;
    const std::string_view third = argc > 3 ? argv[3] : "7";
    std::from_chars(third.data(), third.data() + third.size(), seed);
    return faultline::test::write(argv[1], argv[2], seed);
}
