#include "core/storage/log_dump.h"
#include "core/wire/record_batch.h"
#include "tests/unit/storage/log_fixture.h"

using namespace faultline;
using namespace faultline::test;

namespace {
std::vector<std::string> lines_of(LogRig& rig, const std::string& path, DumpOptions options,
                                  bool want_good) {
    std::vector<std::string> lines;
    auto good =
        dump_file(rig.disk, path, options, [&](std::string_view l) { lines.emplace_back(l); });
    REQUIRE(good.ok());
    CHECK(*good == want_good);
    return lines;
}
}  // namespace

TEST_CASE("dump: batches, records and indexes as lines; damage is said", "[storage]") {
    LogRig rig;
    rig.config.index_interval_bytes = 0;
    rig.run([&] {
        auto log = *rig.open();
        for (int i = 0; i < 3; ++i) {
            must_append(*log, make_batch({{100 + i, "value"}, {105 + i, "\x01more"}}), Epoch{4});
        }
        REQUIRE(log->close().ok());
        const std::string path = "d/t-0/00000000000000000000.log";
        auto lines = lines_of(rig, path, {.records = true}, true);
        REQUIRE(lines.size() == 2 + 3 * 3);
        CHECK(lines[1] == "Log starting offset: 0");
        CHECK(lines[2].starts_with("baseOffset: 0 lastOffset: 1 count: 2 baseSequence: -1"));
        CHECK(lines[2].find("partitionLeaderEpoch: 4") != std::string::npos);
        CHECK(lines[2].ends_with("isvalid: true"));
        CHECK(lines[3] ==
              "| offset: 0 CreateTime: 100 keySize: -1 valueSize: 5 headers: 0 payload: value");
        CHECK(lines[4].ends_with("payload: \\x01more"));
        auto index = lines_of(rig, "d/t-0/00000000000000000000.index", {}, true);
        REQUIRE(index.size() == 3);
        CHECK(index[1].starts_with("offset: 3 position: "));
        auto times = lines_of(rig, "d/t-0/00000000000000000000.timeindex", {}, true);
        CHECK(times.back() == "timestamp: 107 offset: 5");
        rig.disk.flip_bit("d/t-0/00000000000000000000.timeindex", 7, 1);
        CHECK(lines_of(rig, path, {}, false).back().starts_with("time index entry"));
        rig.disk.flip_bit(path, 80);
        CHECK(lines_of(rig, path, {}, false)[2].ends_with("isvalid: false"));
        CHECK(dump_file(rig.disk, "d/t-0/leader-epoch-checkpoint", {}, {}).code() == Errc::invalid);
    });
}

TEST_CASE("log: a time lookup looks into compressed batches", "[storage]") {
    for (const auto codec :
         {wire::Codec::gzip, wire::Codec::snappy, wire::Codec::lz4, wire::Codec::zstd}) {
        LogRig rig;
        rig.run([&] {
            auto log = *rig.open();
            wire::BatchBuilder builder;
            for (int i = 0; i < 50; ++i) builder.add(1000 + i * 10, {}, as_bytes("some value"));
            must_append(*log, builder.finish(codec));
            auto found = log->offset_for_timestamp(1235);
            REQUIRE((found.ok() && *found));
            CHECK((*found)->offset == Offset{24});
            CHECK((*found)->timestamp == 1240);
            REQUIRE(log->close().ok());
        });
    }
}
