// A quorum of one on a MemoryDisk, which writes snapshots often.
#pragma once
#include <functional>

#include "core/controller/quorum.h"
#include "core/model/image_records.h"
#include "tests/support/catch.h"
#include "tests/support/test_world.h"

namespace faultline::test {

class NoNetwork final : public Network {
public:
    Result<ConnectionPtr> connect(const Endpoint&, Deadline, fiber::StopToken) override {
        return Error{Errc::unreachable, 0, "test.connect"};
    }
    Result<std::unique_ptr<Listener>> listen(const Endpoint&) override {
        return Error{Errc::invalid, 0, "test.listen"};
    }
};

class OneShard final : public Shards {
public:
    unsigned count() const noexcept override { return 1; }
    ShardId self() const noexcept override { return ShardId{0}; }
    Result<void> post(ShardId, Task) override { return Error{Errc::cancelled, 0, "test.post"}; }
};

// What a controller makes of what it is told.
class ImageKeeper final : public controller::QuorumEvents {
public:
    void committed(const controller::MetadataBatch& batch) override {
        REQUIRE(batch.base == image.applied);
        image.applied = batch.end;
        for (const auto& r : batch.records) image.apply(r);
    }
    void loaded(const controller::MetadataSnapshot& snapshot) override {
        image = model::image_of(snapshot.records, snapshot.id.end);
        ++loads;
    }
    model::MetadataImage image_copy() const override { return image; }
    void caught_up(Offset) override {
        if (on_caught_up) on_caught_up();
    }
    void leads(std::optional<Epoch>) override {}
    void failed(const Error&) override { failed_once = true; }
    model::MetadataImage image;
    std::function<void()> on_caught_up;  // may park
    int loads = 0;
    bool failed_once = false;
};

// One process: from a start to a stop, or to where the disk stopped.
struct QuorumRig {
    explicit QuorumRig(TestWorld& w) : world(w) {
        logs.dirs = {"data"};
        logs.node = NodeId{1};
        config.node = NodeId{1};
        config.voters = {{NodeId{1}, {}}};
        config.snapshots.record_bytes = 400;
        config.snapshots.interval = Duration{0};
        config.snapshots.retention_bytes = 0;
    }
    Result<void> start() {
        manager = std::make_unique<storage::LogManager>(context, rng, logs);
        FL_CHECK(manager->open());
        quorum = std::make_unique<controller::Quorum>(env, config, keeper);
        FL_CHECK(quorum->open(*manager));
        quorum->start();
        started = true;
        return {};
    }
    Result<void> append_topic(int number) {
        while (!quorum->ready()) {
            if (keeper.failed_once) return Error{Errc::cancelled, 0, "test.append"};
            world.scheduler.sleep_until(world.clock.in(1ms));
        }
        wire::TopicRecord r;
        r.name = "t" + std::to_string(number);
        r.topic_id = {.hi = 1, .lo = static_cast<std::uint64_t>(number)};
        FL_CHECK(quorum->append({r}, world.clock.in(10s)));
        // So that what was begun by it is done, and the next crash falls into nothing else.
        world.scheduler.sleep_until(world.clock.in(50ms));
        return {};
    }
    void stop() {
        if (started) quorum->stop();
        (void)manager->close();  // after a crash it cannot
    }
    TestWorld& world;
    NoNetwork net;
    OneShard shards;
    Rng rng{5};
    Env env{NodeId{1}, ShardId{0}, world.clock, rng,         world.scheduler,
            net,       world.disk, shards,      world.probe, world.log};
    storage::LogContext context{world.disk, world.clock, world.scheduler, world.probe, world.log};
    storage::LogManagerOptions logs;
    controller::QuorumConfig config;
    ImageKeeper keeper;
    std::unique_ptr<storage::LogManager> manager;
    std::unique_ptr<controller::Quorum> quorum;
    bool started = false;
};
}  // namespace faultline::test
