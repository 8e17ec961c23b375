#include "core/base/random.h"
#include "tests/unit/visualize/sample_runs.h"

namespace faultline::test {
using namespace sim;  // NOLINT: events by the dozen

TraceHead busy_head() {
    TraceHead head = sample_head();
    head.scenario = "everything at once";
    head.nodes = {{NodeId{1}, "n1", NodeRole::broker},   {NodeId{2}, "n2", NodeRole::broker},
                  {NodeId{3}, "n3", NodeRole::broker},   {NodeId{4}, "p1", NodeRole::producer},
                  {NodeId{5}, "p2", NodeRole::producer}, {NodeId{6}, "c1", NodeRole::consumer},
                  {NodeId{7}, "admin", NodeRole::client}};
    return head;
}

namespace {
class Chaos {
public:
    Chaos(Recorder& r, std::uint64_t seed) : r_(r), rng_(seed) {
        for (int p = 0; p < 5; ++p) partitions_.push_back(r.intern("orders", PartitionIndex{p}));
        partitions_.push_back(r.intern("a-topic-with-quite-a-long-name", PartitionIndex{12}));
        log_ = r.intern("data/orders-0/00000000000000123456.log");
    }

    void run() {
        for (int n = 1; n <= 7; ++n) r_.record(now_, NodeStarted{NodeId{n}, 0});
        for (int n = 1; n <= 3; ++n) r_.on(now_, NodeId{n}, probe::BrokerReady{9092});
        for (std::uint32_t f = 0; f < 4; ++f) {
            r_.record(now_, FaultArmed{f, r_.intern("fault number " + std::to_string(f) +
                                                    " with a rather long description")});
        }
        for (int i = 0; i < 3000; ++i) {
            now_ = now_ + Duration{rng_.between(10'000, 6'000'000)};
            exchange();
            if (rng_.chance(1, 40)) trouble();
        }
        r_.record(
            now_,
            Violation{
                3, r_.intern(
                       "the high watermark of orders-3 on n2 went from 812 back to 640 in epoch 4, "
                       "although no leader changed, and this sentence is so long that it "
                       "needs more than one line to be read")});
    }

private:
    NodeId broker() { return NodeId{static_cast<std::int32_t>(rng_.between(1, 3))}; }
    NodeId client() { return NodeId{static_cast<std::int32_t>(rng_.between(4, 7))}; }
    probe::PartitionKey partition() { return partitions_[rng_.below(partitions_.size())]; }

    void exchange() {
        const NodeId from = client(), to = broker();
        const auto api = static_cast<std::int16_t>(from.v == 6 ? 1 : from.v == 7 ? 3 : 0);
        const auto conn = static_cast<std::uint32_t>(from.v * 10 + to.v);
        const std::int32_t correlation = ++correlation_;
        r_.record(now_, MessageSent{++message_, conn, from, to, 300, api, false, correlation});
        if (rng_.chance(1, 50)) return r_.record(now_, MessageDropped{message_});
        now_ = now_ + Duration{rng_.between(100'000, 900'000)};
        r_.record(now_, MessageDelivered{message_, 300, true});
        if (rng_.chance(1, 90)) return;
        const probe::PartitionKey p = partition();
        Offset& end = ends_[p];
        if (api == 0) {
            r_.on(now_, to, probe::BatchAppended{p, Epoch{1}, end, end, 1});
            end = end + 1;
            r_.record(now_, DiskDone{to, DiskOp::write, log_, 0, 100, 0});
            r_.record(now_, DiskDone{to, DiskOp::sync, log_, 0, 0,
                                     static_cast<std::uint16_t>(rng_.chance(1, 60) ? 5 : 0)});
            r_.on(now_, to, probe::LogFlushed{p, end});
            r_.on(now_, to, probe::HighWatermark{p, Epoch{1}, end});
        }
        r_.record(now_, MessageSent{++message_, conn, to, from, 80, api, true, correlation});
        now_ = now_ + Duration{rng_.between(100'000, 900'000)};
        r_.record(now_, MessageDelivered{message_, 80, true});
        if (api == 0) r_.on(now_, from, probe::ProduceAcked{p, 0, end.v, 1, Offset{end.v - 1}});
        if (api == 1) r_.on(now_, from, probe::RecordDelivered{p, 0, end, 0, end.v});
    }

    void trouble() {
        const NodeId n = broker(), c = client();
        const auto fault = static_cast<std::uint32_t>(rng_.below(4));
        r_.record(now_, FaultEffect{fault, n, r_.intern("something broke")});
        switch (rng_.below(12)) {
            case 0: crash(n); break;
            case 1:
                r_.record(now_, NodePaused{n, true});
                now_ = now_ + Duration{300'000'000};
                r_.record(now_, NodePaused{n, false});
                break;
            case 2: r_.record(now_, ClockJumped{n, rng_.between(-5000, 5000)}); break;
            case 3: r_.on(now_, n, probe::LogTruncated{partition(), Offset{90}, Offset{70}}); break;
            case 4: r_.on(now_, n, probe::CorruptionFound{partition(), Offset{44}}); break;
            case 5: r_.on(now_, n, probe::DiskFull{0, rng_.chance(1, 2)}); break;
            case 6: r_.on(now_, n, probe::SegmentRolled{partition(), Offset{100}}); break;
            case 7: r_.on(now_, c, probe::ProduceFailed{partition(), 0, 5, 3, 56, true}); break;
            case 8: r_.record(now_, ConnRefused{c, n}); break;
            case 9: r_.record(now_, FaultHealed{fault}); break;
            case 10: r_.record(now_, Note{c, r_.intern("a remark")}); break;
            default: now_ = now_ + Duration{2'000'000'000};
        }
    }

    void crash(NodeId n) {
        r_.record(now_, NodeCrashed{n, true});
        r_.record(now_, DiskLost{n, log_, 512, 100, LossKind::torn});
        now_ = now_ + Duration{700'000'000};
        r_.record(now_, NodeStarted{n, 1});
        now_ = now_ + Duration{4'000'000};
        r_.on(now_, n, probe::TornTailCut{partition(), Offset{70}, 100});
        r_.on(now_, n, probe::LogOpened{partition(), Offset{0}, Offset{70}, false});
        r_.on(now_, n, probe::BrokerReady{9092});
    }

    Recorder& r_;
    Rng rng_;
    MonoTime now_{};
    std::vector<probe::PartitionKey> partitions_;
    std::map<probe::PartitionKey, Offset> ends_;
    Label log_;
    std::uint64_t message_ = 0;
    std::int32_t correlation_ = 0;
};
}  // namespace

void busy_run(Recorder& recorder, std::uint64_t seed) { Chaos(recorder, seed).run(); }
}  // namespace faultline::test
