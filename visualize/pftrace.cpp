#include "visualize/pftrace.h"

#include <algorithm>
#include <string_view>

#include <fmt/format.h>

#include "visualize/picture.h"
#include "visualize/slice.h"

namespace faultline::visualize {
namespace {

// Protocol buffers' wire format, as far as it is needed here.
class Proto {
public:
    void number(int field, std::uint64_t value) {
        varint(static_cast<std::uint64_t>(field) << 3);
        varint(value);
    }
    void fixed64(int field, std::uint64_t value) {
        varint(static_cast<std::uint64_t>(field) << 3 | 1);
        for (int i = 0; i < 8; ++i) out_ += static_cast<char>(value >> (8 * i));
    }
    void bytes(int field, std::string_view value) {
        varint(static_cast<std::uint64_t>(field) << 3 | 2);
        varint(value.size());
        out_ += value;
    }
    const std::string& str() const { return out_; }

private:
    void varint(std::uint64_t value) {
        for (; value >= 0x80; value >>= 7) out_ += static_cast<char>(value | 0x80);
        out_ += static_cast<char>(value);
    }
    std::string out_;
};

// Field numbers of perfetto's protos/perfetto/trace.
namespace field {
constexpr int kPacket = 1;                                                    // Trace
constexpr int kTimestamp = 8, kSequence = 10, kTrackEvent = 11, kTrack = 60;  // TracePacket
constexpr int kUuid = 1, kName = 2, kProcess = 3, kParent = 5, kCounter = 8;  // TrackDescriptor
constexpr int kPid = 1, kProcessName = 6;                                     // ProcessDescriptor
constexpr int kAnnotation = 4, kType = 9, kTrackUuid = 11, kEventName = 23, kCounterValue = 30,
              kFlow = 47;                                 // TrackEvent
constexpr int kAnnotationName = 10, kAnnotationText = 6;  // DebugAnnotation
}  // namespace field

enum EventKind : std::uint64_t { kBegin = 1, kEnd = 2, kInstant = 3, kCount = 4 };

class Writer {
public:
    explicit Writer(const Run& run) : run_(run) {}

    std::string write() {
        int pid = 1;
        for (const Lane& l : run_.lanes) {
            const std::uint64_t process = track(0, fmt::format("{} ({})", l.name, l.role), pid++);
            processes_[l.node] = process;
            const std::uint64_t states = track(process, "state");
            for (const StateSpan& s : l.states) slice(states, s.from, s.to, to_string(s.state));
        }
        exchanges();
        disk();
        logs();
        marks();
        faults(pid++);
        why(pid);
        // Perfetto sorts by time itself, but begins and ends at the same time must come in order.
        std::stable_sort(packets_.begin(), packets_.end(),
                         [](const Packet& a, const Packet& b) { return a.at < b.at; });
        for (const Packet& p : packets_) out_.bytes(field::kPacket, p.bytes);
        return out_.str();
    }

private:
    struct Packet {
        Ns at;
        std::string bytes;
    };

    std::uint64_t track(std::uint64_t parent, std::string_view name, int pid = 0,
                        bool counter = false) {
        const std::uint64_t uuid = ++last_track_;
        Proto descriptor;
        descriptor.number(field::kUuid, uuid);
        if (parent != 0) descriptor.number(field::kParent, parent);
        if (pid != 0) {
            Proto process;
            process.number(field::kPid, static_cast<std::uint64_t>(pid));
            process.bytes(field::kProcessName, name);
            descriptor.bytes(field::kProcess, process.str());
        } else {
            descriptor.bytes(field::kName, name);
        }
        if (counter) descriptor.bytes(field::kCounter, "");
        Proto packet;
        packet.number(field::kSequence, 1);
        packet.bytes(field::kTrack, descriptor.str());
        out_.bytes(field::kPacket, packet.str());
        return uuid;
    }

    void event(std::uint64_t on_track, Ns at, const Proto& event_fields) {
        Proto event = event_fields;
        event.number(field::kTrackUuid, on_track);
        Proto packet;
        packet.number(field::kTimestamp, static_cast<std::uint64_t>(at));
        packet.number(field::kSequence, 1);
        packet.bytes(field::kTrackEvent, event.str());
        packets_.push_back({at, packet.str()});
    }
    void slice(std::uint64_t on_track, Ns from, Ns to, std::string_view name,
               std::uint64_t flow = 0, std::string_view detail = "") {
        Proto begin;
        begin.number(field::kType, kBegin);
        begin.bytes(field::kEventName, name);
        if (flow != 0) begin.fixed64(field::kFlow, flow);
        if (!detail.empty()) {
            Proto annotation;
            annotation.bytes(field::kAnnotationName, "detail");
            annotation.bytes(field::kAnnotationText, detail);
            begin.bytes(field::kAnnotation, annotation.str());
        }
        event(on_track, from, begin);
        Proto end;
        end.number(field::kType, kEnd);
        event(on_track, to, end);
    }
    void instant(std::uint64_t on_track, Ns at, std::string_view name) {
        Proto p;
        p.number(field::kType, kInstant);
        p.bytes(field::kEventName, name);
        event(on_track, at, p);
    }

    // Slices of a track must nest; what overlaps goes to further tracks of the same name.
    struct Slots {
        std::uint64_t process;
        std::string name;
        std::vector<std::pair<Ns, std::uint64_t>> tracks;  // busy until, uuid
    };
    std::uint64_t slot(Slots& slots, Ns from, Ns to) {
        for (auto& [until, uuid] : slots.tracks) {
            if (until <= from) {
                until = to;
                return uuid;
            }
        }
        slots.tracks.emplace_back(to, track(slots.process, slots.name));
        return slots.tracks.back().second;
    }

    void exchanges() {
        std::map<std::int64_t, Slots> asking, answering;
        for (const auto& [node, process] : processes_) {
            asking[node] = {process, "requests", {}};
            answering[node] = {process, "serving", {}};
        }
        struct Served {
            Ns from, to;
            std::size_t exchange;
        };
        std::vector<Served> served;
        for (std::size_t i = 0; i < run_.exchanges.size(); ++i) {
            const Exchange& e = run_.exchanges[i];
            const Message& request = run_.messages[e.request];
            const auto it = asking.find(e.from);
            if (it == asking.end()) continue;
            slice(slot(it->second, e.begin, e.end), e.begin, e.end, name(e), i + 1,
                  fmt::format("to {}, {} bytes{}", run_.trace->node_name(e.to), request.bytes,
                              e.failed() ? ", no answer" : ""));
            if (request.arrived < 0) continue;
            const Ns until = e.response ? run_.messages[*e.response].sent : request.arrived;
            served.push_back({request.arrived, until, i});
        }
        std::stable_sort(served.begin(), served.end(),
                         [](const Served& a, const Served& b) { return a.from < b.from; });
        for (const Served& s : served) {
            const Exchange& e = run_.exchanges[s.exchange];
            const auto it = answering.find(e.to);
            if (it == answering.end()) continue;
            slice(slot(it->second, s.from, s.to), s.from, s.to, name(e), s.exchange + 1);
        }
    }
    std::string name(const Exchange& e) const {
        return e.api < 0 ? "message" : run_.trace->api_name(e.api);
    }

    void disk() {
        std::map<std::int64_t, std::uint64_t> tracks;
        for (const DiskWork& w : run_.disk) {
            if (!processes_.contains(w.node)) continue;
            std::uint64_t& uuid = tracks[w.node];
            if (uuid == 0) uuid = track(processes_[w.node], "disk");
            instant(uuid, w.at,
                    w.sys == 0 ? fmt::format("{} {}", w.op, short_path(w.path))
                               : fmt::format("{} {} failed: {}", w.op, short_path(w.path),
                                             errno_name(w.sys)));
        }
        for (const Lost& w : run_.lost) {
            if (!processes_.contains(w.node)) continue;
            std::uint64_t& uuid = tracks[w.node];
            if (uuid == 0) uuid = track(processes_[w.node], "disk");
            instant(
                uuid, w.at,
                fmt::format("{}: {} bytes at {} of {}", w.how, w.len, w.off, short_path(w.path)));
        }
    }

    void logs() {
        constexpr const char* kNames[] = {"log end", "durable end", "high watermark"};
        std::map<std::tuple<std::int64_t, std::int64_t, Position>, std::uint64_t> tracks;
        for (const Step& s : run_.steps) {
            if (!processes_.contains(s.node)) continue;
            std::uint64_t& uuid = tracks[{s.node, s.partition, s.position}];
            if (uuid == 0) {
                uuid = track(processes_[s.node],
                             fmt::format("{} {}", run_.partition(s.partition),
                                         kNames[static_cast<int>(s.position)]),
                             0, true);
            }
            Proto p;
            p.number(field::kType, kCount);
            p.number(field::kCounterValue, static_cast<std::uint64_t>(s.offset));
            event(uuid, s.at, p);
        }
    }

    void marks() {
        std::map<std::int64_t, std::uint64_t> tracks;
        for (const Mark& m : run_.marks) {
            if (!processes_.contains(m.node)) continue;
            std::uint64_t& uuid = tracks[m.node];
            if (uuid == 0) uuid = track(processes_[m.node], "events");
            instant(uuid, m.at, m.text);
        }
    }

    void faults(int pid) {
        if (run_.faults.empty() && run_.broken.empty()) return;
        const std::uint64_t process = track(0, "faults", pid);
        for (const Fault& f : run_.faults) {
            const std::uint64_t uuid = track(process, fmt::format("F{}", f.index + 1));
            slice(uuid, f.armed, f.healed.value_or(run_.end), f.what);
            for (const Effect& e : f.effects) instant(uuid, e.at, e.what);
        }
        if (run_.broken.empty()) return;
        const std::uint64_t uuid = track(process, "violations");
        for (const Broken& b : run_.broken) {
            instant(uuid, b.at, fmt::format("invariant {}: {}", b.invariant, b.sentence));
        }
    }

    // The causal slice of a failure: an instant for each of its rows, arrows along the causes.
    void why(int pid) {
        const auto slice = make_slice(*run_.trace);
        if (!slice) return;
        std::vector<Proto> rows(slice->rows.size());
        for (std::size_t i = 0; i < rows.size(); ++i) {
            rows[i].number(field::kType, kInstant);
            rows[i].bytes(field::kEventName, slice->rows[i].text);
        }
        std::uint64_t flow = run_.exchanges.size();
        for (const SliceEdge& e : slice_edges(*run_.trace, *slice)) {
            ++flow;
            rows[e.from].fixed64(field::kFlow, flow);
            rows[e.to].fixed64(field::kFlow, flow);
        }
        std::map<int, std::uint64_t> tracks;
        for (std::size_t i = 0; i < rows.size(); ++i) {
            const SliceRow& row = slice->rows[i];
            if (row.at < run_.begin || row.at > run_.end) continue;
            std::uint64_t& uuid = tracks[row.lane];
            if (uuid == 0) {
                const auto lane = static_cast<std::size_t>(row.lane);
                const std::int64_t node = row.lane < 0 ? -1 : slice->lanes[lane].node;
                const auto process = processes_.find(node);
                if (row.lane >= 0 && process == processes_.end()) continue;  // not asked for
                uuid = track(row.lane < 0 ? track(0, "the world", pid) : process->second, "why");
            }
            event(uuid, row.at, rows[i]);
        }
    }

    const Run& run_;
    Proto out_;
    std::vector<Packet> packets_;
    std::map<std::int64_t, std::uint64_t> processes_;
    std::uint64_t last_track_ = 0;
};
}  // namespace

std::string pftrace(const Run& run, bool) { return Writer(run).write(); }
}  // namespace faultline::visualize
