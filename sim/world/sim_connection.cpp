#include "sim/world/sim_connection.h"

#include <algorithm>
#include <array>

#include "core/base/assert.h"
#include "sim/world/sim_driver.h"

namespace faultline::sim {
namespace {
constexpr Duration kSynRetry = 1s, kNameServer = 5ms;

// A write may carry several frames. Each leaves as a message of its own, because a message is what
// labels, oracles, faults and pictures take for one request or answer.
std::uint64_t up_to_frame_end(const Pipe& pipe, const IoBuf& data, std::uint64_t n) {
    if (pipe.next_frame > pipe.sent) return std::min(n, pipe.next_frame - pipe.sent);
    if (pipe.next_frame < pipe.sent || data.size() < 4) return n;
    std::array<std::byte, 4> prefix;
    data.copy_out(0, prefix);
    std::uint64_t size = 0;
    for (const std::byte b : prefix) size = size << 8 | std::to_integer<std::uint64_t>(b);
    return std::min(n, 4 + size);
}
}  // namespace

SimConnection::~SimConnection() {
    if (!incarnation_->alive || !conn_.open[side_]) return;
    // Orderly only when both directions have ended and nothing is left unread.
    const bool orderly = out().write_shut && in().ended && in().arrived.empty();
    conn_.open[side_] = false;
    if (!orderly) net_.send(conn_, side_, {.data = {}, .message = 0, .kind = Pipe::Kind::reset});
    net_.recorder_.record(net_.driver_.now(), ConnClosed{conn_.id, conn_.nodes[side_], !orderly});
    net_.forget_if_done(conn_);
}

Result<std::size_t> SimConnection::read_some(IoBuf& into, std::size_t max, Deadline deadline,
                                             fiber::StopToken stop) {
    Pipe& pipe = in();
    while (true) {
        if (!incarnation_->alive) return dead("net.read");
        if (!pipe.arrived.empty()) {
            std::size_t n = std::min(max, pipe.arrived.size());
            if (!conn_.hosts[side_]->faults.empty()) {
                const MonoTime turn = net_.may_read_at(conn_, side_);
                if (turn > net_.scheduler_.now()) {
                    FL_CHECK(wait_turn(turn, deadline, stop));
                    continue;
                }
                n = net_.bytes_of_read(conn_, side_, n);
            }
            if (n == pipe.arrived.size()) {
                into.append(std::move(pipe.arrived));
            } else {
                into.append(pipe.arrived.sub(0, n));
                pipe.arrived.trim_front(n);
            }
            pipe.unread -= n;
            if (!pipe.writers.empty()) pipe.writers.pop_front().wake();
            return n;
        }
        if (pipe.reset) return Error{Errc::unreachable, 104, "net.read"};
        if (pipe.ended) return Error{Errc::closed, 0, "net.read"};
        FL_CHECK(fiber::wait_in(pipe.readers, deadline, stop));
    }
}

Result<void> SimConnection::wait_turn(MonoTime when, Deadline deadline, fiber::StopToken stop) {
    const Deadline turn = net_.scheduler_.here(when);
    if (net_.scheduler_.sleep_until(std::min(turn, deadline), stop) == fiber::Wake::cancelled)
        return Error{Errc::cancelled, 0, "net.read"};
    if (deadline < turn) return Error{Errc::timed_out, 110, "net.read"};
    return {};
}

Result<void> SimConnection::write(OutBuf data, Deadline deadline, fiber::StopToken stop) {
    if (!incarnation_->alive) return dead("net.write");
    FL_ASSERT(!out().write_shut);
    IoBuf memory;
    for (const OutBuf::Part& part : data.parts()) {
        if (const auto* slice = std::get_if<Slice>(&part)) {
            memory.append(*slice);
            continue;
        }
        // A file's bytes are read when their turn comes, as sendfile does.
        if (!memory.empty()) FL_CHECK(write_bytes(std::exchange(memory, {}), deadline, stop));
        FL_CHECK(write_file(std::get<FileSlice>(part), deadline, stop));
    }
    if (!memory.empty()) return write_bytes(std::move(memory), deadline, stop);
    return {};
}

Result<void> SimConnection::write_file(const FileSlice& slice, Deadline deadline,
                                       fiber::StopToken stop) {
    constexpr std::uint64_t kChunk = 64 * 1024;
    for (std::uint64_t done = 0; done < slice.len;) {
        const std::uint64_t want = std::min(kChunk, slice.len - done);
        auto bytes = slice.file->read(slice.off + done, want);
        if (!bytes.ok() || bytes->size() < want) {
            out().broken = true;  // the length was announced already
            return bytes.ok() ? Error{Errc::io, 0, "net.write"} : bytes.error();
        }
        FL_CHECK(write_bytes(*std::move(bytes), deadline, stop));
        done += want;
    }
    return {};
}

Result<void> SimConnection::write_bytes(IoBuf data, Deadline deadline, fiber::StopToken stop) {
    Pipe& pipe = out();
    while (!data.empty()) {
        if (!incarnation_->alive) return dead("net.write");
        if (pipe.broken) return Error{Errc::unreachable, 104, "net.write"};
        const std::uint64_t limit = net_.options_.send_buffer;
        Link& link = *conn_.links[side_];
        const std::uint64_t queue = link.options.queue;
        const bool jammed = queue > 0 && link.queued >= queue;
        if (jammed || pipe.unread >= limit) {
            auto& list = jammed ? link.room : pipe.writers;
            const auto waited = fiber::wait_in(list, deadline, stop);
            if (!waited.ok()) {
                pipe.broken = true;  // a part has left: the stream is useless now
                return waited.error();
            }
            continue;
        }
        std::uint64_t n = std::min<std::uint64_t>(data.size(), limit - pipe.unread);
        n = up_to_frame_end(pipe, data, n);
        if (!conn_.hosts[side_]->faults.empty()) n = net_.bytes_of_write(conn_, side_, n);
        MessageSent sent{++net_.messages_,
                         conn_.id,
                         conn_.nodes[side_],
                         conn_.nodes[1 - side_],
                         static_cast<std::uint32_t>(n),
                         -1,
                         side_ == 1,
                         -1};
        net_.label(conn_, side_, data, n, sent);
        IoBuf chunk = n == data.size() ? std::exchange(data, {}) : data.sub(0, n);
        if (!data.empty()) data.trim_front(n);
        net_.recorder_.record(net_.driver_.now(), sent);
        if (net_.dropped(conn_, sent)) {
            net_.recorder_.record(net_.driver_.now(), MessageDropped{sent.message});
            net_.reset_both(conn_);
            continue;
        }
        net_.send(conn_, side_,
                  {.data = std::move(chunk), .message = sent.message, .kind = Pipe::Kind::data});
    }
    return {};
}

void SimConnection::shutdown_write() noexcept {
    if (!incarnation_->alive || out().write_shut) return;
    out().write_shut = true;
    net_.send(conn_, side_, {.data = {}, .message = 0, .kind = Pipe::Kind::end});
}

void SimConnection::abort() noexcept {
    if (!incarnation_->alive) return;
    net_.arrive_reset(conn_, side_);
    net_.send(conn_, side_, {.data = {}, .message = 0, .kind = Pipe::Kind::reset});
}

// --- listening -----------------------------------------------------------------------------------

SimListener::~SimListener() {
    for (const auto& l : net_.listening_) std::erase(l->shares, this);
    std::erase_if(net_.listening_, [](const auto& l) { return l->shares.empty(); });
    if (!incarnation_->alive) return;
    for (const auto& conn : queue_) {
        conn->open[1] = false;
        net_.send(*conn, 1, {.data = {}, .message = 0, .kind = Pipe::Kind::reset});
    }
}

Result<ConnectionPtr> SimListener::accept(fiber::StopToken stop) {
    while (queue_.empty()) {
        if (!incarnation_->alive) return dead("net.accept");
        FL_CHECK(fiber::wait_in(acceptors_, Deadline::never(), stop));
    }
    if (!incarnation_->alive) return dead("net.accept");
    std::shared_ptr<Conn> conn = std::move(queue_.front());
    queue_.pop_front();
    return ConnectionPtr(std::make_unique<SimConnection>(net_, incarnation_, std::move(conn), 1));
}

Result<std::unique_ptr<faultline::Listener>> AttachedNetwork::listen(const Endpoint& at) {
    if (!incarnation_->alive) return dead("net.listen");
    const bool any =
        at.host.empty() || at.host == "0.0.0.0" || at.host == "::" || at.host == "localhost";
    if (!any && at.host != host_) return Error{Errc::invalid, 99, "net.listen"};
    const std::uint16_t port = at.port != 0 ? at.port : net_.next_port();
    auto listener = std::make_unique<SimListener>(net_, incarnation_, Endpoint{host_, port});
    // Every shard of a node may listen at the same place; connections go round among them.
    if (auto* listening = net_.find_listening(incarnation_->node, port)) {
        listening->shares.push_back(listener.get());
    } else {
        net_.listening_.push_back(std::make_unique<SimNetwork::Listening>());
        *net_.listening_.back() = {incarnation_->node, port, {listener.get()}, 0};
    }
    return std::unique_ptr<faultline::Listener>(std::move(listener));
}

Result<void> AttachedNetwork::sleep(Duration d, Deadline deadline, fiber::StopToken stop,
                                    const char* where) {
    const Deadline end = net_.scheduler_.here(net_.scheduler_.now() + d);
    if (net_.scheduler_.sleep_until(std::min(end, deadline), stop) == fiber::Wake::cancelled)
        return Error{Errc::cancelled, 0, where};
    if (!incarnation_->alive) return dead(where);
    if (deadline < end) return Error{Errc::timed_out, 110, where};
    return {};
}

// One way of a handshake. Parks for the latency; what is lost is tried again, ever later.
Result<void> AttachedNetwork::travel(Link& link, std::uint64_t key, Deadline deadline,
                                     fiber::StopToken stop) {
    Duration backoff = kSynRetry;
    for (std::uint64_t tries = 0;; ++tries, backoff *= 2) {
        const std::uint64_t draw = mix64(key ^ mix64(tries));
        FL_CHECK(sleep(link.options.latency.draw(draw), deadline, stop, "net.connect"));
        while (const LinkFault* clog = link.find(LinkFault::Kind::clog)) {
            net_.faults_.effect(clog->fault, link.from, "a connection attempt was held back");
            const auto waited = fiber::wait_in(link.clogged, deadline, stop);
            if (!incarnation_->alive) return dead("net.connect");
            if (!waited.ok()) return Error{waited.code(), 110, "net.connect"};
        }
        if (const LinkFault* partition = link.find(LinkFault::Kind::partition)) {
            net_.faults_.effect(partition->fault, link.from, "a connection attempt was lost");
        } else if (!net_.host(link.from).down && !net_.host(link.to).down) {
            return {};
        }
        FL_CHECK(sleep(backoff, deadline, stop, "net.connect"));
    }
}

Result<ConnectionPtr> AttachedNetwork::connect(const Endpoint& to, Deadline deadline,
                                               fiber::StopToken stop) {
    if (!incarnation_->alive) return dead("net.connect");
    const bool self = to.host == "localhost" || to.host == "127.0.0.1";
    const auto host = net_.names_.find(self ? host_ : to.host);
    if (host == net_.names_.end()) return Error{Errc::unreachable, 0, "net.resolve"};
    const NodeId from = incarnation_->node, there = host->second->node;
    const HostFault* nameless = self ? nullptr : net_.host_fault(there, HostFault::Kind::no_name);
    if (nameless != nullptr) {
        net_.faults_.effect(nameless->fault, there, "its name did not resolve");
        FL_CHECK(sleep(kNameServer, deadline, stop, "net.resolve"));
        return Error{Errc::unreachable, 0, "net.resolve"};
    }
    Link &go = net_.link(from, there), &back = net_.link(there, from);
    const std::uint64_t key = mix64(go.key + ++go.attempts);
    FL_CHECK(travel(go, key, deadline, stop));
    auto* listening = net_.find_listening(there, to.port);
    SimListener* share = nullptr;
    if (listening != nullptr) {
        share = listening->shares[listening->turn++ % listening->shares.size()];
    }
    if (const HostFault* refusing = net_.host_fault(there, HostFault::Kind::refuse)) {
        net_.faults_.effect(refusing->fault, there, "a connection was refused");
        share = nullptr;
    }
    if (share == nullptr || share->queue_.size() >= SimListener::kBacklog) {
        net_.recorder_.record(net_.driver_.now(), ConnRefused{from, there});
        FL_CHECK(travel(back, key + 1, deadline, stop));
        return Error{Errc::unreachable, 111, "net.connect"};
    }
    const std::shared_ptr<Conn> conn =
        net_.open_conn(key, from, {host_, net_.next_port()}, *listening, {to.host, to.port});
    // The object exists before this fiber parks: if it is killed, the other side hears of it.
    auto mine = std::make_unique<SimConnection>(net_, incarnation_, conn, 0);
    share->queue_.push_back(conn);
    if (!share->acceptors_.empty()) share->acceptors_.pop_front().wake();
    FL_CHECK(travel(back, key + 1, deadline, stop));
    return ConnectionPtr(std::move(mine));
}
}  // namespace faultline::sim
