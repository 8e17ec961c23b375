#include "core/broker/controller_channel.h"

#include <algorithm>

namespace faultline::broker {
namespace {
constexpr Duration kLongestConnect = 2s;
}

Result<std::shared_ptr<rpc::ClientConn>> ControllerChannel::connect(Deadline deadline,
                                                                    fiber::StopToken stop) {
    FL_TRY(const auto turn, connecting_.lock(deadline, stop));
    const auto leader = local_.quorum().leader();
    if (!leader || *leader == env_.node) return Error{Errc::not_found, 0, "controller.unknown"};
    if (conn_ != nullptr && conn_->usable() && to_ == *leader) return conn_;
    const auto endpoint = local_.quorum().endpoint_of(*leader);
    if (!endpoint) return Error{Errc::not_found, 0, "controller.unknown"};
    if (conn_ != nullptr) {
        if (to_ != *leader) conn_->give_up();  // who waits there asks the new one
        old_.push_back(std::move(conn_));
    }
    std::erase_if(old_, [](const auto& c) {
        const bool alone = c.use_count() == 1;
        if (alone) c->close();
        return alone;
    });
    if (tried_ != *leader) patience_ = usual_;
    tried_ = *leader;
    const MonoTime begun = env_.clock.now();
    auto made = dial(*endpoint, std::min(deadline, env_.clock.in(patience_)), stop);
    if (made.ok()) {
        usual_ = std::clamp((env_.clock.now() - begun) * 2, kFirstConnect, kLongestConnect);
        patience_ = usual_;
    } else if (made.code() == Errc::timed_out) {
        patience_ = std::min(patience_ * 2, kLongestConnect);
    }
    FL_TRY(auto conn, std::move(made));
    if (local_.quorum().leader() != leader) {  // follow() did not know of this one
        conn->close();
        return Error{Errc::busy, 0, "controller.changed"};
    }
    conn_ = conn;
    to_ = *leader;
    return conn;
}

Result<std::shared_ptr<rpc::ClientConn>> ControllerChannel::dial(const Endpoint& to, Deadline until,
                                                                 fiber::StopToken stop) {
    FL_TRY(auto stream, env_.net.connect(to, until, stop));
    auto conn = std::make_shared<rpc::ClientConn>(
        env_.fibers, std::move(stream), rpc::ClientConnOptions{.client_id = "broker"}, env_.probe);
    if (const auto started = conn->start(until, stop); !started.ok()) {
        conn->close();
        return started.error();
    }
    return conn;
}

void ControllerChannel::follow(NodeId controller) {
    if (conn_ != nullptr && to_ != controller && controller.v >= 0) conn_->give_up();
}

void ControllerChannel::close() {
    if (conn_ != nullptr) conn_->close();
    for (const auto& c : old_) c->close();
    conn_.reset();
    old_.clear();
}
}  // namespace faultline::broker
