#include <fmt/format.h>

#include "sim/scenario/describe.h"

namespace faultline::sim {
namespace {

constexpr std::string_view kUnsyncedWords[] = {"keep",    "drop",   "torn",
                                               "garbage", "random", "holes"};
constexpr std::string_view kDiskOps[] = {"create", "write", "sync", "rename", "remove", "sync_dir"};
constexpr std::string_view kApis[] = {"produce", "fetch", "metadata", "list_offsets",
                                      "create_topics"};
constexpr std::string_view kStages[] = {"strikes", "bites", "heals"};
constexpr Meaning kTriggers[] = {
    {"disk",
     "A disk operation of the fault's node: create, write, sync, rename, remove, sync_dir."},
    {"event", "An event of the run, such as segment.rolled, leader.changed, node.started."},
    {"after", "Another fault, by its id."}};

void on_disk(Fields& f, Trigger& t) {
    f.word("disk", t.disk_op, kDiskOps, "The operation.");
    f.string("path", t.disk_path, "A shell pattern; *: any path.");
}

void on_event(Fields& f, Trigger& t) {
    static const std::vector<std::string_view> words(event_words().begin(), event_words().end());
    f.word("event", t.event, words, "The event's name.");
    f.names("on", t.on, "Selectors: only events of these nodes.");
    f.string("partition", t.partition, "TOPIC/PARTITION: only events of this one.");
}

void on_fault(Fields& f, Trigger& t) {
    f.string("after", t.after, "The id of the other fault.");
    f.word("stage", t.stage, kStages,
           "strikes: when it begins; bites: at an effect; heals: at its end.");
}

// The two sides of what passes between nodes.
void sides(Fields& f, FaultSpec& s, bool with_both) {
    f.names("from", s.from, "Selectors: one side.");
    f.require("to");
    f.names("to", s.to, "Selectors: the other side.");
    if (with_both) f.boolean("both", s.both, "false: only what goes from `from` to `to`.");
}

void lasts(Fields& f, FaultSpec& s) {
    f.duration("for", s.duration, "How long; absent: until the faults are over.");
}

void at_node(Fields& f, FaultSpec& s) { f.names("node", s.nodes, "Selectors: who suffers."); }

void process_fault(Fields& f, FaultSpec& s) {
    at_node(f, s);
    const auto restarts = [&] {
        f.duration("restart_after", s.duration,
                   "Started again after; absent: when the faults are over.");
    };
    switch (s.kind) {
        case FaultKind::power_loss:
            restarts();
            f.word("unsynced", s.unsynced, kUnsyncedWords,
                   "What becomes of each operation that no fsync has covered; random: drawn for "
                   "each.");
            f.boolean("drop_dir_entries", s.drop_dir_entries,
                      "Unsynced creates, renames and removes are undone.");
            f.duration("within", s.within, "Several nodes: each at a time drawn within this long.");
            break;
        case FaultKind::pause:
            lasts(f, s);
            f.boolean("clock_stands", s.clock_stands,
                      "The node's monotonic clock stands too, as in a stopped virtual machine.");
            break;
        case FaultKind::reconfigure:
            f.require("config");
            f.config("config", s.config, "Broker keys that change with the restart.");
            break;
        case FaultKind::restart: break;
        default: restarts();  // crash, wipe
    }
}

void link_fault(Fields& f, FaultSpec& s) {
    switch (s.kind) {
        case FaultKind::partition:
        case FaultKind::clog:
            sides(f, s, true);
            lasts(f, s);
            break;
        case FaultKind::silent_loss: sides(f, s, true); break;
        case FaultKind::half_open: sides(f, s, false); break;
        case FaultKind::slow_link:
            sides(f, s, false);
            f.duration("by", s.by, "So much longer.");
            f.size("bandwidth", s.bandwidth, "Bytes a second; 0: no limit.");
            lasts(f, s);
            break;
        default:  // reorder
            sides(f, s, true);
            f.require("by");
            f.duration("by", s.by, "Each message takes up to so much longer, drawn for each.");
            lasts(f, s);
    }
}

void node_network_fault(Fields& f, FaultSpec& s) {
    at_node(f, s);
    switch (s.kind) {
        case FaultKind::refuse:
        case FaultKind::dns_failure: lasts(f, s); break;
        case FaultKind::slow_reader:
            f.require("bandwidth");
            f.size("bandwidth", s.bandwidth, "Bytes a second.");
            lasts(f, s);
            break;
        case FaultKind::short_reads:
        case FaultKind::short_writes:
            f.integer("most", s.most, 1, 1 << 20, "Bytes at a time, at most.");
            lasts(f, s);
            break;
        case FaultKind::cut_each_byte:
            f.integer("from_byte", s.from_byte, 0, 1 << 20,
                      "The first connection is cut after so many bytes.");
            f.integer("to_byte", s.to_byte, 0, 1 << 20, "The last one after so many.");
            f.boolean("answers", s.answers,
                      "Counted in the broker's stream, else in the client's.");
            if (s.from_byte > s.to_byte) f.fail("to_byte", "is below from_byte");
            break;
        case FaultKind::drop_response:
            f.require("api");
            f.word("api", s.api, kApis, "Answers to this request.");
            f.integer("times", s.times, 1, 1'000'000, "So many of them.");
            break;
        default: break;  // reset has no members
    }
}

void disk_fault(Fields& f, FaultSpec& s) {
    at_node(f, s);
    const auto path = [&] { f.string("path", s.path, "Files that match this shell pattern."); };
    const auto times = [&] { f.integer("times", s.times, 1, 1'000'000, "So often."); };
    switch (s.kind) {
        case FaultKind::sync_error:
        case FaultKind::read_error:
        case FaultKind::write_error:
            path();
            times();
            f.duration("restart_after", s.duration,
                       "The node is restarted after, with a sound disk.");
            break;
        case FaultKind::latent_sector:
        case FaultKind::bit_rot:
            f.require("path");
            path();
            f.size("at_byte", s.at_byte, "Where, from the file's beginning.");
            break;
        case FaultKind::misdirected_write:
            path();
            times();
            f.string("path_to", s.path_to,
                     "It lands in a file that matches this; *: the same file.");
            f.integer("shift", s.shift, -(1 << 30), 1 << 30, "It lands so many bytes further.");
            break;
        case FaultKind::lying_sync:
            path();
            lasts(f, s);
            break;
        case FaultKind::disk_capacity:
            f.require("bytes");
            f.size("bytes", s.bytes, "How large the disk is meanwhile.");
            lasts(f, s);
            break;
        case FaultKind::slow_disk:
            f.integer("factor", s.factor, 1, 1'000'000, "So many times longer.");
            lasts(f, s);
            break;
        case FaultKind::lose_log_dir:
            f.require("path");
            f.string("path", s.path, "The directory, such as data.");
            f.duration("restart_after", s.duration,
                       "The node is restarted after, with the directory back.");
            break;
        default: lasts(f, s);  // hung_disk
    }
}

void clock_fault(Fields& f, FaultSpec& s) {
    at_node(f, s);
    if (s.kind == FaultKind::clock_jump) {
        f.require("by");
        f.duration("by", s.by, "Forward, or back with a minus.", true);
    }
    if (s.kind == FaultKind::clock_drift) {
        f.require("ppm");
        f.integer("ppm", s.ppm, -500'000, 500'000,
                  "Millionths that the clocks run fast; slow with a minus.");
    }
    lasts(f, s);
}

void operation(Fields& f, FaultSpec& s) {
    if (changes_voters(s.kind)) {
        f.require("node");
        f.names("node", s.nodes, "Selectors: the controllers, one after the other.");
        return;
    }
    f.require("partition");
    f.string("partition", s.partition, "TOPIC/PARTITION.");
    switch (s.kind) {
        case FaultKind::reassign:
            f.names("replicas", s.replicas,
                    "Brokers by name, the preferred leader first; absent: what is under way is "
                    "cancelled.");
            break;
        case FaultKind::elect:
            f.boolean("unclean", s.unclean, "Any live replica, at the price of what it lacks.");
            break;
        default:
            f.integer("before", s.before, -1, INT64_MAX,
                      "What lies below this offset; -1: below the high watermark.");
    }
}

bool between_sides(FaultKind kind) {
    switch (kind) {
        case FaultKind::partition:
        case FaultKind::clog:
        case FaultKind::silent_loss:
        case FaultKind::half_open:
        case FaultKind::slow_link:
        case FaultKind::reorder: return true;
        default: return false;
    }
}

std::span<const Meaning> kind_meanings() {
    static const std::vector<Meaning> all = [] {
        std::vector<Meaning> made;
        for (const FaultInfo& i : fault_kinds()) made.push_back({i.word, i.doc});
        return made;
    }();
    return all;
}
}  // namespace

void describe(Fields& f, Trigger& t) {
    auto index = t.kind == Trigger::Kind::time ? 0 : static_cast<std::size_t>(t.kind) - 1;
    f.alternatives(index, kTriggers, [&](Fields& w) {
        t.kind = static_cast<Trigger::Kind>(index + 1);
        if (t.kind == Trigger::Kind::disk) on_disk(w, t);
        if (t.kind == Trigger::Kind::event) on_event(w, t);
        if (t.kind == Trigger::Kind::after) on_fault(w, t);
        w.integer("nth", t.nth, 1, 1'000'000, "Counted from `at` on, from 1.");
        w.duration("plus", t.plus, "So much later.");
    });
}

void describe(Fields& f, FaultSpec& s) {
    auto index = static_cast<std::size_t>(s.kind);
    f.variants("do", index, kind_meanings(), [&](Fields& v) {
        s.kind = static_cast<FaultKind>(index);
        v.string("id", s.id, "A name for messages, for expect.vacuous and for `after`.");
        v.duration("at", s.when.at, "When it strikes, or when it begins to wait for `when`.");
        bool waits = s.when.kind != Trigger::Kind::time;
        v.optional_object("when", waits, "What it waits for.",
                          [&](Fields& w) { describe(w, s.when); });
        if (between_sides(s.kind)) return link_fault(v, s);
        switch (info(s.kind).group) {
            case FaultClass::process: return process_fault(v, s);
            case FaultClass::network: return node_network_fault(v, s);
            case FaultClass::disk: return disk_fault(v, s);
            case FaultClass::clock: return clock_fault(v, s);
            case FaultClass::operation: return operation(v, s);
            case FaultClass::count_: break;
        }
    });
}
}  // namespace faultline::sim
