#include "runtime/faultline/event_rings.h"

#include <algorithm>
#include <ctime>
#include <filesystem>
#include <map>

#include <fmt/format.h>

#include "runtime/events/ring_reader.h"
#include "sim/trace/recorder.h"
#include "sim/trace/trace_head.h"

namespace faultline::binary {
namespace {
namespace fs = std::filesystem;
using events::RingFile;

constexpr std::int32_t kFirstClient = 1000;  // ids of lanes that are no brokers

std::vector<std::string> files_of(const std::string& path) {
    std::error_code error;
    if (!fs::is_directory(path, error)) return {path};
    std::vector<std::string> found;
    for (const char* name : {"/events.ring.old", "/events.ring"}) {
        if (events::is_ring_file(path + name)) found.push_back(path + name);
    }
    return found;
}

// One process: what it was to the picture, and its events.
struct Process {
    RingFile file;
    NodeId lane;
    std::int64_t shift = 0;  // from its times to those of the trace
};

struct Moment {
    std::int64_t at;
    const Process* process;
    const events::Entry* entry = nullptr;  // null: `of_world`
    std::size_t shard = 0;
    sim::SimEvent of_world{};
};

std::int64_t first_shift(std::vector<Process>& processes) {
    const bool one_boot = std::ranges::all_of(processes, [&](const Process& p) {
        return std::string_view(p.file.header.boot) == processes.front().file.header.boot;
    });
    std::int64_t begin = INT64_MAX;
    for (Process& p : processes) {
        // Wall clocks of machines differ a little; the monotonic clock of one does not.
        p.shift = one_boot ? 0 : p.file.header.wall_offset_ns;
        begin = std::min(begin, p.file.header.started_ns + p.shift);
    }
    for (Process& p : processes) p.shift -= begin;
    const auto& h = processes.front().file.header;
    return begin + (one_boot ? h.wall_offset_ns : 0);
}

}  // namespace

std::string utc(std::int64_t wall_ns) {
    const std::time_t s = wall_ns / 1'000'000'000;
    std::tm t{};
    ::gmtime_r(&s, &t);
    return fmt::format("{:04}-{:02}-{:02} {:02}:{:02}:{:02} UTC", t.tm_year + 1900, t.tm_mon + 1,
                       t.tm_mday, t.tm_hour, t.tm_min, t.tm_sec);
}

namespace {
// A lane is a broker with its lives, or one client.
void give_lanes(std::vector<Process>& processes, sim::TraceHead& head) {
    std::int32_t next = kFirstClient;
    for (Process& p : processes) {
        const auto& h = p.file.header;
        const bool client = std::string_view(h.role) == "producer";
        p.lane = NodeId{client ? next++ : h.node};
        if (std::ranges::find(head.nodes, p.lane, &sim::NodeInfo::id) != head.nodes.end()) continue;
        const auto role = client                                     ? sim::NodeRole::producer
                          : std::string_view(h.role) == "controller" ? sim::NodeRole::controller
                                                                     : sim::NodeRole::broker;
        head.nodes.push_back({p.lane, h.name, role});
    }
    std::ranges::stable_sort(head.nodes, [](const sim::NodeInfo& a, const sim::NodeInfo& b) {
        const auto client = [](const sim::NodeInfo& n) {
            return n.role == sim::NodeRole::producer;
        };
        return client(a) != client(b) ? client(a) : a.id < b.id;
    });
}

void add_life(const Process& p, int incarnation, std::vector<Moment>& moments) {
    const auto& h = p.file.header;
    std::int64_t last = h.started_ns;
    bool stopped = false;
    moments.push_back({.at = h.started_ns + p.shift,
                       .process = &p,
                       .of_world = sim::NodeStarted{p.lane, incarnation}});
    for (std::size_t s = 0; s < p.file.shards.size(); ++s) {
        for (const events::Entry& e : p.file.shards[s].entries) {
            moments.push_back({.at = e.at.ns + p.shift, .process = &p, .entry = &e, .shard = s});
            last = std::max(last, e.at.ns);
            stopped = stopped || std::holds_alternative<probe::BrokerStopped>(e.event);
        }
    }
    if (p.file.alive) return;
    const bool client = p.lane.v >= kFirstClient;
    Moment end{.at = last + p.shift, .process = &p};
    if (stopped || client)
        end.of_world = sim::NodeStopped{p.lane, true};
    else
        end.of_world = sim::NodeCrashed{p.lane, false};  // nothing says when but its last event
    moments.push_back(end);
}

// The event with the recorder's number for its partition.
probe::Event translated(const Moment& m, sim::Recorder& recorder) {
    probe::Event event = m.entry->event;
    std::visit(
        [&](auto& e) {
            if constexpr (requires { e.partition; }) {
                const auto& names = m.process->file.shards[m.shard].partitions;
                const auto key = e.partition;
                e.partition = key == 0 || key > names.size()
                                  ? 0
                                  : recorder.intern(names[key - 1].topic,
                                                    PartitionIndex{names[key - 1].index});
            }
        },
        event);
    return event;
}

std::expected<std::vector<Process>, std::string> read_all(const std::vector<std::string>& paths) {
    std::vector<Process> processes;
    for (const std::string& path : paths) {
        const auto files = files_of(path);
        if (files.empty())
            return std::unexpected(fmt::format(
                "{}: has no events.ring; a broker's first log directory has one", path));
        for (const std::string& file : files) {
            auto read = events::read_ring_file(file);
            if (!read) return std::unexpected(read.error());
            processes.push_back({.file = *std::move(read), .lane = {}});
        }
    }
    std::ranges::stable_sort(processes, {}, [](const Process& p) {
        return p.file.header.started_ns;  // lives of a node in their order
    });
    return processes;
}
}  // namespace

bool holds_rings(const std::string& path) {
    const auto files = files_of(path);
    return !files.empty() && events::is_ring_file(files.front());
}

std::expected<std::string, std::string> join_rings(const std::vector<std::string>& paths,
                                                   const std::string& title,
                                                   const std::string& trace) {
    auto processes = read_all(paths);
    if (!processes) return std::unexpected(processes.error());
    sim::TraceHead head;
    head.scenario = title;
    head.began = utc(first_shift(*processes));
    give_lanes(*processes, head);
    const auto brokers = std::ranges::count_if(
        head.nodes, [](const auto& n) { return n.role != sim::NodeRole::producer; });
    head.world = fmt::format("{} {}", brokers, brokers == 1 ? "daemon" : "daemons");
    std::vector<Moment> moments;
    std::map<NodeId, int> lives;
    std::string notes;
    for (const Process& p : *processes) {
        add_life(p, lives[p.lane]++, moments);
        std::uint64_t forgotten = 0;
        for (const auto& s : p.file.shards) forgotten += s.forgotten;
        if (forgotten > 0)
            notes += fmt::format("{}{}: {} earlier events are forgotten", notes.empty() ? "" : "\n",
                                 p.file.header.name, forgotten);
    }
    std::ranges::stable_sort(moments, {}, &Moment::at);
    sim::Recorder recorder;
    if (const auto made = recorder.write_to(trace, sim::to_json(head)); !made.ok())
        return std::unexpected(fmt::format("{}: {}", trace, to_string(made.error())));
    for (const Moment& m : moments) {
        recorder.caused_by(0);
        if (m.entry == nullptr)
            recorder.record(MonoTime{m.at}, m.of_world);
        else
            recorder.on(MonoTime{m.at}, m.process->lane, translated(m, recorder));
    }
    if (const auto done = recorder.finish(); !done.ok())
        return std::unexpected(fmt::format("{}: {}", trace, to_string(done.error())));
    return notes;
}
}  // namespace faultline::binary
