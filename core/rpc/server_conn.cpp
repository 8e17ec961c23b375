#include "core/rpc/server_conn.h"

#include "core/base/assert.h"
#include "core/wire/frame.h"
#include "gen/wire/response_header.h"

namespace faultline::rpc {
namespace {
constexpr std::uint32_t kBadFrame = 1;               // ConnectionShut::reason
constexpr std::uint32_t kUnwritable = 3;             // likewise
constexpr Duration kNextRequest = 5ms;               // who sends more often is seen to do so
constexpr Duration kRestOfRequest = 1ms;             // until its next bytes, when we end
constexpr Duration kLook = 100us;                    // long enough to see what has arrived
constexpr std::uint64_t kAnswersAtOnce = 64 * 1024;  // bytes after which a write gathers no more
}  // namespace

void Responder::send(OutBuf answer) {
    ticket_->slot->answer = std::move(answer);
    none();
}

void Responder::none() {
    ticket_->slot->done = true;
    if (ticket_->slot->changed != nullptr) ticket_->slot->changed->notify_all();
}

void Responder::lose(std::string why) {
    ticket_->slot->why = std::move(why);
    ticket_->slot->lost = true;
    if (ticket_->slot->changed != nullptr) ticket_->slot->changed->notify_all();
}

Responder::Ticket::~Ticket() {
    if (slot->done) return;
    slot->lost = true;
    if (slot->changed != nullptr) slot->changed->notify_all();
}

std::optional<Request> parse_request(const IoBuf& frame) {
    auto parsed = wire::parse_request_frame(frame);
    if (!parsed.ok()) return std::nullopt;
    Request r;
    r.api = (*parsed).api;
    r.version = (*parsed).version;
    r.correlation = (*parsed).correlation_id;
    r.client_id = (*parsed).client_id.value_or("");
    r.body = std::move((*parsed).body);
    return r;
}

void write_response_header(wire::Writer& out, wire::ApiKey api, wire::Version version,
                           std::int32_t correlation) {
    wire::ResponseHeader header;
    header.correlation_id = correlation;
    header.encode(out, {wire::response_header_version(api, version)});
}

void ServerConnection::refuse(std::string_view why) {
    log_.warn("closing {}: {}", to_string(connection_->peer()), why);
    probe_.emit([] { return probe::ConnectionShut{kBadFrame}; });
}

// Its memory is granted already, and others may wait for it.
Result<IoBuf> ServerConnection::read_request(std::size_t size, FrameReader& reader, Duration idle,
                                             fiber::StopToken stop) {
    const Deadline end = clock_.in(idle);
    while (true) {
        const std::size_t had = reader.buffered();
        auto frame = reader.next(std::min(end, clock_.in(limits_.stall)), stop);
        if (frame.code() != Errc::timed_out || clock_.now() >= end.at) return frame;
        const bool goes_on = reader.buffered() - had >= size / 32 && reader.buffered() > had;
        if (!goes_on && !budget_.bytes.try_acquire(1)) {
            refuse("a request stopped arriving while others waited for its memory");
            return frame;
        }
    }
}

ServerConnection::Next ServerConnection::serve_one(const Handler& handler, FrameReader& reader,
                                                   fiber::Group& fibers, Duration idle,
                                                   fiber::StopToken stop) {
    const auto over = [](Errc code) {
        if (code == Errc::timed_out) return Next::idle;
        return code == Errc::unreachable ? Next::gone : Next::end;
    };
    const auto size = reader.length(clock_.in(idle), stop);
    if (!size.ok()) {
        if (size.code() == Errc::too_large)
            refuse("a request is larger than socket.request.max.bytes");
        if (size.code() == Errc::corrupt) refuse("a request has a negative length");
        return over(size.code());
    }
    if (pending_.size() >= limits_.max_pending)
        probe_.reached(probe::Site::request_waits_for_answers);
    // When we end, what was appended is still answered, and nobody waits for ever.
    const auto kept_out = [](Errc code) {
        return code == Errc::cancelled ? Next::end : Next::gone;
    };
    const Deadline patience = clock_.in(ending_ ? limits_.linger : limits_.idle);
    const auto room = changed_.wait(ending_ ? patience : Deadline::never(), stop, [&] {
        return broken_ || pending_.size() < limits_.max_pending;
    });
    if (broken_) return Next::gone;
    if (!room.ok()) return kept_out(room.code());
    auto units = budget_.bytes.acquire(*size, patience, stop);
    if (!units.ok()) return kept_out(units.code());
    auto frame = read_request(*size, reader, idle, stop);
    if (!frame.ok()) return over(frame.code());
    auto request = parse_request(*frame);
    if (!request) {
        refuse("a request's header cannot be read");
        return Next::end;
    }
    frame->clear();
    const auto turn = budget_.handlers.acquire(1, patience, stop);
    if (!turn.ok()) return kept_out(turn.code());
    auto slot = std::make_shared<Responder::Slot>();
    slot->changed = &changed_;
    slot->units = *std::move(units);
    pending_.push_back(slot);
    FL_INVARIANT(41, pending_.size() <= limits_.max_pending);
    const auto api = request->api;
    produces_ = produces_ || api == wire::ApiKey::produce;
    if (handler(*std::move(request), Responder(slot), fibers)) return Next::more;
    refuse(fmt::format("a request of API {} cannot be understood", static_cast<int>(api)));
    return Next::end;
}

// No answer leaves any more. That one is lost means that none behind it can come in order.
void ServerConnection::give_up() {
    if (!pending_.empty() && !pending_.front()->why.empty()) {
        log_.error("closing {}: {}", to_string(connection_->peer()), pending_.front()->why);
        probe_.emit([] { return probe::ConnectionShut{kUnwritable}; });
    }
    broken_ = true;
    connection_->abort();
    changed_.notify_all();
}

// The frames of all that is answered in a row: one write for pipelined requests. Bounded, so that a
// slow reader gets its time-out for a bounded number of bytes.
OutBuf ServerConnection::take_answers() {
    OutBuf out;
    do {
        Responder::Slot& slot = *pending_.front();
        if (slot.answer.size() > 0) out.add(make_frame(std::move(slot.answer)));
        slot.units = {};
        pending_.pop_front();
    } while (out.size() < kAnswersAtOnce && !pending_.empty() && pending_.front()->done);
    return out;
}

void ServerConnection::write_answers(fiber::StopToken stop) {
    while (true) {
        const auto ready = changed_.wait(Deadline::never(), stop, [&] {
            return !pending_.empty() && (pending_.front()->done || pending_.front()->lost);
        });
        if (!ready.ok()) return;
        if (pending_.front()->lost) return give_up();
        OutBuf answers = take_answers();
        writing_ = true;
        changed_.notify_all();
        const bool written =
            answers.size() == 0 ||
            connection_->write(std::move(answers), clock_.in(limits_.write_timeout), stop).ok();
        writing_ = false;
        changed_.notify_all();
        if (!written) {
            probe_.reached(probe::Site::answer_not_written);
            return give_up();
        }
    }
}

// We end. What a producer sends while its connection is closed it has to send again elsewhere,
// after a pause: so that is done at a moment when nothing is under way, if there is one. Right
// behind an answer is the best: the end of the connection arrives with it.
ServerConnection::Next ServerConnection::serve_until_quiet(const Handler& handler,
                                                           FrameReader& reader,
                                                           fiber::Group& fibers) {
    const MonoTime end = clock_.now() + limits_.linger;
    const auto answered = [&] { return broken_ || (pending_.empty() && !writing_); };
    ending_ = true;
    Next next = Next::more;
    Duration patience = kNextRequest;
    while (!broken_ && clock_.now() < end) {
        next = serve_one(handler, reader, fibers, patience, {});
        if (next == Next::end || next == Next::gone) break;
        const bool quiet = answered() && reader.buffered() == 0;
        if (next == Next::idle && quiet) break;
        (void)changed_.wait(Deadline{end}, {}, answered);
        patience = reader.buffered() == 0 ? kLook : kRestOfRequest;
    }
    return next == Next::gone ? Next::gone : Next::end;
}

void ServerConnection::run(const Handler& handler, fiber::StopToken stop) {
    FrameReader reader(*connection_, limits_.max_frame, probe_);
    // Slots may outlive this object in a responder of another shard's reply.
    struct Forget {
        std::deque<std::shared_ptr<Responder::Slot>>& pending;
        ~Forget() {
            for (const auto& slot : pending) slot->changed = nullptr;
        }
    } forget{pending_};
    fiber::Group fibers(scheduler_), writer(scheduler_);
    writer.spawn({.name = "answers"}, [this](fiber::StopToken inner) { write_answers(inner); });
    Next next = Next::more;
    // Who sends without a pause never lets a read see that it is over.
    while (!broken_ && next == Next::more && !stop.stop_requested())
        next = serve_one(handler, reader, fibers, limits_.idle, stop);
    if (next != Next::gone) next = Next::end;
    if (next == Next::end && stop.stop_requested() && produces_)
        next = serve_until_quiet(handler, reader, fibers);
    const auto settled = [&] { return broken_ || (pending_.empty() && !writing_); };
    if (next == Next::end) {
        // What was understood before the end is still answered: a peer may half close and wait.
        if (!stop.stop_requested()) {
            (void)changed_.wait(clock_.in(limits_.write_timeout), stop, settled);
        }
        // We end: what is on its way to the disk has a moment, long polls end with what they have.
        if (stop.stop_requested()) (void)changed_.wait(clock_.in(limits_.linger), {}, settled);
    }
    fibers.request_stop();
    fibers.join();
    if (next == Next::end) (void)changed_.wait(clock_.in(limits_.linger), {}, settled);
    writer.request_stop();
    writer.join();
    if (!broken_ && next == Next::end) say_goodbye();
}

// A connection that is destroyed resets, and a reset overtakes what the peer has not read yet.
void ServerConnection::say_goodbye() {
    connection_->shutdown_write();
    const Deadline deadline = clock_.in(limits_.linger);
    IoBuf dropped;
    while (connection_->read_some(dropped, 16U << 10, deadline).ok()) dropped.clear();
}
}  // namespace faultline::rpc
