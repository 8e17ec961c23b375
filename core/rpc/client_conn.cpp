#include "core/rpc/client_conn.h"

#include <algorithm>
#include <utility>

#include "gen/wire/api_versions_request.h"
#include "gen/wire/api_versions_response.h"
#include "gen/wire/request_header.h"
#include "gen/wire/response_header.h"

namespace faultline::rpc {
namespace {
constexpr wire::Version kNewestApiVersions{4};

// A request holds no external parts: those are the broker's way to answer from files.
OutBuf to_out(wire::Encoded encoded) {
    OutBuf out;
    for (auto& part : encoded.parts) out.add(std::get<Slice>(std::move(part)));
    return out;
}
}  // namespace

ClientConn::ClientConn(fiber::Scheduler& scheduler, ConnectionPtr connection,
                       ClientConnOptions options, probe::Probe probe)
    : connection_(std::move(connection)),
      options_(std::move(options)),
      probe_(probe),
      in_flight_(options_.max_in_flight),
      group_(scheduler) {}

ClientConn::~ClientConn() = default;

void ClientConn::Pending::give(Result<IoBuf> result) {
    answer.emplace(std::move(result));
    const fiber::Semaphore::Units freed = std::move(place);
    waiter.wake();
    if (changed != nullptr) changed->notify_all();
}

void ClientConn::Posted::forget() noexcept {
    if (pending_ != nullptr) pending_->changed = nullptr;
    pending_.reset();
}

ClientConn::Posted& ClientConn::Posted::operator=(Posted&& other) noexcept {
    if (this == &other) return *this;
    forget();
    pending_ = std::move(other.pending_);
    version_ = other.version_;
    return *this;
}

Result<void> ClientConn::start(Deadline deadline, fiber::StopToken stop) {
    group_.spawn({.name = "rpc.client_reader"},
                 [this](fiber::StopToken reader_stop) { read_answers(reader_stop); });
    return negotiate(deadline, stop);
}

void ClientConn::close() {
    fail({Errc::closed, 0, "rpc.client_close"});
    group_.request_stop();
    group_.join();
}

std::optional<wire::Version> ClientConn::common_version(wire::ApiKey key, wire::Version min,
                                                        wire::Version max) const {
    const auto index = static_cast<std::size_t>(key);
    if (index >= ranges_.size()) return std::nullopt;
    const wire::VersionRange& range = ranges_[index];
    const std::int16_t version = std::min(range.high, max.v);
    if (range.empty() || version < range.low || version < min.v) return std::nullopt;
    return wire::Version{version};
}

Result<void> ClientConn::negotiate(Deadline deadline, fiber::StopToken stop) {
    wire::ApiVersionsRequest request;
    request.client_software_name = "faultline";
    request.client_software_version = "0.1.0";
    wire::ApiVersionsResponse response;
    for (wire::Version version = kNewestApiVersions;; version = wire::Version{0}) {
        FL_TRY(const IoBuf frame, exchange(wire::ApiKey::api_versions, version, request.info(),
                                           &request, deadline, stop));
        // A broker that does not know the version answers error 35 in a body of version 0.
        wire::Version body = version;
        if (frame.size() >= 6) {
            std::array<std::byte, 2> code;
            frame.copy_out(4, code);
            if (code[0] == std::byte{0} && code[1] == std::byte{35}) body = wire::Version{0};
        }
        FL_CHECK(decode(frame, wire::ApiKey::api_versions, body, response.info(), &response));
        if (response.error_code == wire::KafkaError::none) break;
        if (response.error_code != wire::KafkaError::unsupported_version || version.v == 0) {
            const Error error{Errc::corrupt, 0, "rpc.api_versions"};
            fail(error);
            return error;
        }
        response = {};
    }
    for (const auto& api : response.api_keys) {
        if (api.api_key < 0 || static_cast<std::size_t>(api.api_key) >= ranges_.size()) continue;
        ranges_[static_cast<std::size_t>(api.api_key)] = {api.min_version, api.max_version};
    }
    return {};
}

Result<void> ClientConn::write(wire::ApiKey key, wire::Version version,
                               const wire::MessageInfo& info, const void* request,
                               const std::shared_ptr<Pending>& pending, Deadline deadline,
                               fiber::StopToken stop) {
    const Error unusable{Errc::busy, 0, "rpc.unusable"};
    if (broken_) return unusable;
    wire::RequestHeader header;
    header.request_api_key = static_cast<std::int16_t>(key);
    header.request_api_version = version.v;
    header.correlation_id = next_correlation_;
    next_correlation_ = next_correlation_ == INT32_MAX ? 1 : next_correlation_ + 1;
    header.client_id = options_.client_id;
    wire::Writer writer;
    writer.i32(0);  // the frame's length
    header.encode(writer, wire::Version{wire::request_header_version(key, version)});
    wire::encode_message(writer, version, info, request);
    if (!writer.ok()) return Error{Errc::invalid, 0, writer.error()};

    // What did not get its turn to write was not sent: the connection stays as it is.
    auto turn = write_mutex_.lock(deadline, stop);
    if (!turn.ok()) return Error{Errc::busy, 0, "rpc.write_turn"};
    if (broken_) return unusable;
    if (pending != nullptr) {
        pending->correlation = header.correlation_id;
        pending_.push_back(pending);
    }
    const auto written = connection_->write(to_out(writer.finish_frame()), deadline, stop);
    if (!written.ok()) fail(written.error());
    return written;
}

Result<std::shared_ptr<ClientConn::Pending>> ClientConn::begin(
    wire::ApiKey key, wire::Version version, const wire::MessageInfo& info, const void* request,
    fiber::Condition* changed, Deadline deadline, fiber::StopToken stop) {
    auto place = in_flight_.acquire(1, deadline, stop);
    if (!place.ok()) return Error{Errc::busy, 0, "rpc.in_flight"};
    auto pending = std::make_shared<Pending>();
    pending->place = *std::move(place);
    // Listened for once it is written: until then this fiber hears of a failure here.
    FL_CHECK(write(key, version, info, request, pending, deadline, stop));
    pending->changed = changed;
    return pending;
}

Result<IoBuf> ClientConn::exchange(wire::ApiKey key, wire::Version version,
                                   const wire::MessageInfo& info, const void* request,
                                   Deadline deadline, fiber::StopToken stop) {
    FL_TRY(const auto pending, begin(key, version, info, request, nullptr, deadline, stop));
    if (!pending->answer) {
        switch (pending->waiter.park(deadline, stop)) {
            case fiber::Wake::signalled: break;
            case fiber::Wake::timed_out: give_up(); break;
            case fiber::Wake::cancelled: fail({Errc::cancelled, 0, "rpc.call"}); break;
        }
    }
    FL_ASSERT(pending->answer.has_value());
    return *std::move(pending->answer);
}

void ClientConn::give_up() {
    probe_.reached(probe::Site::client_call_timed_out);
    fail({Errc::timed_out, 0, "rpc.call"});
}

Result<void> ClientConn::decode(const IoBuf& frame, wire::ApiKey key, wire::Version version,
                                const wire::MessageInfo& info, void* response) {
    wire::Reader reader(frame);
    wire::ResponseHeader header;
    header.decode(reader, wire::Version{wire::response_header_version(key, version)});
    wire::decode_message(reader, version, info, response);
    if (reader.ok() && reader.remaining() == 0) return {};
    const Error error{Errc::corrupt, 0, "rpc.response"};
    fail(error);
    return error;
}

void ClientConn::read_answers(fiber::StopToken stop) {
    FrameReader frames(*connection_, options_.max_response, probe_);
    while (!broken_) {
        auto frame = frames.next(Deadline::never(), stop);
        if (!frame.ok()) return fail(frame.error());
        wire::Reader reader(*frame);
        const std::int32_t correlation = reader.i32();
        if (!reader.ok() || pending_.empty() || pending_.front()->correlation != correlation) {
            return fail({Errc::corrupt, 0, "rpc.correlation"});
        }
        const std::shared_ptr<Pending> first = std::move(pending_.front());
        pending_.pop_front();
        first->give(*std::move(frame));
    }
}

void ClientConn::fail(Error error) noexcept {
    if (!broken_) {
        broken_ = true;
        connection_->abort();
    }
    for (const auto& p : std::exchange(pending_, {})) p->give(error);
}
}  // namespace faultline::rpc
