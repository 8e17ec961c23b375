#include "tests/unit/visualize/sample_runs.h"

namespace faultline::test {
using namespace sim;  // NOLINT: events by the dozen
namespace {
constexpr NodeId kBroker{1}, kProducer{2}, kConsumer{3};
constexpr std::int16_t kProduce = 0, kFetch = 1, kMetadata = 3, kApiVersions = 18;
constexpr std::int64_t kUs = 1'000, kMs = 1'000'000;

class Script {
public:
    explicit Script(Recorder& r) : r_(r), orders_(r.intern("orders", PartitionIndex{0})) {
        file_ = r.intern("n1/data/orders-0/00000000000000000000.log");
    }

    void sim(const SimEvent& e) { r_.record(MonoTime{now}, e); }
    void core(NodeId node, const probe::Event& e) { r_.on(MonoTime{now}, node, e); }
    std::uint64_t send(NodeId from, NodeId to, std::int16_t api, bool response, std::int32_t corr,
                       std::uint32_t bytes) {
        sim(MessageSent{++message_, from == kConsumer || to == kConsumer ? 2U : 1U, from, to, bytes,
                        api, response, corr});
        return message_;
    }
    void pass(std::uint64_t message, std::uint32_t bytes) {
        now += 400 * kUs + static_cast<std::int64_t>(message % 7) * 20 * kUs;
        sim(MessageDelivered{message, bytes, true});
    }
    void call(NodeId client, std::int16_t api) {
        const std::int32_t corr = ++correlation_;
        pass(send(client, kBroker, api, false, corr, 60), 60);
        now += 50 * kUs;
        pass(send(kBroker, client, api, true, corr, 200), 200);
    }
    // Ends with the record on disk; `answer` false leaves it unanswered and unsynced.
    void produce(bool answer = true) {
        const std::int32_t corr = ++correlation_;
        core(kProducer, probe::ProduceSent{orders_, 0, next_record_, 1});
        pass(send(kProducer, kBroker, kProduce, false, corr, 180), 180);
        core(kBroker,
             probe::BatchAppended{orders_, Epoch{0}, Offset{log_end}, Offset{log_end}, 77});
        sim(DiskDone{kBroker, DiskOp::write, file_, static_cast<std::uint64_t>(log_end) * 128, 128,
                     0});
        ++log_end;
        if (!answer) return;
        now += 200 * kUs;
        sim(DiskDone{kBroker, DiskOp::sync, file_, 0, 0, 0});
        core(kBroker, probe::LogFlushed{orders_, Offset{log_end}});
        core(kBroker, probe::HighWatermark{orders_, Epoch{0}, Offset{log_end}});
        core(kBroker, probe::ProduceAnswered{orders_, 0, Offset{log_end - 1}, Offset{log_end - 1}});
        pass(send(kBroker, kProducer, kProduce, true, corr, 60), 60);
        core(kProducer, probe::ProduceAcked{orders_, 0, next_record_, 1, Offset{log_end - 1}});
        if (next_record_ == 398) acked_398 = r_.events();
        ++next_record_;
    }
    void fetch() {
        const std::int32_t corr = ++correlation_;
        pass(send(kConsumer, kBroker, kFetch, false, corr, 90), 90);
        now += 100 * kUs;
        pass(send(kBroker, kConsumer, kFetch, true, corr, 400), 400);
        for (; read_ < log_end; ++read_) {
            core(kConsumer, probe::RecordDelivered{orders_, 0, Offset{read_}, 0, read_});
        }
    }
    void start_broker(std::int32_t incarnation) {
        sim(NodeStarted{kBroker, incarnation});
        now += 2 * kMs;
    }
    void power_loss(std::int64_t keep) {
        sim(FaultEffect{0, kBroker, r_.intern("n1 loses power")});
        sim(NodeCrashed{kBroker, true});
        for (std::int64_t o = keep; o < log_end; ++o) {
            sim(DiskLost{kBroker, file_, static_cast<std::uint64_t>(o) * 128,
                         o == keep ? 64U : 128U, o == keep ? LossKind::torn : LossKind::dropped});
        }
        log_end = keep;
    }

    std::int64_t now = 0, log_end = 0;
    std::uint64_t acked_398 = 0;  // number of the event
    probe::PartitionKey orders() const { return orders_; }
    std::uint64_t newest() const { return r_.events(); }
    Label text(std::string_view t) { return r_.intern(t); }

private:
    Recorder& r_;
    probe::PartitionKey orders_;
    Label file_;
    std::uint64_t message_ = 0;
    std::int32_t correlation_ = 0;
    std::int64_t next_record_ = 0, read_ = 0;
};
}  // namespace

TraceHead sample_head() {
    return {.scenario = "crash-torn-tail",
            .seed = 7,
            .nodes = {{kBroker, "n1", NodeRole::broker},
                      {kProducer, "p1", NodeRole::producer},
                      {kConsumer, "c1", NodeRole::consumer}},
            .apis = {{0, "Produce"}, {1, "Fetch"}, {3, "Metadata"}, {18, "ApiVersions"}},
            .versions = {{"faultline", "0.1.0"}}};
}

void tiny_run(Recorder& recorder) {
    Script s(recorder);
    s.start_broker(0);
    s.core(kBroker, probe::LogOpened{s.orders(), Offset{0}, Offset{0}, true});
    s.core(kBroker, probe::BrokerReady{9092});
    s.now += kMs;
    s.sim(NodeStarted{kProducer, 0});
    s.sim(ConnOpened{1, kProducer, kBroker});
    s.call(kProducer, kApiVersions);
    for (int i = 0; i < 3; ++i) s.produce();
}

void crash_run(Recorder& recorder, bool lose) {
    Script s(recorder);
    s.sim(FaultArmed{0, s.text("power loss of n1, unsynced writes torn")});
    s.start_broker(0);
    s.core(kBroker, probe::LogOpened{s.orders(), Offset{0}, Offset{0}, true});
    s.core(kBroker, probe::BrokerReady{9092});
    s.now = 10 * kMs;
    s.sim(NodeStarted{kProducer, 0});
    s.sim(NodeStarted{kConsumer, 0});
    s.sim(ConnOpened{1, kProducer, kBroker});
    s.sim(ConnOpened{2, kConsumer, kBroker});
    s.call(kProducer, kApiVersions);
    s.call(kProducer, kMetadata);
    s.call(kConsumer, kApiVersions);
    s.call(kConsumer, kMetadata);
    for (int i = 0; i < 400; ++i) {
        s.produce();
        if (i % 4 == 3) s.fetch();
        s.now += 3 * kMs;
    }
    s.produce(false);
    s.produce(false);
    s.now += 90 * kUs;
    s.power_loss(lose ? s.log_end - 4 : s.log_end - 2);
    s.sim(ConnClosed{1, kProducer, true});
    s.sim(ConnClosed{2, kConsumer, true});
    for (int i = 0; i < 9; ++i) {
        s.now += 100 * kMs;
        s.sim(ConnRefused{kProducer, kBroker});
        s.sim(ConnRefused{kConsumer, kBroker});
    }
    s.now += 100 * kMs;
    s.start_broker(1);
    s.core(kBroker, probe::TornTailCut{s.orders(), Offset{s.log_end}, 64});
    s.now += 9 * kMs;
    s.core(kBroker, probe::LogOpened{s.orders(), Offset{0}, Offset{s.log_end}, false});
    s.core(kBroker, probe::BrokerReady{9092});
    s.sim(FaultHealed{0});
    s.now += 60 * kMs;
    s.sim(ConnOpened{1, kProducer, kBroker});
    s.sim(ConnOpened{2, kConsumer, kBroker});
    s.call(kProducer, kApiVersions);
    s.call(kProducer, kMetadata);
    s.call(kConsumer, kApiVersions);
    for (int i = 0; i < 300; ++i) {
        s.produce();
        if (i % 4 == 3) s.fetch();
        s.now += 3 * kMs;
    }
    if (lose) {
        s.sim(
            Violation{12,
                      s.text("record 398 of p1 was acknowledged at offset 398, but after the power "
                             "loss of n1 offset 398 of orders-0 holds record 400"),
                      s.acked_398, s.newest()});
    }
    s.now += 12'000 * kMs;
    s.fetch();
}
}  // namespace faultline::test
