#include "visualize/run_model.h"

#include <algorithm>
#include <cerrno>
#include <functional>
#include <unordered_map>

#include <fmt/format.h>

namespace faultline::visualize {
namespace {

bool is_broker(std::string_view role) { return role == "broker" || role == "controller"; }

// "+30 days", "-250 ms"
std::string jump_text(std::int64_t ms) {
    const std::int64_t size = ms < 0 ? -ms : ms;
    if (size >= 2 * 86'400'000) return fmt::format("{:+} days", ms / 86'400'000);
    if (size >= 2 * 3'600'000) return fmt::format("{:+} hours", ms / 3'600'000);
    return size >= 2'000 ? fmt::format("{:+} s", ms / 1'000) : fmt::format("{:+} ms", ms);
}

class Builder {
public:
    explicit Builder(const Trace& trace) : trace_(trace) { run_.trace = &trace; }

    Run build() {
        for (const bool brokers : {false, true}) {
            for (const NodeHead& n : trace_.nodes) {
                if (is_broker(n.role) == brokers) {
                    run_.lanes.push_back({n.id, n.name, n.role, brokers, {}});
                }
            }
        }
        std::vector<const Handler*> by_type;
        for (const EventType& type : trace_.types) {
            const auto it = handlers().find(type.name);
            by_type.push_back(it == handlers().end() ? nullptr : &it->second);
        }
        for (const Event& event : trace_.events) {
            at_ = event.at;
            event_ = &event;
            run_.end = std::max(run_.end, at_);
            if (by_type[event.type] != nullptr) (*by_type[event.type])(*this);
        }
        finish();
        return std::move(run_);
    }

private:
    using Handler = std::function<void(Builder&)>;
    using Handlers = std::unordered_map<std::string, Handler>;
    static const Handlers& handlers();  // by the name of the event's type
    static Handlers node_handlers();
    static Handlers network_and_disk_handlers();
    static Handlers log_handlers();
    static Handlers broker_and_client_handlers();

    std::int64_t get(std::string_view name) const { return trace_.get(*event_, name); }
    const std::string& label(std::string_view name) const { return trace_.label(get(name)); }
    const std::string& partition() const { return run_.partition(get("partition")); }
    Lane& lane(std::int64_t node) {
        for (Lane& l : run_.lanes) {
            if (l.node == node) return l;
        }
        return run_.lanes.emplace_back(Lane{node, trace_.node_name(node), "node", true, {}});
    }

    void state(State s, bool power_loss = false) {
        Lane& l = lane(get("node"));
        if (!l.states.empty()) l.states.back().to = at_;
        l.states.push_back({at_, at_, s, power_loss});
    }
    // A partition of the broker's own.
    bool internal() const { return partition().starts_with("__"); }
    void turn(bool great = false) {
        run_.turns.push_back(at_);
        if (great) run_.great_turns.push_back(at_);
    }
    void mark(std::string kind, std::string text, Weight weight = Weight::normal) {
        run_.marks.push_back({at_, get("node"), std::max<std::int64_t>(get("partition"), 0),
                              std::move(kind), std::move(text), weight});
    }
    void mark_at(std::int64_t node, std::string kind, std::string text, Weight weight) {
        run_.marks.push_back({at_, node, 0, std::move(kind), std::move(text), weight});
    }
    void step(Position position, std::int64_t offset) {
        run_.steps.push_back({at_, get("node"), get("partition"), position, offset});
    }
    void records(bool read, std::int64_t first, std::int64_t count) {
        run_.records.push_back(
            {at_, at_, get("node"), get("partition"), read, count, first, first + count - 1});
    }

    void started() {
        const Lane& l = lane(get("node"));
        state(l.broker ? State::recovering : State::up);
        if (l.states.size() > 1 || at_ > 0) turn(true);
    }
    void sent();
    void delivered();
    void disk();
    void log_opened();
    void isr();
    std::string members();
    void fault_effect();
    Fault& fault(std::int64_t index);
    // Whether the message's connection ended, or one of its nodes, at or after `since`.
    bool cut_after(const Message& m, Ns since) const;
    void finish();

    const Trace& trace_;
    Run run_;
    const Event* event_ = nullptr;
    Ns at_ = 0, last_effect_ = -1;
    std::unordered_map<std::int64_t, std::size_t> message_by_id_;
    struct Call {
        std::int64_t conn, correlation;
        bool operator==(const Call&) const = default;
    };
    struct CallHash {
        std::size_t operator()(const Call& c) const {
            return static_cast<std::size_t>(c.conn) * 0x9e3779b97f4a7c15ULL ^
                   static_cast<std::size_t>(c.correlation);
        }
    };
    std::unordered_map<Call, std::size_t, CallHash> open_;  // requests without their response yet
    std::map<std::int64_t, std::pair<std::int64_t, std::int64_t>> conns_;  // conn -> from, to
    // The exchange whose bytes flow in one direction of a connection: by conn and response.
    std::map<std::pair<std::int64_t, int>, std::int64_t> talk_;
    std::map<std::int64_t, Ns> closed_;  // by conn
};

void Builder::sent() {
    Message m{.id = get("message"),
              .conn = get("conn"),
              .from = get("from"),
              .to = get("to"),
              .sent = at_,
              .bytes = get("bytes"),
              .api = get("api_key"),
              .response = get("response") == 1,
              .correlation = get("correlation")};
    const std::size_t index = run_.messages.size();
    const Call call{m.conn, m.correlation};
    std::int64_t& talk = talk_.try_emplace({m.conn, m.response ? 1 : 0}, -1).first->second;
    if (m.correlation < 0 && talk >= 0) {
        m.exchange = talk;  // a further piece of what began before
    } else if (m.response) {
        if (const auto it = open_.find(call); it != open_.end()) {
            Exchange& x = run_.exchanges[it->second];
            x.response = index;
            m.exchange = static_cast<std::int64_t>(it->second);
            m.api = x.api;
            talk = m.exchange;
            open_.erase(it);
        }
    } else {
        m.exchange = static_cast<std::int64_t>(run_.exchanges.size());
        talk = m.exchange;
        run_.exchanges.push_back({index, {}, m.from, m.to, m.api, at_, at_});
        if (m.correlation >= 0) open_[call] = run_.exchanges.size() - 1;
    }
    message_by_id_[m.id] = index;
    run_.messages.push_back(m);
}

void Builder::delivered() {
    const auto it = message_by_id_.find(get("message"));
    if (it == message_by_id_.end() || get("last") == 0) return;
    run_.messages[it->second].arrived = at_;
}

void Builder::disk() {
    const EventType& type = trace_.types[event_->type];
    std::string op;
    for (std::size_t i = 0; i < type.fields.size(); ++i) {
        if (type.fields[i].name == "op")
            op = trace_.text(type.fields[i], trace_.fields(*event_)[i]);
    }
    DiskWork work{at_, get("node"), op, label("path"), get("off"), get("len"), get("sys")};
    if (work.sys != 0) {
        mark("disk " + op,
             fmt::format("{} of {} failed: {}", op, short_path(work.path), errno_name(work.sys)),
             Weight::bad);
    }
    run_.disk.push_back(std::move(work));
}

void Builder::log_opened() {
    const std::int64_t end = get("log_end");
    step(Position::log_end, end);
    step(Position::durable_end, end);
    const bool first = end == 0;
    if (!run_.marks.empty()) {  // the torn tail's mark says it all
        const Mark& last = run_.marks.back();
        if (last.kind == "torn" && last.node == get("node") && last.partition == get("partition")) {
            return;
        }
    }
    if (internal()) return;
    mark("log opened", fmt::format("{} opened, log end {}", partition(), end),
         first ? Weight::minor : Weight::normal);
}

// " n1 n2": one bit of `members` for each node's id.
std::string Builder::members() {
    std::string names;
    const auto bits = static_cast<std::uint64_t>(get("members"));
    for (std::int64_t id = 0; id < 64; ++id) {
        if ((bits >> id & 1) != 0) names += " " + trace_.node_name(id);
    }
    return names;
}

void Builder::isr() {
    mark("isr", fmt::format("{} in sync:{}", partition(), members()), Weight::minor);
}

Fault& Builder::fault(std::int64_t index) {
    for (Fault& f : run_.faults) {
        if (f.index == index) return f;
    }
    return run_.faults.emplace_back(Fault{index, "", at_, {}, {}});
}

void Builder::fault_effect() {
    last_effect_ = at_;
    Fault& f = fault(get("fault"));
    if (f.effects.empty()) turn();
    f.effects.push_back({at_, get("node"), label("what")});
}

const Builder::Handlers& Builder::handlers() {
    static const Handlers kTable = [] {
        Handlers all = node_handlers();
        all.merge(network_and_disk_handlers());
        all.merge(log_handlers());
        all.merge(broker_and_client_handlers());
        return all;
    }();
    return kTable;
}

Builder::Handlers Builder::node_handlers() {
    using B = Builder;
    return {
        {"NodeStarted", [](B& b) { b.started(); }},
        {"BrokerReady", [](B& b) { b.state(State::up); }},
        {"NodeStopped",
         [](B& b) {
             b.state(State::stopped);
             if (b.lane(b.get("node")).broker) b.turn(true);  // a client has just done its work
         }},
        {"NodeCrashed",
         [](B& b) {
             b.state(State::crashed, b.get("power_loss") == 1);
             b.turn(true);
         }},
        {"NodePaused",
         [](B& b) {
             const auto& before = b.lane(b.get("node")).states;
             const State back = before.size() > 1 ? before[before.size() - 2].state : State::up;
             b.state(b.get("paused") == 1 ? State::paused : back);
             b.turn();
         }},
        {"ClockJumped",
         [](B& b) {
             b.mark("clock", fmt::format("wall clock jumped by {}", jump_text(b.get("by_ms"))));
         }},
        {"FaultArmed",
         [](B& b) {
             Fault& f = b.fault(b.get("fault"));
             f.what = b.label("what");
             f.armed = b.at_;
         }},
        {"FaultEffect", [](B& b) { b.fault_effect(); }},
        {"FaultHealed",
         [](B& b) {
             b.fault(b.get("fault")).healed = b.at_;
             b.turn();
         }},
        {"Violation",
         [](B& b) {
             b.run_.broken.push_back({b.at_, b.get("invariant"), b.label("sentence")});
             b.turn(true);
         }},
        {"Note", [](B& b) { b.mark("note " + b.label("text"), b.label("text")); }},
    };
}

Builder::Handlers Builder::network_and_disk_handlers() {
    using B = Builder;
    return {
        {"ConnOpened",
         [](B& b) {
             b.conns_[b.get("conn")] = {b.get("from"), b.get("to")};
         }},
        {"ConnClosed",
         [](B& b) {
             if (!b.closed_.try_emplace(b.get("conn"), b.at_).second) return;  // the other side
             // Ends that leave nobody waiting are the way in which clients go.
             const bool missed = std::any_of(b.open_.begin(), b.open_.end(), [&](const auto& o) {
                 return o.first.conn == b.get("conn");
             });
             const auto conn = b.conns_.find(b.get("conn"));
             const bool own = conn != b.conns_.end() && conn->second.first == b.get("by") &&
                              b.last_effect_ != b.at_;
             if (b.get("reset") != 1 || !missed || own) return;
             const auto it = b.conns_.find(b.get("conn"));
             const std::int64_t by = b.get("by");
             const std::int64_t node = it != b.conns_.end() ? it->second.first : by;
             const std::int64_t peer = it != b.conns_.end() ? it->second.second : by;
             b.mark_at(node, fmt::format("reset {}", peer),
                       fmt::format("connection to {} cut", b.trace_.node_name(peer)),
                       Weight::normal);
         }},
        {"ConnRefused",
         [](B& b) {
             b.mark_at(b.get("from"), fmt::format("refused {}", b.get("to")),
                       fmt::format("connect to {} refused", b.trace_.node_name(b.get("to"))),
                       Weight::minor);
         }},
        {"MessageSent", [](B& b) { b.sent(); }},
        {"MessageDelivered", [](B& b) { b.delivered(); }},
        {"MessageDropped",
         [](B& b) {
             const auto it = b.message_by_id_.find(b.get("message"));
             if (it != b.message_by_id_.end()) b.run_.messages[it->second].dropped = true;
         }},
        {"DiskDone", [](B& b) { b.disk(); }},
        {"DiskLost",
         [](B& b) {
             const EventType& type = b.trace_.types[b.event_->type];
             std::string how;
             for (std::size_t i = 0; i < type.fields.size(); ++i) {
                 if (type.fields[i].name != "how") continue;
                 how = b.trace_.text(type.fields[i], b.trace_.fields(*b.event_)[i]);
             }
             b.run_.lost.push_back(
                 {b.at_, b.get("node"), b.label("path"), how, b.get("off"), b.get("len")});
         }},
    };
}

Builder::Handlers Builder::log_handlers() {
    using B = Builder;
    return {
        {"LogOpened", [](B& b) { b.log_opened(); }},
        {"TornTailCut",
         [](B& b) {
             b.mark("torn", fmt::format("cut {} bytes of a torn tail of {}, log end {}",
                                        b.get("bytes"), b.partition(), b.get("log_end")));
         }},
        {"CorruptionFound",
         [](B& b) {
             b.mark("corrupt",
                    fmt::format("{} is corrupt at offset {}", b.partition(), b.get("at")),
                    Weight::bad);
         }},
        {"BatchAppended", [](B& b) { b.step(Position::log_end, b.get("last") + 1); }},
        {"LogFlushed", [](B& b) { b.step(Position::durable_end, b.get("durable_end")); }},
        {"HighWatermark", [](B& b) { b.step(Position::high_watermark, b.get("hw")); }},
        {"LogTruncated",
         [](B& b) {
             b.step(Position::log_end, b.get("to"));
             b.mark("truncated", fmt::format("{} truncated from {} to {}", b.partition(),
                                             b.get("from"), b.get("to")));
         }},
        {"LogStartMoved",
         [](B& b) {
             b.mark("start", fmt::format("{} now starts at {}", b.partition(), b.get("to")),
                    Weight::minor);
         }},
        {"SegmentRolled",
         [](B& b) {
             b.mark("rolled", fmt::format("{} rolled at {}", b.partition(), b.get("base")),
                    Weight::minor);
         }},
        {"SegmentDeleted",
         [](B& b) {
             b.mark("deleted", fmt::format("{} deleted segment {}", b.partition(), b.get("base")),
                    Weight::minor);
         }},
    };
}

Builder::Handlers Builder::broker_and_client_handlers() {
    using B = Builder;
    return {
        {"LogDirFailed",
         [](B& b) {
             b.mark("dir failed", fmt::format("log directory failed: {}", errno_name(b.get("sys"))),
                    Weight::bad);
             b.turn();
         }},
        {"DiskFull",
         [](B& b) {
             const bool full = b.get("full") == 1;
             b.mark(full ? "full" : "not full",
                    full ? "disk full, writes refused" : "space again, writes accepted",
                    full ? Weight::bad : Weight::normal);
             b.turn();
         }},
        {"LeaderChanged",
         [](B& b) {
             b.mark("leader",
                    fmt::format("{} leads {} in epoch {}", b.trace_.node_name(b.get("leader")),
                                b.partition(), b.get("epoch")),
                    Weight::minor);
         }},
        {"IsrChanged", [](B& b) { b.isr(); }},
        {"VotersChanged",
         [](B& b) {
             b.mark("voters", fmt::format("voters of the quorum:{}", b.members()), Weight::normal);
         }},
        {"ControllerActive",
         [](B& b) {
             b.mark("controller", fmt::format("active controller of epoch {}", b.get("epoch")),
                    Weight::minor);
         }},
        {"ProduceAnswered",
         [](B& b) {
             if (b.get("error") == 0) return;
             b.mark(fmt::format("answered {}", b.get("error")),
                    fmt::format("refused a Produce, error {}", b.get("error")), Weight::bad);
         }},
        {"ConnectionShut",
         [](B& b) {
             b.mark(fmt::format("shut {}", b.get("reason")), "shut a connection", Weight::normal);
         }},
        {"ProduceAcked", [](B& b) { b.records(false, b.get("first"), b.get("count")); }},
        {"ProduceFailed",
         [](B& b) {
             const std::int64_t count = b.get("count");
             b.mark(
                 fmt::format("failed {}", b.get("error")),
                 fmt::format("{} {} failed, error {}{}", count, count == 1 ? "record" : "records",
                             b.get("error"), b.get("maybe_written") == 1 ? ", maybe written" : ""),
                 Weight::bad);
         }},
        {"RecordDelivered", [](B& b) { b.records(true, b.get("at"), 1); }},
    };
}

bool Builder::cut_after(const Message& m, Ns since) const {
    if (const auto it = closed_.find(m.conn); it != closed_.end() && it->second >= since)
        return true;
    return std::any_of(run_.lanes.begin(), run_.lanes.end(), [&](const Lane& l) {
        return (l.node == m.from || l.node == m.to) &&
               std::any_of(l.states.begin(), l.states.end(), [&](const StateSpan& s) {
                   return s.from >= since &&
                          (s.state == State::crashed || s.state == State::stopped);
               });
    });
}

void Builder::finish() {
    for (Lane& l : run_.lanes) {
        if (!l.states.empty()) l.states.back().to = run_.end;
        std::erase_if(l.states, [](const StateSpan& s) {
            return s.to == s.from && s.state == State::recovering;
        });
    }
    for (Message& m : run_.messages) m.cut = m.arrived < 0 && cut_after(m, m.sent);
    for (Exchange& x : run_.exchanges) {
        const Message& request = run_.messages[x.request];
        x.end = request.last();
        if (!x.response) {
            x.open = !request.dropped && !cut_after(request, request.sent);
            continue;
        }
        const Message& response = run_.messages[*x.response];
        x.end = std::max(x.end, response.last());
        x.answered = request.arrived >= 0 && response.arrived >= 0;
        x.open = !x.answered && !request.lost() && !response.lost();
    }
    for (std::size_t i = 0; i < run_.messages.size(); ++i) {  // further pieces
        const Message& m = run_.messages[i];
        if (m.exchange < 0) continue;
        Exchange& x = run_.exchanges[static_cast<std::size_t>(m.exchange)];
        if (x.request == i || x.response == i) continue;
        x.end = std::max(x.end, m.last());
        x.open = m.arrived >= 0 ? x.open : (x.answered || x.open) && !m.lost();
        x.answered = x.answered && m.arrived >= 0;
    }
    for (std::vector<Ns>* turns : {&run_.turns, &run_.great_turns}) {
        std::sort(turns->begin(), turns->end());
        turns->erase(std::unique(turns->begin(), turns->end()), turns->end());
    }
}
}  // namespace

std::string_view to_string(State state) noexcept {
    switch (state) {
        case State::up: return "up";
        case State::recovering: return "recovering";
        case State::paused: return "paused";
        case State::crashed: return "down";
        case State::stopped: return "stopped";
    }
    return "";
}

const Lane* Run::lane(std::int64_t node) const {
    for (const Lane& l : lanes) {
        if (l.node == node) return &l;
    }
    return nullptr;
}

const std::string& Run::partition(std::int64_t key) const {
    const auto i = static_cast<std::uint64_t>(key);
    return trace->partitions[i < trace->partitions.size() ? i : 0].text;
}

Run make_run(const Trace& trace) { return Builder(trace).build(); }

std::string short_path(const std::string& path) {
    std::size_t cut = path.rfind('/');
    if (cut == std::string::npos) return path;
    std::string file = path.substr(cut + 1);
    const std::size_t digits = file.find_first_not_of("0123456789");
    if (digits == 20) file.erase(0, std::min(file.find_first_not_of('0'), std::size_t{19}));
    const std::size_t before = cut == 0 ? std::string::npos : path.rfind('/', cut - 1);
    const std::size_t from = before == std::string::npos ? 0 : before + 1;
    return path.substr(from, cut - from) + "/" + file;
}

std::string errno_name(std::int64_t sys) {
    switch (sys) {
        case EIO: return "EIO";
        case ENOSPC: return "ENOSPC";
        case ENOENT: return "ENOENT";
        case EEXIST: return "EEXIST";
        case EDQUOT: return "EDQUOT";
        default: return fmt::format("errno {}", sys);
    }
}
}  // namespace faultline::visualize
