#include "core/broker/controller_channel.h"

namespace faultline::broker {
namespace {
constexpr Duration kConnectTimeout = 2s;
}

Result<std::shared_ptr<rpc::ClientConn>> ControllerChannel::connect(Deadline deadline,
                                                                    fiber::StopToken stop) {
    FL_TRY(const auto turn, connecting_.lock(deadline, stop));
    const auto leader = local_.quorum().leader();
    if (!leader || *leader == env_.node) return Error{Errc::not_found, 0, "controller.unknown"};
    if (conn_ != nullptr && conn_->usable() && to_ == *leader) return conn_;
    const auto endpoint = local_.quorum().endpoint_of(*leader);
    if (!endpoint) return Error{Errc::not_found, 0, "controller.unknown"};
    if (conn_ != nullptr) old_.push_back(std::move(conn_));
    std::erase_if(old_, [](const auto& c) {
        const bool alone = c.use_count() == 1;
        if (alone) c->close();
        return alone;
    });
    const Deadline until = std::min(deadline, env_.clock.in(kConnectTimeout));
    FL_TRY(auto stream, env_.net.connect(*endpoint, until, stop));
    auto conn = std::make_shared<rpc::ClientConn>(
        env_.fibers, std::move(stream), rpc::ClientConnOptions{.client_id = "broker"}, env_.probe);
    if (const auto started = conn->start(until, stop); !started.ok()) {
        conn->close();
        return started.error();
    }
    if (local_.quorum().leader() != leader) {  // follow() did not know of this one
        conn->close();
        return Error{Errc::busy, 0, "controller.changed"};
    }
    conn_ = conn;
    to_ = *leader;
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
