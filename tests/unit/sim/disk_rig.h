// One node with a disk, for the tests of what can go wrong with it.
#pragma once
#include <functional>
#include <string>

#include "sim/world/sim_disk.h"
#include "sim/world/world.h"
#include "tests/support/catch.h"

namespace faultline::sim::test {

// One node whose main runs `body`; then the world goes on for `length`.
struct DiskRig {
    explicit DiskRig(std::uint64_t seed = 1) : world(seed, recorder) {
        node = world.add_node("n1", 1, [this](Env& env, fiber::StopToken) { main(env); });
    }
    void run(std::function<void(Env&)> body, Duration length = 60s) {
        main = std::move(body);
        world.start(node);
        world.run_until(world.now() + length);
    }
    std::string content(const std::string& path) {
        const auto& cache = disk().names().at(path)->cache;
        return std::string(as_text(Bytes(cache.data(), cache.size())));
    }
    SimDisk& disk() { return world.disk(node); }
    std::uint64_t effects(FaultId fault) { return world.faults().effects(fault); }
    Recorder recorder;
    World world;
    NodeId node{};
    std::function<void(Env&)> main;
};

inline IoBuf bytes(std::string_view s) { return IoBuf::copy_of(as_bytes(s)); }

inline FileRef make_file(Env& env, const std::string& path, std::string_view content) {
    auto file = env.disk.open(path, OpenMode::create);
    FL_ASSERT(file.ok());
    FL_ASSERT((*file)->write(0, bytes(content)).ok());
    return *file;
}

inline std::string read_all(File& file) {
    auto read = file.read(0, 1 << 20);
    return read.ok() ? read->copy_string() : "<" + std::string(to_string(read.code())) + ">";
}
}  // namespace faultline::sim::test
