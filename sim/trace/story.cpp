#include "sim/trace/story.h"

#include <algorithm>
#include <cerrno>

#include <fmt/format.h>

namespace faultline::sim {
namespace {
std::string seconds(MonoTime at) {
    return fmt::format("{}.{:03}s", at.ns / 1'000'000'000, at.ns / 1'000'000 % 1000);
}

std::string length(Duration d) {
    const auto us = d.count() / 1000;
    if (us < 10'000) return fmt::format("{}.{} ms", us / 1000, us / 100 % 10);
    if (us < 10'000'000) return fmt::format("{} ms", us / 1000);
    return fmt::format("{} s", us / 1'000'000);
}

// "+30 days", "-250 ms"
std::string jump(std::int64_t ms) {
    const std::int64_t size = ms < 0 ? -ms : ms;
    if (size >= 2 * 86'400'000) return fmt::format("{:+} days", ms / 86'400'000);
    if (size >= 2 * 3'600'000) return fmt::format("{:+} hours", ms / 3'600'000);
    return size >= 2'000 ? fmt::format("{:+} s", ms / 1'000) : fmt::format("{:+} ms", ms);
}

std::string counted(std::int64_t n, std::string_view one, std::string_view many) {
    return n == 1 ? fmt::format("one {}", one) : fmt::format("{} {}", n, many);
}

std::string errno_text(std::uint64_t sys) {
    switch (sys) {
        case EIO: return "EIO";
        case ENOSPC: return "ENOSPC";
        case ENOENT: return "ENOENT";
        default: return fmt::format("errno {}", sys);
    }
}

std::string_view disk_op(std::uint64_t op) {
    constexpr std::string_view kNames[] = {"read",   "write",  "sync",   "truncate",
                                           "create", "rename", "remove", "directory sync"};
    return kNames[op];
}

// "orders-0/00000000000000000000.log" -> "orders-0"; another file keeps its name.
std::string place(std::string_view path) {
    const std::size_t slash = path.rfind('/');
    if (slash == std::string_view::npos || !path.ends_with("log")) {
        return std::string(slash == std::string_view::npos ? path : path.substr(slash + 1));
    }
    const std::size_t before = slash == 0 ? std::string_view::npos : path.rfind('/', slash - 1);
    const std::size_t from = before == std::string_view::npos ? 0 : before + 1;
    return std::string(path.substr(from, slash - from));
}

std::string joined(const std::vector<std::string>& parts) {
    std::string out;
    for (std::size_t i = 0; i < parts.size(); ++i) {
        out += i == 0 ? "" : i + 1 == parts.size() ? " and " : ", ";
        out += parts[i];
    }
    return out;
}

template <class... F>
struct Match : F... {
    using F::operator()...;
};
}  // namespace

void StoryTeller::say(MonoTime at, std::string text, Rank rank) {
    sentences_.push_back({at, std::move(text), rank});
}

void StoryTeller::add(MonoTime at, Key key, std::int64_t count, std::int64_t first,
                      std::int64_t end) {
    const auto [it, fresh] = sums_.try_emplace(key);
    Sum& sum = it->second;
    if (fresh) {
        sum.first = first;
        sum.end = end;
    }
    sum.last = at;
    sum.count += count;
    // -1: the answer gave no offset.
    if (sum.first < 0 || (first >= 0 && first < sum.first)) sum.first = first;
    sum.end = std::max(sum.end, end);
}

void StoryTeller::turn() {
    tell_loss();
    tell_starts();
    for (const auto& [key, sum] : sums_) {
        const Sort sort = std::get<0>(key);
        const bool routine = sort == Sort::refused || sort == Sort::rolled ||
                             sort == Sort::deleted || sort == Sort::cut;
        say(sum.last, sum_text(key, sum), routine ? Rank::routine : Rank::event);
    }
    sums_.clear();
}

void StoryTeller::settle(MonoTime at) {
    end_ = std::max(end_, at);
    if (losing_ && at > loss_.at) tell_loss();
}

std::string StoryTeller::records_text(const Key& key, const Sum& sum) const {
    const auto& [sort, node, topic, extra] = key;
    const std::string where = partition(static_cast<probe::PartitionKey>(topic));
    const std::string records = counted(sum.count, "record", "records");
    if (sort == Sort::acked && sum.end < 0) {  // acks=0, or known as duplicates
        return fmt::format("{} was acknowledged {} of {}, without offsets.", name(node), records,
                           where);
    }
    const std::string offsets = sum.count == 1
                                    ? fmt::format("offset {}", sum.first)
                                    : fmt::format("offsets {} to {}", sum.first, sum.end);
    if (sort == Sort::acked) {
        return fmt::format("{} was acknowledged {} of {} ({}).", name(node), records, where,
                           offsets);
    }
    if (sort == Sort::read)
        return fmt::format("{} read {} of {} ({}).", name(node), records, where, offsets);
    return fmt::format("{} failed to produce {} to {}: error {}{}.", name(node), records, where,
                       static_cast<std::int64_t>(extra >> 1),
                       (extra & 1U) != 0 ? ", maybe written" : "");
}

std::string StoryTeller::sum_text(const Key& key, const Sum& sum) const {
    const auto& [sort, node, a, b] = key;
    const auto text = [this](std::uint64_t id) {
        return recorder_.text(Label{static_cast<std::uint32_t>(id)});
    };
    switch (sort) {
        case Sort::acked:
        case Sort::read:
        case Sort::failed: return records_text(key, sum);
        case Sort::refused:
            return fmt::format("{} was refused {} to {}.", name(node),
                               counted(sum.count, "connection", "connections"),
                               name(NodeId{static_cast<std::int32_t>(a)}));
        case Sort::cut:
            return fmt::format("{} to {} {} cut.", counted(sum.count, "connection", "connections"),
                               name(node), sum.count == 1 ? "was" : "were");
        case Sort::dropped:
            return fmt::format("{} lost on the way.",
                               counted(sum.count, "message was", "messages were"));
        case Sort::disk_failed:
            return fmt::format("On {} {} failed with {}.", name(node),
                               counted(sum.count, disk_op(a), fmt::format("{}s", disk_op(a))),
                               errno_text(b));
        case Sort::answered:
            return fmt::format("{} refused {} with error {}.", name(node),
                               counted(sum.count, "Produce", "Produce requests"),
                               static_cast<std::int64_t>(b));
        case Sort::rolled:
            return fmt::format("{} began {} of {}.", name(node),
                               counted(sum.count, "new segment", "new segments"),
                               partition(static_cast<probe::PartitionKey>(a)));
        case Sort::deleted:
            return fmt::format("{} deleted {} of {}.", name(node),
                               counted(sum.count, "segment", "segments"),
                               partition(static_cast<probe::PartitionKey>(a)));
        case Sort::effect:
            return fmt::format("Fault {} took effect{}: {}.", a + 1,
                               sum.count == 1 ? "" : fmt::format(" {} times", sum.count), text(b));
        case Sort::note:
            return fmt::format("{}: {}{}.", name(node), text(b),
                               sum.count == 1 ? "" : fmt::format(" ({} times)", sum.count));
    }
    return "";
}

void StoryTeller::started(MonoTime at, const NodeStarted& e) {
    if (e.incarnation == 0) {
        if (!starts_.empty() && starts_.back().first != at) tell_starts();
        starts_.emplace_back(at, e.node);
        return;
    }
    turn();
    say(at, name(e.node) + " started again.");
    recoveries_[e.node] = {at, {}, {}};
}

void StoryTeller::stopped(MonoTime at, const NodeStopped& e) {
    if (!e.clean) turn();
    say(at, fmt::format("{} {}.", name(e.node), e.clean ? "stopped" : "ended by itself"));
}

void StoryTeller::crashed(MonoTime at, const NodeCrashed& e) {
    std::erase_if(sums_, [&](const auto& sum) {  // the fault that did it: this sentence tells it
        return std::get<0>(sum.first) == Sort::effect && std::get<1>(sum.first) == e.node &&
               sum.second.last == at;
    });
    turn();
    if (!e.power_loss) return say(at, fmt::format("{} was killed.", name(e.node)));
    loss_ = {e.node, at, {}};
    losing_ = true;
}

void StoryTeller::paused(MonoTime at, const NodePaused& e) {
    turn();
    if (e.paused) {
        paused_[e.node] = at;
        say(at, fmt::format("{} stood still.", name(e.node)));
    } else {
        say(at, fmt::format("{} went on after {}.", name(e.node), length(at - paused_[e.node])));
    }
}

void StoryTeller::tell_starts() {
    if (starts_.empty()) return;
    std::vector<std::string> names;
    for (const auto& [at, node] : starts_) names.push_back(name(node));
    say(starts_.front().first, joined(names) + " started.");
    starts_.clear();
}

void StoryTeller::opened(NodeId node, const probe::LogOpened& e) {
    const auto it = recoveries_.find(node);
    if (it == recoveries_.end() || partition(e.partition).starts_with("__")) return;
    std::string part = fmt::format("{} log end {}", partition(e.partition), e.log_end.v);
    if (const auto torn = it->second.torn.find(e.partition); torn != it->second.torn.end()) {
        part = fmt::format("{} cut {} bytes of a torn tail, log end {}", partition(e.partition),
                           torn->second, e.log_end.v);
    }
    it->second.parts.push_back(std::move(part));
}

void StoryTeller::ready(MonoTime at, NodeId node) {
    const auto it = recoveries_.find(node);
    if (it == recoveries_.end()) return;
    auto parts = std::move(it->second.parts);
    const std::size_t more = parts.size() > 6 ? parts.size() - 6 : 0;
    parts.resize(parts.size() - more);
    if (more > 0) parts.push_back(fmt::format("{} more partitions", more));
    std::string text;
    for (const std::string& part : parts) text += (text.empty() ? ": " : "; ") + part;
    say(at, fmt::format("{} recovered in {}{}.", name(node), length(at - it->second.since), text));
    recoveries_.erase(it);
}

void StoryTeller::tell_loss() {
    if (!losing_) return;
    losing_ = false;
    // By file, in the order in which they come.
    std::vector<std::string> parts;
    std::vector<std::pair<std::string, std::uint64_t>> torn;
    std::map<std::string, std::int64_t> dropped;
    std::int64_t entries = 0, garbage = 0;
    for (const DiskLost& l : loss_.pieces) {
        const std::string file = place(recorder_.text(l.path));
        switch (l.how) {
            case LossKind::kept: break;
            case LossKind::dropped: ++dropped[file]; break;
            case LossKind::torn: torn.emplace_back(file, l.off); break;
            case LossKind::garbage: ++garbage; break;
            case LossKind::dir_entry: ++entries; break;
        }
    }
    for (const auto& [file, n] : dropped) {
        parts.push_back(fmt::format("{} of {} {} dropped",
                                    counted(n, "unsynced write", "unsynced writes"), file,
                                    n == 1 ? "was" : "were"));
    }
    for (const auto& [file, off] : torn) {
        parts.push_back(dropped.contains(file)
                            ? fmt::format("one torn at byte {}", off)
                            : fmt::format("one write to {} was torn at byte {}", file, off));
    }
    if (garbage > 0)
        parts.push_back(
            fmt::format("{} to garbage", counted(garbage, "write turned", "writes turned")));
    if (entries > 0) {
        parts.push_back(fmt::format(
            "{} lost", counted(entries, "directory entry was", "directory entries were")));
    }
    std::string text = fmt::format("{} lost power", name(loss_.node));
    for (std::size_t i = 0; i < parts.size(); ++i) text += (i == 0 ? "; " : ", ") + parts[i];
    if (parts.empty()) text += "; nothing on its disk was lost";
    sentences_.push_back({loss_.at, text + ".", Rank::event});
}

void StoryTeller::on_probe(MonoTime at, NodeId node, const probe::Event& event) {
    settle(at);
    const auto k = [](probe::PartitionKey p) { return static_cast<std::uint64_t>(p); };
    std::visit(
        Match{[&](const probe::LogOpened& e) { opened(node, e); },
              [&](const probe::TornTailCut& e) { recoveries_[node].torn[e.partition] = e.bytes; },
              [&](const probe::BrokerReady&) { ready(at, node); },
              [&](const probe::CorruptionFound& e) {
                  turn();
                  say(at, fmt::format("{} found {} corrupt at offset {}.", name(node),
                                      partition(e.partition), e.at.v));
              },
              [&](const probe::LogTruncated& e) {
                  turn();
                  say(at, fmt::format("{} cut {} from offset {} back to {}.", name(node),
                                      partition(e.partition), e.from.v, e.to.v));
              },
              [&](const probe::LogStartMoved& e) {
                  say(at,
                      fmt::format("The log of {} on {} now starts at offset {}.",
                                  partition(e.partition), name(node), e.to.v),
                      Rank::routine);
              },
              [&](const probe::SegmentRolled& e) {
                  add(at, {Sort::rolled, node, k(e.partition), 0}, 1);
              },
              [&](const probe::SegmentDeleted& e) {
                  add(at, {Sort::deleted, node, k(e.partition), 0}, 1);
              },
              [&](const probe::LogDirFailed& e) {
                  turn();
                  say(at, fmt::format("A log directory of {} failed for good: {}.", name(node),
                                      errno_text(static_cast<std::uint64_t>(e.sys))));
              },
              [&](const probe::DiskFull& e) {
                  int& shards = full_[node];
                  const int before = shards;
                  shards = std::max(0, shards + (e.full ? 1 : -1));
                  if ((before > 0) == (shards > 0)) return;
                  turn();
                  say(at, fmt::format("The disk of {} {}.", name(node),
                                      e.full ? "is full; it refuses writes"
                                             : "has space again; it accepts writes"));
              },
              [&](const probe::ProduceAnswered& e) {
                  if (e.error != 0)
                      add(at, {Sort::answered, node, 0, static_cast<std::uint64_t>(e.error)}, 1);
              },
              [&](const probe::ConnectionShut& e) {
                  say(at, fmt::format("{} shut a connection: {}.", name(node),
                                      e.reason == 1   ? "bad frame"
                                      : e.reason == 2 ? "over its budget"
                                                      : "its fault"));
              },
              [&](const probe::ProduceAcked& e) {
                  add(at, {Sort::acked, node, k(e.partition), 0}, e.count, e.first.v,
                      e.first.v + e.count - 1);
              },
              [&](const probe::ProduceFailed& e) {
                  const auto extra = static_cast<std::uint64_t>(std::int64_t{e.error}) << 1 |
                                     (e.maybe_written ? 1U : 0U);
                  add(at, {Sort::failed, node, k(e.partition), extra}, e.count);
              },
              [&](const probe::RecordDelivered& e) {
                  add(at, {Sort::read, node, k(e.partition), 0}, 1, e.at.v, e.at.v);
              },
              [](const auto&) {}},
        event);
    of_cluster(at, node, event);
}

// "c1, c2 and c4"
std::string StoryTeller::names_of(std::uint64_t bits) const {
    std::vector<std::string> names;
    for (std::int32_t id = 0; id < 64; ++id) {
        if ((bits >> static_cast<unsigned>(id) & 1U) != 0) names.push_back(name(NodeId{id}));
    }
    return joined(names);
}

void StoryTeller::leads(MonoTime at, NodeId node, const probe::LeaderChanged& e) {
    const std::string where = partition(e.partition);
    if (where.starts_with("__cluster_metadata")) quorum_leaders_[e.epoch] = node;
    // A first leader is expected, and one that leads again: another changes the course.
    const auto [led, first] = led_.try_emplace(e.partition, node);
    const bool other = !first && e.epoch.v > 0 && led->second != node;
    led->second = node;
    say(at, fmt::format("{} leads {} in epoch {}.", name(node), where, e.epoch.v),
        other ? Rank::event : Rank::routine);
}

void StoryTeller::of_cluster(MonoTime at, NodeId node, const probe::Event& event) {
    std::visit(
        Match{[&](const probe::LeaderChanged& e) { leads(at, node, e); },
              [&](const probe::ReplicaTruncated& e) {
                  turn();
                  say(at, fmt::format("{} cut {} from offset {} back to {}: its leader does not "
                                      "have the rest.",
                                      name(node), partition(e.partition), e.from.v, e.to.v));
              },
              [&](const probe::LogRemoved& e) {
                  say(at,
                      fmt::format("{} removed its log of {}.", name(node), partition(e.partition)),
                      Rank::routine);
              },
              [&](const probe::RecordsDeleted& e) {
                  turn();
                  say(at, fmt::format("{} answers that what is below offset {} of {} is deleted.",
                                      name(node), e.low_watermark.v, partition(e.partition)));
              },
              [&](const probe::BrokerRegistered& e) {
                  turn();
                  say(at, fmt::format("{} is {}.", name(node), e.fenced ? "fenced" : "unfenced"));
              },
              [&](const probe::VotersChanged& e) {
                  const auto leader = quorum_leaders_.find(e.epoch);
                  if (leader == quorum_leaders_.end() || leader->second != node) return;
                  turn();
                  say(at, fmt::format("{} makes {} the voters of the quorum, who were {}.",
                                      name(node), names_of(e.members), names_of(e.before)));
              },
              [&](const probe::ControllerActive& e) {
                  turn();
                  say(at, fmt::format("{} is the active controller of epoch {}.", name(node),
                                      e.epoch.v));
              },
              [](const auto&) {}},
        event);
}

void StoryTeller::on_sim(MonoTime at, const SimEvent& event) {
    settle(at);
    std::visit(
        Match{[&](const NodeStarted& e) { started(at, e); },
              [&](const NodeStopped& e) { stopped(at, e); },
              [&](const NodeCrashed& e) { crashed(at, e); },
              [&](const DiskLost& e) {
                  if (losing_ && e.node == loss_.node) loss_.pieces.push_back(e);
              },
              [&](const NodePaused& e) { paused(at, e); },
              [&](const ClockJumped& e) {
                  turn();
                  say(at, fmt::format("The wall clock of {} jumped by {}.", name(e.node),
                                      jump(e.by_ms)));
              },
              [&](const ConnOpened& e) { conns_[e.conn] = {e.to}; },
              [&](const MessageSent& e) {
                  if (const auto it = conns_.find(e.conn);
                      it != conns_.end() && e.correlation >= 0) {
                      it->second.waiting += e.response ? -1 : 1;
                  }
              },
              [&](const ConnClosed& e) {
                  const auto it = conns_.find(e.conn);
                  if (it == conns_.end()) return;  // the other side told it
                  // An end that leaves nobody waiting is the way in which clients go, and that a
                  // crash cuts its node's connections goes without saying.
                  const bool own = e.by != it->second.to && last_effect_ != at;
                  const bool missed = e.reset && it->second.waiting > 0 && !losing_ && !own;
                  if (missed) add(at, {Sort::cut, it->second.to, 0, 0}, 1);
                  conns_.erase(it);
              },
              [&](const ConnRefused& e) {
                  add(at, {Sort::refused, e.from, static_cast<std::uint64_t>(e.to.v), 0}, 1);
              },
              [&](const MessageDropped&) {
                  if (!losing_) add(at, {Sort::dropped, NodeId{}, 0, 0}, 1);
              },
              [&](const DiskDone& e) {
                  if (e.sys == 0) return;
                  add(at, {Sort::disk_failed, e.node, static_cast<std::uint64_t>(e.op), e.sys}, 1);
              },
              [&](const FaultArmed& e) { faults_[e.fault].first = e.what; },
              [&](const FaultEffect& e) {
                  if (faults_[e.fault].second++ == 0 && !losing_) turn();
                  last_effect_ = at;
                  if (!losing_) add(at, {Sort::effect, e.node, e.fault, e.what.v}, 1);
              },
              [&](const FaultHealed& e) {
                  turn();
                  const auto& [what, effects] = faults_[e.fault];
                  say(at, fmt::format("Fault {} ended after {}.", e.fault + 1,
                                      counted(effects, "effect", "effects")));
              },
              [&](const Violation& e) {
                  turn();
                  std::string_view text = recorder_.text(e.sentence);
                  while (text.ends_with('.')) text.remove_suffix(1);
                  say(at, fmt::format("Violated, invariant {}: {}.", e.invariant, text));
              },
              [&](const Note& e) {
                  add(at, {Sort::note, e.node, 0, e.text.v}, 1);
              },
              [](const auto&) {}},
        event);
}

std::vector<std::string> StoryTeller::sentences(std::size_t most) {
    turn();
    for (const auto& [index, fault] : faults_) {
        if (fault.second > 0) continue;
        say(end_, fmt::format("Fault {} ({}) never had an effect.", index + 1,
                              recorder_.text(fault.first)));
    }
    std::vector<Sentence> list = sentences_;
    std::stable_sort(list.begin(), list.end(),
                     [](const Sentence& a, const Sentence& b) { return a.at < b.at; });
    for (std::size_t i = list.size(); i-- > 0 && list.size() > most;) {
        if (list[i].rank == Rank::routine)
            list.erase(list.begin() + static_cast<std::ptrdiff_t>(i));
    }
    std::vector<std::string> out;
    const std::size_t head = list.size() > most ? most * 2 / 3 : list.size();
    const std::size_t tail_from =
        list.size() > most ? list.size() - (most - head - 1) : list.size();
    for (std::size_t i = 0; i < list.size(); ++i) {
        if (i == head) out.push_back(fmt::format("   ... {} more sentences ...", tail_from - head));
        if (i >= head && i < tail_from) continue;
        std::string text = list[i].text;
        if (text.starts_with("one ")) text[0] = 'O';
        out.push_back(fmt::format("{}. {} {}", i + 1, seconds(list[i].at), text));
    }
    return out;
}
}  // namespace faultline::sim
