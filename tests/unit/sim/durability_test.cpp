// Random operations on files and names, power lost at a random moment, several times over: what is
// found afterwards is always one of the outcomes that the contract of core/env/disk.h allows.
#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "core/base/assert.h"
#include "sim/world/world.h"
#include "tests/support/catch.h"

using namespace faultline;
using namespace faultline::sim;

namespace {
constexpr std::uint64_t kHead = 8;  // each file begins with its own name; never overwritten

struct ModelWrite {
    std::uint64_t off;
    std::string data;
};
struct ModelFile {
    std::string durable;
    std::vector<ModelWrite> writes;        // not covered by a sync
    std::vector<std::uint64_t> truncates;  // the same
};

// What may be on the disk, kept beside the operations. An operation enters before it is called and
// is settled after it returned, because power may go in between.
struct Model {
    std::map<int, ModelFile> files;
    std::map<std::string, int> names;
    std::map<std::string, std::set<int>> maybe;  // every id that a name may have; -1: absent
    int next = 0;
};

bool covered(const ModelFile& f, std::uint64_t at) {
    return std::ranges::any_of(
        f.writes, [at](const ModelWrite& w) { return at >= w.off && at < w.off + w.data.size(); });
}

bool byte_fits(const ModelFile& f, std::uint64_t at, char c) {
    if (at < f.durable.size() && f.durable[at] == c) return true;
    if (c == 0 && (at >= f.durable.size() || !f.truncates.empty())) return true;
    return std::ranges::any_of(f.writes, [at, c](const ModelWrite& w) {
        return at >= w.off && at < w.off + w.data.size() && w.data[at - w.off] == c;
    });
}

bool fits(const ModelFile& f, const std::string& found) {
    std::uint64_t least = f.durable.size(), most = f.durable.size();
    for (const std::uint64_t size : f.truncates) {
        least = std::min(least, size);
        most = std::max(most, size);
    }
    for (const ModelWrite& w : f.writes) most = std::max(most, w.off + w.data.size());
    if (found.size() < least || found.size() > most) return false;
    std::set<std::uint64_t> garbage;
    for (std::uint64_t at = 0; at < found.size(); ++at) {
        if (byte_fits(f, at, found[at])) continue;
        if (!covered(f, at)) return false;
        garbage.insert(at / 512);
    }
    return garbage.size() <= f.writes.size();
}

// No CHECK in it: Catch would take the kill of its fiber for a failure.
class Storm {
public:
    explicit Storm(std::uint64_t seed) : rng_(seed) {}
    Model model;

    void run(Env& env) {
        while (true) {
            switch (rng_.below(8)) {
                case 0: create(env); break;
                case 1: rename(env); break;
                case 2: remove(env); break;
                case 3: sync_dir(env); break;
                case 4: sync(env); break;
                case 5: truncate(env); break;
                default: write(env); break;
            }
        }
    }

private:
    std::string name() { return "f" + std::to_string(rng_.below(5)); }
    std::optional<std::string> present() {
        if (model.names.empty()) return std::nullopt;
        auto it = model.names.begin();
        std::advance(it, static_cast<std::ptrdiff_t>(rng_.below(model.names.size())));
        return it->first;
    }
    std::set<int>& maybe(const std::string& n) {
        return model.maybe.try_emplace(n, std::set<int>{-1}).first->second;
    }
    void create(Env& env) {
        const std::string n = name();
        if (model.names.contains(n)) return;
        const int id = model.next++;
        model.names[n] = id;
        maybe(n).insert(id);
        std::string head = std::to_string(id);
        head.resize(kHead, '#');
        model.files[id].writes.push_back({0, head});
        auto file = env.disk.open(n, OpenMode::create_new);
        FL_ASSERT(file.ok());
        FL_ASSERT((*file)->write(0, IoBuf::copy_of(as_bytes(head))).ok());
    }
    void rename(Env& env) {
        const auto from = present();
        const std::string to = name();
        if (!from || *from == to) return;
        const int id = model.names[*from];
        model.names.erase(*from);
        model.names[to] = id;
        maybe(to).insert(id);
        maybe(*from).insert(-1);
        FL_ASSERT(env.disk.rename(*from, to).ok());
    }
    void remove(Env& env) {
        const auto n = present();
        if (!n || !rng_.chance(1, 4)) return;
        model.names.erase(*n);
        maybe(*n).insert(-1);
        FL_ASSERT(env.disk.remove(*n).ok());
    }
    void sync_dir(Env& env) {
        FL_ASSERT(env.disk.sync_dir(".").ok());
        for (auto& [n, ids] : model.maybe) {
            const auto it = model.names.find(n);
            ids = {it == model.names.end() ? -1 : it->second};
        }
    }
    void sync(Env& env) {
        const auto n = present();
        if (!n) return;
        auto file = env.disk.open(*n, OpenMode::read_write);
        FL_ASSERT(file.ok());
        FL_ASSERT((*file)->sync(SyncMode::data).ok());
        ModelFile& f = model.files[model.names[*n]];
        f.durable = (*file)->read(0, 1 << 20)->copy_string();
        f.writes.clear();
        f.truncates.clear();
    }
    void truncate(Env& env) {
        const auto n = present();
        if (!n || !rng_.chance(1, 3)) return;
        auto file = env.disk.open(*n, OpenMode::read_write);
        FL_ASSERT(file.ok());
        const std::uint64_t size =
            kHead + rng_.below(std::max<std::uint64_t>(*(*file)->size(), kHead) - kHead + 1);
        model.files[model.names[*n]].truncates.push_back(size);
        FL_ASSERT((*file)->truncate(size).ok());
    }
    void write(Env& env) {
        const auto n = present();
        if (!n) return;
        auto file = env.disk.open(*n, OpenMode::read_write);
        FL_ASSERT(file.ok());
        const std::uint64_t size = std::max<std::uint64_t>(*(*file)->size(), kHead);
        const std::uint64_t off = rng_.chance(2, 3) ? size : kHead + rng_.below(size - kHead + 1);
        std::string data(1 + rng_.below(9000), 0);
        for (char& c : data) c = static_cast<char>('a' + rng_.below(26));
        model.files[model.names[*n]].writes.push_back({off, data});
        FL_ASSERT((*file)->write(off, IoBuf::copy_of(as_bytes(data))).ok());
    }
    Rng rng_;
};

struct Losses final : sim::Listener {
    void on_sim(MonoTime, const SimEvent& e) override {
        if (const auto* l = std::get_if<DiskLost>(&e)) ++seen[static_cast<std::size_t>(l->how)];
    }
    std::uint64_t seen[5] = {};
};

// What is there is allowed; and becomes, since it is on the platter, the new durable state.
void judge_and_adopt(Model& model, SimDisk& disk, std::uint64_t seed) {
    Model after;
    after.next = model.next;
    std::map<std::string, std::string> found;
    for (const auto& [n, inode] : disk.names()) {
        found[n] = std::string(as_text(Bytes(inode->cache.data(), inode->cache.size())));
    }
    for (const auto& [n, ids] : model.maybe) {
        INFO("seed " << seed << " name " << n);
        if (!found.contains(n)) {
            REQUIRE(ids.contains(-1));
            continue;
        }
        const std::string& content = found[n];
        const auto id = std::ranges::find_if(
            ids, [&](int i) { return i >= 0 && fits(model.files[i], content); });
        REQUIRE(id != ids.end());
        // From here on what was found is a file of its own.
        const int fresh = after.next++;
        after.names[n] = fresh;
        after.maybe[n] = {fresh};
        after.files[fresh].durable = content;
    }
    for (const auto& [n, text] : found) REQUIRE(model.maybe.contains(n));
    model = std::move(after);
}
}  // namespace

TEST_CASE("durability: after power loss the disk holds an allowed outcome", "[disk]") {
    std::uint64_t seen[5] = {};
    for (std::uint64_t seed = 1; seed <= 150; ++seed) {
        Recorder recorder;
        Losses losses;
        recorder.add_listener(losses);
        World world(seed, recorder);
        Storm storm(seed);
        const NodeId node =
            world.add_node("n1", 1, [&](Env& env, fiber::StopToken) { storm.run(env); });
        Rng rng = world.rng("moments");
        for (int round = 0; round < 4; ++round) {
            world.start(node);
            const auto us = static_cast<std::int64_t>(1000 + rng.below(30'000));
            world.run_until(world.now() + std::chrono::microseconds(us));
            const Fate fate =
                rng.chance(3, 4)
                    ? Fate::random
                    : static_cast<Fate>(rng.below(static_cast<std::uint64_t>(Fate::random)));
            world.lose_power(node, {.writes = fate, .drop_dir_entries = rng.chance(1, 4)});
            judge_and_adopt(storm.model, world.disk(node), seed);
        }
        for (int i = 0; i < 5; ++i) seen[i] += losses.seen[i];
    }
    for (const std::uint64_t n : seen) CHECK(n > 0);  // kept, dropped, torn, garbage, dir_entry
}

TEST_CASE("durability: the judge of these tests notices a disk that lies", "[disk]") {
    std::uint64_t noticed = 0;
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        Recorder recorder;
        World world(seed, recorder);
        std::string durable;
        const NodeId node = world.add_node("n1", 1, [&](Env& env, fiber::StopToken) {
            auto file = *env.disk.open("a", OpenMode::create);
            CHECK(env.disk.sync_dir(".").ok());
            CHECK(file->write(0, IoBuf::copy_of(as_bytes(std::string(600, 'x')))).ok());
            CHECK(file->sync(SyncMode::data).ok());
            durable = file->read(0, 1000)->copy_string();
        });
        world.disk(node).lie_about_syncs("*", 0);
        world.start(node);
        world.run_until(MonoTime{} + 1s);
        world.lose_power(node, {});
        const auto& cache = world.disk(node).names().at("a")->cache;
        const std::string found(as_text(Bytes(cache.data(), cache.size())));
        if (!fits({.durable = durable, .writes = {}, .truncates = {}}, found)) ++noticed;
        CHECK(world.faults().effects(0) == 1);
    }
    CHECK(noticed > 5);
}

TEST_CASE("durability: of one write any subset of its pages may survive", "[disk]") {
    bool hole = false;  // a lost page with a kept one behind it
    for (std::uint64_t seed = 1; seed <= 30; ++seed) {
        Recorder recorder;
        World world(seed, recorder);
        const NodeId node = world.add_node("n1", 1, [&](Env& env, fiber::StopToken) {
            auto file = *env.disk.open("a", OpenMode::create);
            CHECK(env.disk.sync_dir(".").ok());
            CHECK(file->write(0, IoBuf::copy_of(as_bytes(std::string(20'000, 'x')))).ok());
        });
        world.start(node);
        world.run_until(MonoTime{} + 1s);
        world.lose_power(node, {.writes = Fate::holes});
        const auto& cache = world.disk(node).names().at("a")->cache;
        const std::string found(as_text(Bytes(cache.data(), cache.size())));
        for (std::size_t at = 0; at < found.size(); at += 4096) {
            const std::string page = found.substr(at, 4096);
            REQUIRE((page == std::string(page.size(), 'x') || page == std::string(page.size(), 0)));
            hole = hole || (page[0] == 0 && found.back() == 'x');
        }
    }
    CHECK(hole);
}

TEST_CASE("durability: reads and writes of a bad range fail, hung operations wait", "[disk]") {
    Recorder recorder;
    World world(1, recorder);
    Duration hung{};
    const NodeId node = world.add_node("n1", 1, [&](Env& env, fiber::StopToken) {
        SimDisk& disk = world.disk(env.node);
        auto file = *env.disk.open("a", OpenMode::create);
        CHECK(file->write(0, IoBuf::copy_of(as_bytes(std::string(2000, 'x')))).ok());
        disk.fail_io(DiskOp::read, "a", 1000, 1001, 1, 0);
        disk.fail_io(DiskOp::write, "a", 0, 10, 1, 1);
        CHECK(file->read(0, 1000).ok());
        CHECK(file->read(1001, 900).ok());
        CHECK(file->read(900, 101).code() == Errc::io);
        CHECK(file->read(900, 101).ok());
        CHECK(file->write(9, IoBuf::copy_of(as_bytes("y"))).code() == Errc::io);
        CHECK(file->read(9, 1)->copy_string() == "x");
        CHECK(file->write(9, IoBuf::copy_of(as_bytes("y"))).ok());
        disk.set_hung(2);
        world.at(env.clock.now() + 3s, [&disk] { disk.end_fault(2); });
        const MonoTime before = env.clock.now();
        CHECK(file->sync(SyncMode::data).ok());
        hung = env.clock.now() - before;
    });
    world.start(node);
    world.run_until(MonoTime{} + 10s);
    CHECK(hung >= 3s);
    CHECK(hung < 3010ms);
    for (const FaultId fault : {0U, 1U, 2U}) CHECK(world.faults().effects(fault) == 1);
}
