// A follower whose log cannot say what its producers did once it was cut.
#include "core/broker/partition.h"
#include "tests/unit/storage/log_fixture.h"

using namespace faultline;
using namespace faultline::test;

namespace {
const NodeId kLeader{2};

bool fetched(broker::Partition& p, const IoBuf& records, std::int64_t high_watermark,
             std::optional<std::int64_t> diverges_at = {}) {
    wire::FetchResponse::PartitionData data;
    data.high_watermark = high_watermark;
    data.records = wire::Records(records);
    if (diverges_at) {
        data.diverging_epoch.epoch = 0;
        data.diverging_epoch.end_offset = *diverges_at;
    }
    p.wait_safe({});
    const auto asked = p.next_fetch(kLeader);
    REQUIRE(asked);
    return p.take_fetched(*asked, data);
}
}  // namespace

TEST_CASE("follower: a cut that fails behind the cut lowers the high watermark", "[broker]") {
    LogRig rig;
    rig.config.index_interval_bytes = 100;
    rig.run([&] {
        const std::string path = "d/t-0/00000000000000000000.log";
        auto log = *rig.open();
        for (int i = 0; i < 8; ++i) must_append(*log, make_batch(2, 100, 100 + i));
        REQUIRE(log->flush().ok());
        fiber::Group fibers(rig.scheduler);
        broker::PartitionContext context{NodeId{1}, rig.clock, rig.scheduler, fibers, rig.probe, {},
                                         {},        {}};
        broker::PartitionPlan plan;
        plan.leader = kLeader;
        plan.view.epoch = Epoch{1};
        {
            const auto p = std::make_shared<broker::Partition>(context, log, plan);
            p->begin();
            CHECK(fetched(*p, {}, 16));
            CHECK(p->high_watermark() == Offset{16});
            const std::size_t magic = rig.disk.content(path).size() / 8 * 2 + 16;
            rig.disk.flip_bit(path, magic, 6);
            CHECK(!fetched(*p, {}, 16, 12));
            CHECK(log->log_end() == Offset{12});
            CHECK(p->high_watermark() == Offset{12});
            CHECK(rig.sink.all<probe::ReplicaTruncated>().size() == 1);
            const IoBuf next = make_batch({{200, "x"}}, Offset{12}, Epoch{1});
            CHECK(!fetched(*p, next, 13));
            CHECK(log->log_end() == Offset{12});
            rig.disk.flip_bit(path, magic, 6);
            CHECK(!fetched(*p, next, 13));  // the producers are read
            CHECK(fetched(*p, next, 13));
            CHECK(log->log_end() == Offset{13});
            p->wait_safe({});
            CHECK(fetched(*p, {}, 13));
            CHECK(p->high_watermark() == Offset{13});
            fibers.join();
        }
        REQUIRE(log->close().ok());
    });
}
